"""The built-in model counts a prompt with its real tokenizer, once it is loaded."""

import csv
import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Message, Request
from lib.core.tokens import about
from lib.providers.embedded import Embedded
from tests.contract.conftest import PICTURE, last_usage
from tests.contract.engine import LABEL, NEEDS_WEIGHTS, ask, children, make

pytestmark = NEEDS_WEIGHTS

REVIEWS = Path(__file__).parents[1] / "data" / "reviews_sample.csv"


@pytest.fixture(scope="module")
def loaded() -> Iterator[Embedded]:
    with closing(make()) as embedded:
        ask(embedded, "hello", max_tokens=1)
        yield embedded


def test_counting_loads_nothing() -> None:
    """Before its first answer the built-in model cannot say, and no process is started to ask."""
    before = children()
    with closing(make()) as embedded:
        found = embedded.count(Request(LABEL, (Message("user", "hello"),)))
        now = children()

    assert found is None
    assert now == before


@pytest.mark.parametrize(
    "messages",
    [
        ("hello",),
        ("größer, नमस्ते and 漢字", "x y", "and <|im_end|> 3.14159"),
        ("word " * 500,),
    ],
    ids=["short", "talk", "long"],
)
@pytest.mark.parametrize("system", ["", "Be brief."])
def test_the_built_in_model_counts_as_it_answers(
    loaded: Embedded, messages: tuple[str, ...], system: str
) -> None:
    """Template, history and every script are in the count."""
    said = tuple(Message("assistant" if i % 2 else "user", text) for i, text in enumerate(messages))
    request = Request(LABEL, said, system=system, max_tokens=1)
    before = loaded.count(request)
    usage = last_usage(list(loaded.stream(request)))

    assert usage is not None
    assert before == usage.input_tokens


@pytest.mark.parametrize("options", [{"raw": True}, {"model": "other"}, {"media": (PICTURE,)}])
def test_the_built_in_model_counts_only_its_own_chats(
    loaded: Embedded, options: dict[str, Any]
) -> None:
    """Raw prompts have no template, pictures no text."""
    options = dict(options)
    message = Message("user", "hello", options.pop("media", ()))

    assert loaded.count(replace(Request(LABEL, (message,)), **options)) is None


def test_a_closed_engine_cannot_say() -> None:
    """After its end it is as before its beginning."""
    embedded = make()
    ask(embedded, "hello", max_tokens=1)
    embedded.close()

    assert embedded.count(Request(LABEL, (Message("user", "hello"),))) is None


def test_the_guess_for_the_built_in_model_is_near(loaded: Embedded) -> None:
    """Before it is loaded only a guess is shown; for English it is within 15 %."""
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in itertools.islice(csv.DictReader(file), 40)]
    request = Request(LABEL, (Message("user", "\n".join(texts)),), system="Be brief.")

    assert about(request, "embedded") == pytest.approx(loaded.count(request), rel=0.15)
