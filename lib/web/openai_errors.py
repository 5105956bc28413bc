"""Errors as OpenAI's clients read them: one text, a kind, the field, a code."""

import re
from typing import Any

from starlette.types import Scope

from lib.core.errors import AppError

_ROOT = "/api/v1/"
_FIELD = re.compile(r"([a-z_][\w.]*): ", re.ASCII)  # our messages begin with the field's name
_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


def speaks_openai(scope: Scope) -> bool:
    """Whether a call came by OpenAI's dialect, and wants its answer so."""
    return str(scope["path"]).startswith(_ROOT)


def openai_error(error: AppError) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`; `code` is ours, the message ends with the hint."""
    fields = error.fields()
    field = _FIELD.match(str(fields["message"]))
    return {
        "error": {
            "message": f"{fields['message']} {fields['hint']}",
            "type": _TYPES.get(error.status) or _type_of(error.status),
            "param": field and field[1],
            "code": fields["code"],
        }
    }


def openai_headers(error: AppError) -> dict[str, str]:
    """What tells OpenAI's clients not to send it again: they repeat every 429 and 5xx else."""
    return {} if error.retryable else {"x-should-retry": "false"}


def _type_of(status: int) -> str:
    return "invalid_request_error" if status < 500 else "server_error"
