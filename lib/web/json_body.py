"""The JSON of a request, for the calls whose own rules are stricter than a model's fields."""

import json
from typing import Any

from starlette.requests import Request

from lib.core.errors import BadInput

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def no_json() -> BadInput:
    return BadInput("The body is not valid JSON.")


def no_json_type() -> BadInput:
    return BadInput(
        "content-type: this call takes JSON.",
        hint="Send the header Content-Type: application/json.",
    )


async def json_body(http: Request) -> Any:
    """The decoded body. BadInput when it is no JSON, or is said to be something else.

    A body that is not said to be anything counts as JSON.
    """
    kind = _kind(http)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise no_json_type()
    try:
        return decoded(await http.body())
    except (ValueError, RecursionError):
        raise no_json() from None


def decoded(text: str | bytes) -> Any:
    """What a JSON text holds; ValueError or RecursionError when it is none.

    Of a repeated key the last one counts. 2.0 is the whole number 2, as JSON Schema has it. NaN,
    Infinity and numbers of any size come through, to be judged field by field.
    """
    return json.loads(text, parse_float=_number)


def _number(digits: str) -> int | float:
    number = float(digits)
    return int(number) if number.is_integer() else number


def check_form(http: Request) -> None:
    """BadInput for a body that is said to be no form; without one the query may say it all."""
    has_body = http.headers.get("content-length", "0") != "0" or "transfer-encoding" in http.headers
    if has_body and _kind(http) not in _FORMS:
        raise BadInput(
            "content-type: this call takes a form.", hint="Send it as multipart/form-data."
        )


def _kind(http: Request) -> str:
    return http.headers.get("content-type", "").partition(";")[0].strip().lower()
