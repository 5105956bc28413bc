"""The frame of every page: title, navigation."""

import streamlit as st

from lib.web.texts import _

st.set_page_config(page_title=_("Gemini or your own GPU"), page_icon="⚖️", layout="centered")

st.navigation(
    [
        st.Page("chat.py", title=_("Chat"), icon=":material/chat:", default=True),
        st.Page("classify.py", title=_("Classify"), icon=":material/label:"),
        st.Page("estimate.py", title=_("Estimate"), icon=":material/query_stats:"),
    ],
    position="top",
).run()
