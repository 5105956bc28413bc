"""The JSON of a request, for the calls whose own rules are stricter than a model's fields."""

import json
from collections.abc import Callable, Coroutine
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from lib.core.errors import BadInput, TooLarge
from lib.web.pool import Pool

SMALL_BYTES = 2**18  # milliseconds to decode
MOST_VALUES = 100_000  # three times as many as the longest conversation has

_apart = Pool(2)
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def no_json() -> BadInput:
    return BadInput("The body is not valid JSON.")


def no_json_type() -> BadInput:
    return BadInput(
        "content-type: this call takes JSON.",
        hint="Send the header Content-Type: application/json.",
    )


async def json_body(http: Request) -> Any:
    """The decoded body. BadInput when it is no JSON, or is said to be something else; as `decoded`.

    A body that is not said to be anything counts as JSON. A large one is decoded in a thread.
    """
    kind = _kind(http)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise no_json_type()
    try:
        text = await http.body()
        return await _apart.run(decoded, text) if len(text) > SMALL_BYTES else decoded(text)
    except (ValueError, RecursionError):
        raise no_json() from None


def decoded(text: str | bytes) -> Any:
    """What a JSON text holds; ValueError or RecursionError when it is none.

    Of a repeated key the last one counts. 2.0 is the whole number 2, as JSON Schema has it. NaN,
    Infinity and numbers of any size come through, to be judged field by field. TooLarge when a text
    over SMALL_BYTES holds more than MOST_VALUES.
    """
    kind = _Counting if len(text) > SMALL_BYTES else None
    return json.loads(text, cls=kind, parse_float=_number)


class JsonRoute(APIRoute):
    """A route whose body, if it is a model of FastAPI's, is decoded by `json_body`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_decoded(http: Request) -> Response:
            return await handle(_Decoded(http, await json_body(http)))

        return handle_decoded


class _Decoded(Request):
    """The same request, read to its end."""

    def __init__(self, http: Request, value: Any) -> None:
        super().__init__(http.scope, http.receive)
        self._http, self._value = http, value

    async def body(self) -> bytes:
        return await self._http.body()

    async def json(self) -> Any:
        return self._value


class _Counting(json.JSONDecoder):
    """Lets other threads run and gives up in time: the decoder in C holds all of them up, for
    seconds when there are a million keys. Texts, which may be long, are read in C here too.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._left = MOST_VALUES
        self.parse_object, self.parse_array = self._object, self._array
        self.scan_once = py_make_scanner(self)

    def _object(self, start: Any, strict: Any, scan: Any, *hooks: Any) -> Any:
        return JSONObject(start, strict, self._counted(scan), *hooks)

    def _array(self, start: Any, scan: Any) -> Any:
        return JSONArray(start, self._counted(scan))

    def _counted(self, scan: Any) -> Any:
        def scan_one(text: str, at: int) -> Any:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(f"The body holds more than {MOST_VALUES:,} values.")
            return scan(text, at)

        return scan_one


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
