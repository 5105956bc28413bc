"""Every provider holds the model to a set of answers, or to the schema of a pack, on the wire."""

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from lib.core.chat import Message, Request, Text
from lib.providers.ollama import Ollama
from lib.providers.openai_wire import ChoiceForm
from lib.providers.vllm import VLLM
from tests.contract.conftest import EITHER_WAY, QWEN, Bench, only, text_of
from tests.fakes import FakeServer

LABELS = ("positive", "negative", "50 % «größer»")
STRING = {"type": "string", "enum": list(LABELS)}
THINKER = "qwen3.5:4b"


def ask(bench: Bench, text: str, **options: Any) -> str:
    return text_of(list(bench.provider.stream(bench.request(text, **options))))


def pack_schema(rows: int) -> dict[str, Any]:
    label = {"type": "string", "enum": list(LABELS)}
    item = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "label": label},
        "required": ["id", "label"],
    }
    return {"type": "array", "items": item, "minItems": rows, "maxItems": rows}


def lines(*texts: str) -> str:
    rows = [{"id": i, "text": text} for i, text in enumerate(texts, start=1)]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def sent_choice(bench: Bench) -> Any:
    """What holds the model to its choices in the last call's body, in the dialect's own place."""
    body = bench.fake.asked[-1].body
    if bench.adapter.google:
        config = body["generationConfig"]
        schema = config.get("responseSchema") or config["response_schema"]
        kind = {1: "STRING"}.get(schema["type"], schema["type"])
        return config.get("responseMimeType"), kind, schema["enum"]
    return body["format"] if bench.adapter.id == "ollama" else body["structured_outputs"]


@EITHER_WAY
def test_choices_reach_the_wire_and_bind_the_answer(bench: Bench, stream: bool) -> None:
    """The allowed answers travel in the provider's own field, word for word, and one comes back."""
    answers = {
        ask(bench, text, choices=LABELS, stream=stream) for text in ("so negative", "NEGATIVE")
    }
    expected: Any = {"choice": list(LABELS)}
    if bench.adapter.google:
        expected = ("text/x.enum", "STRING", list(LABELS))
    elif bench.adapter.id == "ollama":
        expected = STRING

    assert sent_choice(bench) == expected
    assert {answer.strip('"') for answer in answers} == {"negative"}


@pytest.mark.parametrize(
    ("form", "field", "value", "answer"),
    [
        ("structured_outputs", "structured_outputs", {"choice": list(LABELS)}, "negative"),
        ("guided_choice", "guided_choice", list(LABELS), None),
        (
            "response_format",
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": STRING}},
            '"negative"',
        ),
    ],
)
def test_other_servers_are_told_in_their_own_words(
    fake: FakeServer, form: ChoiceForm, field: str, value: Any, answer: str | None
) -> None:
    """VLLM_CHOICE picks the field; the two others are not sent along."""
    request = Request(QWEN, (Message("user", "so negative"),), choices=LABELS)
    with closing(VLLM([f"{fake.url}/v1"], "k", 10, choice_form=form)) as provider:
        said = text_of(list(provider.stream(request)))
    body = fake.asked[-1].body

    assert body[field] == value
    assert len({"structured_outputs", "guided_choice", "response_format"} & set(body)) == 1
    assert answer in (None, said)


def test_a_request_without_choices_constrains_nothing(bench: Bench) -> None:
    """Chat is not touched by any of this."""
    ask(bench, "hello")
    sent = json.dumps(bench.fake.asked[-1].body)

    assert not any(word in sent for word in ("structured_outputs", "enum", "response_format"))


@EITHER_WAY
def test_a_pack_reaches_every_dialect(bench: Bench, stream: bool) -> None:
    """The schema of a list of ids and labels arrives whole, and every row gets its own answer."""
    texts = ("so negative", "50 % «größer» than", "nothing known")
    answer = ask(bench, lines(*texts), json_schema=pack_schema(3), stream=stream)

    assert json.loads(answer) == [
        {"id": 1, "label": "negative"},
        {"id": 2, "label": "50 % «größer»"},
        {"id": 3, "label": "positive"},
    ]


def test_a_pack_schema_keeps_its_bounds_and_types(bench: Bench) -> None:
    """Numbers stay numbers, labels an enumeration, and the list has as many items as rows."""
    ask(bench, lines("a", "b"), json_schema=pack_schema(2))
    schema = _schema_in(bench.fake.asked[-1].body)
    kinds = {1: "string", 3: "integer", 5: "array", 6: "object"}

    def kind(part: dict[str, Any]) -> str:
        return kinds.get(part["type"], str(part["type"]).lower())

    item = schema["items"]
    parts = item["properties"]
    assert [kind(part) for part in (schema, item, parts["id"], parts["label"])] == [
        "array", "object", "integer", "string",
    ]  # fmt: skip
    assert (int(schema["minItems"]), int(schema["maxItems"])) == (2, 2)
    assert parts["label"]["enum"] == list(LABELS)
    assert item["required"] == ["id", "label"]


def _schema_in(body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig", {})
    found: dict[str, Any] = (
        config.get("responseJsonSchema")
        or config.get("responseSchema")
        or body.get("format")
        or body["response_format"]["json_schema"]["schema"]
    )
    return found


@only(lambda adapter: adapter.id == "gemini_bulk-grpc")
def test_only_strings_have_an_enumeration_at_google(bench: Bench) -> None:
    """Google refuses an enum of numbers, so the old protocol's schema leaves it out."""
    schema = pack_schema(1)
    schema["items"]["properties"]["id"]["enum"] = [1]
    ask(bench, lines("so negative"), json_schema=schema)

    assert "enum" not in _schema_in(bench.fake.asked[-1].body)["items"]["properties"]["id"]


@only(lambda adapter: not adapter.google)
@EITHER_WAY
def test_log_probabilities_come_with_a_choice(bench: Bench, stream: bool) -> None:
    """A confidence can be computed from a constrained answer, in one piece as in a stream."""
    request = bench.request("so negative", choices=LABELS, logprobs=2, stream=stream)
    events = list(bench.provider.stream(request))
    tokens = [one for event in events if isinstance(event, Text) for one in event.logprobs]

    assert "".join(one.token for one in tokens) == text_of(events)
    assert all(one.logprob <= 0 and len(one.top) == 2 for one in tokens)


def test_ollama_says_which_models_think(fake: FakeServer) -> None:
    """The picker's entry knows, so that a classifier can switch the thinking off."""
    with closing(Ollama([fake.url], 10)) as provider:
        thinks = {info.name: info.thinks for info in provider.models()}

    assert thinks == {"gemma3:4b": False, "llama3.2:3b": False, THINKER: True}


def test_thinking_is_switched_off_on_the_wire(fake: FakeServer) -> None:
    """Off is sent as off, and nothing at all when nothing was said."""
    request = Request(THINKER, (Message("user", "negative"),), choices=LABELS, thinking="off")
    with closing(Ollama([fake.url], 10)) as provider:
        for asked in (request, replace(request, thinking=None)):
            list(provider.stream(asked))
    off, unsaid = (call.body for call in fake.asked[-2:])

    assert off["think"] is False
    assert unsaid.get("think") is None
