"""A body is read strictly: whatever is wrong is BadInput that begins with the field's name."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.errors import BadInput
from lib.core.estimate_input import parse
from tests.unit.test_estimate import answer_to, body

NUMBERS = [
    "tokens_per_month", "input_share", "input_tokens", "output_tokens", "images_per_request",
    "api.cached_share", "api.batch_share", "api.retry_share", "local.concurrency",
    "local.decode_tok_s", "local.prefill_tok_s", "rental.usd_per_hour", "rental.fee_share",
    "rental.active_hours_per_month", "rental.peak_to_average", "rental.max_utilisation",
    "rental.sessions_per_month", "rental.cold_start_hours", "rental.minimum_hours",
    "rental.interruptions_per_hour", "rental.labour_usd_per_month",
]  # fmt: skip
REQUESTS = {"tokens_per_month": None, "requests_per_month": 1}
NAMES = ["api.model", "api.tier", "local.model", "local.engine", "local.gpu", "rental.mode"]
WRONG = [
    True, "5", [], {}, float("nan"), float("inf"), float("-inf"), -1, 1.001e15, 10**5000,
    -(10**5000),
]  # fmt: skip


def with_field(name: str, value: Any) -> dict[str, Any]:
    *parent, last = name.split(".")
    changed = body()
    (changed[parent[0]] if parent else changed)[last] = value
    return changed


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_wrong_number_is_named(name: str, value: Any):
    """Truth values, texts, lists, NaN, infinities, negative and endless numbers are refused."""
    with pytest.raises(BadInput, match=f"^{name}: "):
        parse(with_field(name, value))


@pytest.mark.parametrize("value", [None, 5, True, "", "none", "\ud800", []])
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_name_is_named(name: str, value: Any):
    """A model, GPU, engine, mode or tier nobody knows is refused, whatever it is."""
    with pytest.raises(BadInput, match=f"^{name}: ") as caught:
        answer_to(with_field(name, value))

    json.dumps(str(caught.value)).encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_share", 1.01),
        ("api.cached_share", 1.01),
        ("api.batch_share", 1.01),
        ("api.retry_share", 1.01),
        ("rental.fee_share", 1.01),
        ("local.concurrency", 0),
        ("local.concurrency", 1.5),
        ("local.decode_tok_s", 0),
        ("local.prefill_tok_s", 0),
        ("rental.active_hours_per_month", 0),
        ("rental.active_hours_per_month", 730.01),
        ("rental.peak_to_average", 0.99),
        ("rental.max_utilisation", 0),
        ("rental.max_utilisation", 1.01),
        ("input_tokens", 0),
        ("rental.usd_per_hour", None),
        ("api.batch_share", None),
        ("api", None),
        ("local", []),
        ("rental", "always_on"),
        ("local.concurency", 4),
        ("tokens", 4),
    ],
)
def test_a_breach_of_a_bound_is_named(name: str, value: Any):
    """A number just out of its bounds, a null and an unknown field are refused by name."""
    with pytest.raises(BadInput, match=f"^{name}: "):
        parse(with_field(name, value))


@pytest.mark.parametrize(
    "name",
    [
        "tokens_per_month", "input_tokens", "api", "api.model", "local", "local.model",
        "local.engine", "local.gpu", "rental", "rental.mode", "rental.usd_per_hour",
    ],
)  # fmt: skip
def test_a_missing_field_is_named(name: str):
    """Each required field is asked for by its dotted name."""
    *parent, last = name.split(".")
    changed = body()
    del (changed[parent[0]] if parent else changed)[last]

    with pytest.raises(BadInput, match=f"^{name}: "):
        parse(changed)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"requests_per_month": 5}, "tokens_per_month"),
        ({"tokens_per_month": None}, "tokens_per_month"),
        ({"input_share": None, "output_tokens": None}, "output_tokens"),
        ({"input_share": 0, "output_tokens": None}, "output_tokens"),
        ({"input_share": 0, "output_tokens": 0}, "output_tokens"),
        ({"input_share": None, "input_tokens": 0, "output_tokens": 0}, "input_tokens"),
        ({"tokens_per_month": None, "requests_per_month": -1}, "requests_per_month"),
        (REQUESTS | {"output_tokens": None}, "output_tokens"),
    ],
)  # fmt: skip
def test_an_unclear_volume_is_bad_input(changes: dict[str, Any], field: str):
    """One volume, and a request whose tokens can be told, are needed."""
    with pytest.raises(BadInput, match=f"^{field}: "):
        parse(body(**changes))


@pytest.mark.parametrize("value", [None, [], "{}", 5, True])
def test_a_body_that_is_no_object_is_bad_input(value: object):
    """A list, a text or nothing at all is refused."""
    with pytest.raises(BadInput):
        parse(value)


def test_defaults_are_those_of_the_contract():
    """What is left out has the published default."""
    given = parse(body())

    assert (given.api.tier, given.api.cached_share, given.api.batch_share) == ("standard", 0, 0)
    assert given.api.retry_share == given.work.images_per_request == 0
    assert given.local.concurrency == 4
    assert given.local.decode_tok_s is given.local.prefill_tok_s is None
    assert str(given.rental.fee_share) == "0.05"
    assert given.rental.active_hours_per_month == 730
    assert str(given.rental.max_utilisation) == "0.6"
    assert given.rental.peak_to_average == given.rental.sessions_per_month == 1
    assert given.rental.cold_start_hours == given.rental.minimum_hours == 0
    assert given.rental.interruptions_per_hour == given.rental.labour_usd_per_month == 0


def test_a_share_of_0_counts_no_input():
    """At share 0 the request is its output alone, whatever the input tokens say."""
    work = parse(body(input_share=0, output_tokens=200)).work

    assert (work.input_tokens, work.output_tokens) == (0, 200)


TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def refused_or_answered(call: Callable[[], object]) -> None:
    said: object
    try:
        said = call()
    except BadInput as error:
        said = str(error)

    assert json.dumps(said, allow_nan=False, ensure_ascii=False).encode()


@given(st.sampled_from([*NUMBERS, *NAMES, "requests_per_month", "api", "local"]), JSON)
def test_nonsense_is_never_another_error(name: str, value: object):
    """Any JSON value in any field is answered or is BadInput."""
    refused_or_answered(lambda: answer_to(with_field(name, value)))


EXTREMES = st.sampled_from([0, 5e-324, 1e-300, 1e-9, 1, 3.3, 1e9, 1e15]) | st.floats(0, 1e15)


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), EXTREMES), max_size=8))
def test_extreme_numbers_are_answered_or_refused(changes: list[tuple[str, float]]):
    """Tiny and huge numbers together give finite figures or BadInput, never a crash."""
    changed = body()
    for name, value in changes:
        *parent, last = name.split(".")
        (changed[parent[0]] if parent else changed)[last] = value

    refused_or_answered(lambda: answer_to(changed))
