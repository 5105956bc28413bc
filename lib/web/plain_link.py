"""A link to another page of ours that the browser follows by itself."""

import html
from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st


def show(label: str, page: str, query: Mapping[str, str]) -> None:
    """Opens `page`, a path beside this one, with that query.

    Streamlit's own link first puts the new query on the old page's entry of the browser's history:
    Back would then open the old page without what was chosen there.
    """
    address = html.escape(f"{page}?{urlencode(query)}")
    # The browser's own blue cannot be read on a dark page.
    link = f'<a href="{address}" style="color: inherit">{html.escape(label)}</a>'
    st.html(link, width="content")
