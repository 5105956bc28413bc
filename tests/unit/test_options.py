"""Options of a request as JSON fields, there and back."""

from typing import Any

import pytest

from lib.core.chat import Message, Request
from lib.core.errors import BadInput
from lib.core.options import from_fields, to_fields


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


FULL = Request(
    "m", (Message("user", "hello"),), system="be brief", max_tokens=7, temperature=0.5, top_p=0.9,
    seed=3, stop=("END", "\n"), json_schema={"type": "object"}, thinking="low",
    media_resolution="high",
)  # fmt: skip


def test_every_option_comes_back() -> None:
    """What is kept is what was set; model and messages are not options."""
    again = from_fields(to_fields(FULL))

    assert to_fields(again) == to_fields(FULL)
    assert (again.model, again.messages) == ("", ())
    assert again.stop == ("END", "\n")


def test_what_was_not_set_is_not_kept() -> None:
    """An option nobody set has no field, so a later default still holds."""
    assert to_fields(Request("m", ())) == {"max_tokens": 2048}
    assert from_fields({"temperature": None}).temperature is None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"temperatur": 1}, "temperatur"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stop": ["", "x"]}, "stop"),
        ({"stop": "x"}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ["x" * 201]}, "stop"),
        ({"json_schema": nested(70)}, "json_schema"),
        ({"thinking": "deep"}, "thinking"),
        ({"json_schema": "{}"}, "json_schema"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], names: str) -> None:
    """A mistyped, unknown or impossible option is refused by its name."""
    with pytest.raises(BadInput, match=names):
        from_fields(given)
