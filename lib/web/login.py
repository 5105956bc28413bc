"""The way in: a plain HTML form for the shared password, and a link that is good once."""

import asyncio
from html import escape
from string import Template

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message

from lib.core.errors import AppError, BadInput, TooLarge, Unauthorized
from lib.web.errors import error_headers
from lib.web.keyring import COOKIE_MAX_AGE_S, Keyring
from lib.web.plain_page import HEADERS, plain_page
from lib.web.throttle import Throttle, client_address

MAX_BODY_BYTES = 10_000
FORM_S = 8.0  # longest wait for a form that dribbles in
MAX_NEXT_CHARACTERS = 4_000

_FORM = Template("""$error<form method="post" action="/login">
<input type="hidden" name="next" value="$next">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 required autofocus>
<button type="submit">Log in</button>
</form>""")


def login_routes(keyring: Keyring, throttle: Throttle) -> list[Route]:
    """The routes of /login; `throttle` must be the gate's own, so that all tries count together."""
    return [Route("/login", _Login(keyring, throttle).answer, methods=["GET", "POST"])]


def safe_next(target: str) -> str:
    """`target` when it is a path of this server as every browser reads it, else `/`."""
    is_path = target.startswith("/") and not target.startswith("//")
    # A browser reads "\\" as "/" and drops tabs and line ends before it looks for a host.
    is_plain = "\\" not in target and target.isprintable()
    return target if is_path and is_plain and len(target) <= MAX_NEXT_CHARACTERS else "/"


class _Login:
    def __init__(self, keyring: Keyring, throttle: Throttle) -> None:
        self._keyring = keyring
        self._throttle = throttle

    async def answer(self, request: Request) -> Response:
        target = safe_next(request.query_params.get("next", "/"))
        try:
            if request.method == "POST":
                form = await _read_form(request)
                target = safe_next(form.get("next", target))
                return self._by_password(request, form["password"], target)
            token = request.query_params.get("token")
            # HEAD is what link checkers send: it must not use the link up.
            if token is None or request.method == "HEAD":
                return _page(target)
            if self._keyring.has_cookie(request.headers):
                return RedirectResponse("/", 303, HEADERS)
            return self._by_link(request, token)
        except AppError as error:
            return _page(target, error)

    def _by_password(self, request: Request, password: str, target: str) -> Response:
        address = client_address(request.scope)
        if not self._throttle.attempt(address, lambda: self._keyring.password_ok(password)):
            raise Unauthorized("That is not the password. Try again.")
        return self._welcome(request, target)

    def _by_link(self, request: Request, token: str) -> Response:
        address = client_address(request.scope)
        if not self._throttle.attempt(address, lambda: self._keyring.redeem(token)):
            raise Unauthorized("This login link has been used or is wrong. Enter the password.")
        return self._welcome(request, "/")

    def _welcome(self, request: Request, target: str) -> Response:
        response = RedirectResponse(target, 303, HEADERS)
        forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0]
        response.set_cookie(
            self._keyring.cookie_name,
            self._keyring.issue_cookie(),
            max_age=COOKIE_MAX_AGE_S,
            secure="https" in (request.scope.get("scheme"), forwarded.strip().lower()),
            httponly=True,
            samesite="lax",
        )
        return response


def _page(target: str, error: AppError | None = None) -> HTMLResponse:
    message = "" if error is None else f'<p class="error" role="alert">{escape(str(error))}</p>\n'
    form = _FORM.substitute(error=message, next=escape(target))
    if error is None:
        return plain_page("Log in", form)
    return plain_page("Log in", form, error.status, error_headers(error))


_UNREADABLE = (TimeoutError, ClientDisconnect, HTTPException, MultiPartException, ValueError)


async def _read_form(request: Request) -> dict[str, str]:
    """The form's text fields, `password` among them; raises TooLarge or BadInput."""
    body = b""
    try:
        async with asyncio.timeout(FORM_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(f"The form is larger than {MAX_BODY_BYTES} bytes.")
        fields = await _parse(request, body)
    except _UNREADABLE as problem:
        raise BadInput("The form could not be read.") from problem
    if "password" not in fields:
        raise BadInput("The form has no field called password.")
    return fields


async def _parse(request: Request, body: bytes) -> dict[str, str]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async with Request(request.scope, receive).form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.multi_items() if isinstance(value, str)}
