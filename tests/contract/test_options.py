"""Each option of a request in each provider's own words, and what every model says it takes."""

from contextlib import closing
from typing import Any

import pytest

from lib.core.errors import BadInput, Unsupported
from lib.providers.gemini_bulk import GeminiBulk
from lib.store import catalogue
from tests.contract.conftest import Bench, only
from tests.fakes.gemini import either

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SAMPLING: dict[str, tuple[Any, str, str]] = {
    "temperature": (0.25, "temperature", "temperature"),
    "top_p": (0.75, "topP", "top_p"),
    "stop": (("END", "\n\n"), "stopSequences", "stop"),
}


def sent(bench: Bench, **options: Any) -> dict[str, Any]:
    """The body of a call with these options."""
    list(bench.provider.stream(bench.request("hello", **options)))
    return bench.fake.asked[-1].body


def knobs(bench: Bench, body: dict[str, Any]) -> dict[str, Any]:
    """Where the provider looks for sampling options."""
    if bench.adapter.google:
        return either(body, "generationConfig") or {}
    return body["options"] if bench.adapter.id == "ollama" else body


@pytest.mark.parametrize("option", SAMPLING)
def test_sampling_reaches_the_wire(bench: Bench, option: str) -> None:
    """Temperature, top-p and stop texts stand in the provider's own field, as they were given."""
    value, google, others = SAMPLING[option]
    found = either(knobs(bench, sent(bench, **{option: value})), google)
    if not bench.adapter.google:
        found = knobs(bench, bench.fake.asked[-1].body).get(others)

    assert found == (list(value) if isinstance(value, tuple) else value)


def test_what_was_not_given_is_not_sent(bench: Bench) -> None:
    """A model's own default stands when nobody chose."""
    body = sent(bench)
    found = knobs(bench, body)
    names = {"temperature", "topP", "top_p", "stopSequences", "stop", "seed", "mediaResolution"}

    assert not names & set(found)
    assert either(found, "thinkingConfig") is None
    assert not {"format", "response_format", "chat_template_kwargs"} & set(body)
    assert body.get("think") is None


@only(lambda adapter: not adapter.id.startswith("gemini_bulk"))
def test_a_seed_reaches_the_wire(bench: Bench) -> None:
    """Answers can be repeated where the SDK has a field for it."""
    assert knobs(bench, sent(bench, seed=7))["seed"] == 7


def test_a_schema_reaches_the_wire(bench: Bench) -> None:
    """A JSON schema is sent in the provider's own form, with its types and what is required."""
    body = sent(bench, json_schema=SCHEMA)
    config = knobs(bench, body)
    if bench.adapter.id == "ollama":
        found = body["format"]
    elif bench.adapter.id == "vllm":
        found = body["response_format"]["json_schema"]["schema"]
    else:
        found = either(config, "responseJsonSchema") or either(config, "responseSchema")
    kind = found["properties"]["n"]["type"]

    assert found["required"] == ["n"]
    assert str(kind).lower() in ("integer", "3")  # 3 is the retired SDK's number over REST


@only(lambda adapter: adapter.id == "gemini")
@pytest.mark.parametrize("level", ["low", "medium", "high"])
def test_how_closely_gemini_looks_is_told(bench: Bench, level: Any) -> None:
    """The media resolution of the whole request, in Google's words."""
    config = knobs(bench, sent(bench, media_resolution=level))

    assert config["mediaResolution"] == f"MEDIA_RESOLUTION_{level.upper()}"


# What Gemini takes, and what its retired SDK lacks


@only(lambda adapter: adapter.google)
def test_gemini_takes_five_stop_texts(bench: Bench) -> None:
    """A sixth is refused before anything is sent, and the message names the field."""
    before = len(bench.fake.calls)
    with pytest.raises(BadInput, match="stop") as caught:
        list(bench.provider.stream(bench.request("x", stop=tuple("abcdef"))))
    unsent = len(bench.fake.calls) == before
    list(bench.provider.stream(bench.request("x", stop=tuple("abcde"))))

    assert unsent
    assert "5" in str(caught.value)


@only(lambda adapter: not adapter.google)
def test_others_take_more(bench: Bench) -> None:
    """Neither Ollama nor vLLM has a bound of its own."""
    found = knobs(bench, sent(bench, stop=tuple("abcdef")))

    assert found["stop"] == list("abcdef")


def test_the_retired_sdk_lists_what_it_can() -> None:
    """The same models, without the options its messages have no field for."""
    known = list(catalogue.gemini_models())
    with closing(GeminiBulk("k", None, "127.0.0.1:1", 5, known)) as bulk:
        listed = bulk.models()

    assert [info.name for info in listed] == [info.name for info in known]
    assert {"seed", "media_resolution"} <= known[0].takes
    for before, info in zip(known, listed, strict=True):
        assert info.takes == before.takes - {"seed", "media_resolution"}
        assert info.thinking == ()


@only(lambda adapter: adapter.id.startswith("gemini_bulk"))
@pytest.mark.parametrize(
    "lacking", [{"media_resolution": "low"}, {"seed": 1}, {"thinking": "off"}, {"logprobs": 1}]
)
def test_the_retired_sdk_refuses_what_it_lacks(bench: Bench, lacking: dict[str, Any]) -> None:
    """Whatever slips through is refused by name, never dropped without a word."""
    with pytest.raises(Unsupported, match=next(iter(lacking))):
        sent(bench, **lacking)


@only(lambda adapter: adapter.id.startswith("gemini_bulk"))
def test_a_field_that_may_be_null_is_said_in_the_old_words(bench: Bench) -> None:
    """JSON Schema's pair of types becomes a type that is nullable."""
    schema = {"type": "object", "properties": {"a": {"type": ["null", "string"]}}}
    config = knobs(bench, sent(bench, json_schema=schema))
    found = either(config, "responseSchema")["properties"]["a"]

    assert found["nullable"] is True
    assert str(found["type"]).lower() in ("string", "1")


@only(lambda adapter: adapter.id.startswith("gemini_bulk"))
@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}},
        {"type": ["string", "integer"]},
        {"type": "banana"},
        {"type": "null"},
        {"type": "object", "properties": {"a": 3}},
        {"type": "array", "items": [{"type": "string"}]},
    ],
)
def test_a_schema_the_retired_sdk_cannot_say_is_refused(
    bench: Bench, schema: dict[str, Any]
) -> None:
    """Neither sent as something else nor an accident: the message names the field."""
    before = len(bench.fake.calls)
    with pytest.raises(Unsupported, match="json_schema"):
        sent(bench, json_schema=schema)

    assert len(bench.fake.calls) == before
