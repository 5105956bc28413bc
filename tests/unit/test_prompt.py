"""What is sent for a row or a pack of rows: the texts word for word, and all the task says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.chat import ModelInfo
from lib.core.completion import continuations, prompt
from lib.core.prompt import MORE_TOKENS, MOST_CHOICES, pack, sendable, single, written
from lib.core.task import Example, Label, Task
from tests.unit.builders import PICTURE

TASK = Task(
    (Label("spam", "nobody asked for it"), Label("süß")),
    "Sort these mails.",
    (Example("Buy «now»", "spam"), Example("Dear\nJane", "süß")),
)
MANY = Task(tuple(Label(f"label {i}") for i in range(MOST_CHOICES + 1)))
PLAIN = ModelInfo("vllm", "x", input=("text", "image"))
THINKER = ModelInfo("ollama", "x", thinks=True)
SCORER = ModelInfo("embedded", "x", scores=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXTS)
def test_a_text_is_sent_unchanged_and_alone(text: str) -> None:
    """Never shortened, never mixed with the instruction: data stays data."""
    request = single(TASK, PLAIN, text)

    assert request.messages[-1].text == text
    assert request.messages[-1].role == "user"
    assert request.system == single(TASK, PLAIN, "another").system


@given(st.lists(TEXTS, min_size=2, max_size=8))
def test_every_row_of_a_pack_follows_its_id_on_a_line_of_its_own(texts: list[str]) -> None:
    """JSON escaping apart the texts are unchanged, whatever line ends or quotes they hold."""
    lines = pack(TASK, PLAIN, texts).messages[-1].text.split("\n")

    assert [list(json.loads(line).items()) for line in lines] == [
        [("id", i), ("text", text)] for i, text in enumerate(texts, start=1)
    ]


def test_only_what_json_must_escape_is_escaped() -> None:
    request = pack(TASK, PLAIN, ["Grüße «内» 🙂", "b"])

    assert "Grüße «内» 🙂" in request.messages[-1].text


@pytest.mark.parametrize(
    "request_", [single(TASK, PLAIN, "x"), pack(TASK, PLAIN, ["x", "y"])], ids=["single", "pack"]
)
def test_instruction_labels_and_descriptions_stand_in_the_system_prompt(request_) -> None:
    assert all(
        said in request_.system
        for said in ("Sort these mails.", "- spam: nobody asked for it", "- süß\n", "never an inst")
    )


def test_examples_are_shown_as_a_conversation_that_went_well() -> None:
    *shown, _ = single(TASK, PLAIN, "x").messages

    assert [(said.role, said.text) for said in shown] == [
        ("user", "Buy «now»"),
        ("assistant", "spam"),
        ("user", "Dear\nJane"),
        ("assistant", "süß"),
    ]


def test_examples_of_a_pack_stand_in_its_system_prompt() -> None:
    """As a conversation they would look like packs of one."""
    request = pack(TASK, PLAIN, ["x", "y"])

    assert len(request.messages) == 1
    assert '{"text": "Dear\\nJane", "label": "süß"}' in request.system


def test_a_single_answer_is_held_to_the_labels() -> None:
    assert single(TASK, PLAIN, "x").choices == ("spam", "süß")


def test_a_packs_answer_is_held_to_a_label_for_every_id() -> None:
    schema = pack(TASK, PLAIN, ["x", "y", "z"]).json_schema or {}

    assert (schema["minItems"], schema["maxItems"]) == (3, 3)
    assert schema["items"]["required"] == ["id", "label"]
    assert schema["items"]["properties"]["label"]["enum"] == ["spam", "süß"]


def test_a_long_list_of_labels_is_only_written_in_the_prompt() -> None:
    """A provider may call it too complex; the answer is checked in any case."""
    one, several = single(MANY, PLAIN, "x"), pack(MANY, PLAIN, ["x", "y"])

    assert one.choices == ()
    assert "enum" not in str(several.json_schema)
    assert all(f"- {name}\n" in said.system for name in MANY.names for said in (one, several))


def test_there_is_room_for_the_longest_label_and_more_after_an_answer_that_ran_out() -> None:
    long = Task((Label("ä" * 150), Label("b")))
    one, several = single(long, PLAIN, "x"), pack(long, PLAIN, ["x"] * 40)

    assert one.max_tokens >= 300
    assert several.max_tokens >= 40 * 300
    assert single(long, PLAIN, "x", more=True).max_tokens >= MORE_TOKENS
    assert pack(long, PLAIN, ["x"] * 40, more=True).max_tokens >= 2 * several.max_tokens


def test_the_same_row_is_asked_the_same_way_without_chance() -> None:
    requests = single(TASK, PLAIN, "x"), pack(TASK, PLAIN, ["x", "y"])

    assert [request.temperature for request in requests] == [0.0, 0.0]


def test_a_model_that_thinks_is_told_not_to_and_others_are_told_nothing() -> None:
    assert [single(TASK, info, "x").thinking for info in (THINKER, PLAIN)] == ["off", None]
    assert [pack(TASK, info, ["x"]).thinking for info in (THINKER, PLAIN)] == ["off", None]


def test_a_picture_is_sent_without_the_text_that_stands_for_it() -> None:
    request = single(TASK, PLAIN, "its digest", PICTURE)

    assert request.messages[-1].media == (PICTURE,)
    assert request.messages[-1].text == ""
    assert "picture" in request.system


def test_a_scoring_model_gets_a_raw_prompt_that_only_lacks_the_label() -> None:
    request = single(TASK, SCORER, "Win a prize")

    assert request.raw
    assert request.choices == continuations(TASK)
    assert request.messages[-1].text.partition("Win a prize")[2].startswith("\n")
    assert (request.max_tokens, request.logprobs) == (1, 2)


@pytest.mark.parametrize("text", ["", " \t\n", "\u3000\u00a0", "half \ud800", "\udfffx"])
def test_blank_texts_and_half_characters_cannot_be_sent(text: str) -> None:
    assert not sendable(text)


@pytest.mark.parametrize("text", ["0", "null", "\x00", "🙂", "\u200b.", "x" * 100_000])
def test_every_other_text_can(text: str) -> None:
    assert sendable(text)


def test_a_request_can_be_read_as_it_is_sent() -> None:
    """Who says what, in order; a picture is named, a raw prompt stands alone."""
    said = written(single(TASK, PLAIN, "Win a prize"))
    shown = written(single(TASK, PLAIN, "", PICTURE))

    assert said.startswith("[system]\nLabel the text")
    assert said.index("[assistant]\nspam") < said.index("[user]\nWin a prize")
    assert shown.endswith("[user]\n(the picture)")
    assert written(single(TASK, SCORER, "x")).startswith(prompt(TASK, "x"))
