"""The way out: a page with one button, and its place among the pages.

A login is a signed cookie; logging out puts its id on a list, so that copies of it open nothing
either, and open pages end at their next click. Machines on one database share the list, and know
of a log-out after two seconds. Whoever fears that the password itself is known changes
APP_PASSWORD, on every machine, which ends every login.
"""

from urllib.parse import urlsplit

import anyio.to_thread
import streamlit as st
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from streamlit.navigation.page import StreamlitPage

from lib.web import kit
from lib.web.keyring import Keyring
from lib.web.plain_page import HEADERS, plain_page
from lib.web.texts import _

_FORM = """<p>This browser will need the password again.</p>
<form method="post" action="/logout"><button type="submit">Log out</button></form>"""


def logout_routes(keyring: Keyring) -> list[Route]:
    """The routes of /logout; they stand behind the gate, which refuses a foreign page's POST."""

    async def answer(request: Request) -> Response:
        if request.method != "POST":
            return plain_page("Log out", _FORM, headers=HEADERS)
        await anyio.to_thread.run_sync(keyring.end, request.headers)  # may wait
        response = RedirectResponse("/login", 303, HEADERS)
        response.delete_cookie(keyring.cookie_name, httponly=True, samesite="lax")
        return response

    return [Route("/logout", answer, methods=["GET", "POST"])]


def pages() -> list[StreamlitPage]:
    """The entry of the navigation, which opens a tab of its own; none where nobody logs in."""
    here = urlsplit(st.context.url or "")
    if kit.app().settings.app_auth != "on" or not here.netloc:
        return []
    url = f"{here.scheme}://{here.netloc}/logout"
    return [st.Page(url, title=_("Log out"), icon=":material/logout:")]
