"""The frame of every page: title, width, navigation."""

import streamlit as st

from lib.web import chat_models, logout
from lib.web.texts import _

# First, or the browser asks Google for the navigation's icon to show it in its tab.
st.set_page_config(page_title=_("Gemini or your own GPU"), page_icon="⚖️")
page = st.navigation(
    [
        st.Page("chat.py", title=_("Chat"), icon=":material/chat:", default=True),
        st.Page("classify.py", title=_("Classify"), icon=":material/label:"),
        st.Page("estimate.py", title=_("Estimate"), icon=":material/query_stats:"),
        st.Page("usage.py", title=_("Usage"), icon=":material/payments:"),
        st.Page("models.py", title=_("Models"), icon=":material/dns:"),
        *logout.pages(),
    ],
    position="top",
)
# Once a run: a second, different width makes the browser change between both at every click.
wide = {
    "": chat_models.compares(),
    "classify": "job" in st.query_params,
    "estimate": True,
    "usage": True,
    "models": True,
}.get(page.url_path, False)
st.set_page_config(layout="wide" if wide else "centered")
page.run()
