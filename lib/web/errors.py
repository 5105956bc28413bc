"""How an error leaves this server: as JSON, or for a browser without a login as the way there."""

import math
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from lib.core.errors import AppError, Unauthorized
from lib.web.openai_errors import openai_error, openai_headers, speaks_openai


class Forbidden(Unauthorized):
    """Refused whatever the login says: the call comes by way of a foreign page."""

    status = 403
    default_hint = (
        "Open this server by its own address; a program leaves the Origin header out, or sends "
        "Authorization: Bearer <APP_PASSWORD>."
    )


def error_body(error: AppError) -> dict[str, Any]:
    """`{"error": {code, message, hint, retry_after_s?}}`; `retry_after_s` is in seconds."""
    return {"error": error.fields()}


def error_headers(error: AppError) -> dict[str, str]:
    """What must go with the status: WWW-Authenticate for 401, Retry-After in whole seconds."""
    headers = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(0, math.ceil(error.retry_after_s)))
    return headers


class ErrorAnswer(JSONResponse):
    """An error in the dialect of the call it answers, which only its path tells."""

    def __init__(self, error: AppError) -> None:
        super().__init__(error_body(error), error.status, error_headers(error))
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not speaks_openai(scope):
            await super().__call__(scope, receive, send)
            return
        headers = error_headers(self._error) | openai_headers(self._error)
        answer = JSONResponse(openai_error(self._error), self.status_code, headers)
        await answer(scope, receive, send)


def error_response(error: AppError) -> ErrorAnswer:
    """The answer to a refused or failed call, with the error's own status."""
    return ErrorAnswer(error)


def refusal(error: AppError, scope: Scope) -> Response:
    """The gate's answer: a browser that asks for a page is led to the login and back again."""
    headers = Headers(scope=scope)
    browser = any("text/html" in accept.lower() for accept in headers.getlist("accept"))
    wants_page = scope["method"] == "GET" and browser and "authorization" not in headers
    if error.status != 401 or not wants_page:
        return error_response(error)
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = quote(scope["path"]) + ("?" + query if query else "")
    location = f"/login?next={quote(wanted, safe='/')}"
    return RedirectResponse(location, 303, {"Cache-Control": "no-store"})
