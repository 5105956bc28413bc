"""A conversation as a file: what is saved can be read back, and a stranger's file does no harm."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media
from lib.core.errors import BadInput, NotFound, TooLarge
from lib.store.conversations import Turn, name_of
from lib.work import transcript
from lib.work.app import App
from lib.work.chats import Chats
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, running
from tests.unit.conftest import Talk
from tests.unit.pictures import saved, two_halves

PICTURE = Media("image/png", saved(two_halves(), "PNG"))
SOUND = Media("audio/wav", b"RIFF\0\0\0\0WAVEfmt ")
ODD = "zero \0, 数据 😀, «$5»\r\n\tend "


@pytest.fixture
def other(fake: FakeServer, tmp_path: Path) -> Iterator[App]:
    """Somebody else's playground."""
    with running(fake, tmp_path / "other") as app:
        yield app


@pytest.fixture
def full(app: App, talk: Talk) -> str:
    """A conversation with everything in it: files, thoughts, errors, a local price, a pin."""
    talk.ask("one two #think=2", PICTURE, models=[GEMINI, OLLAMA], thinking="low", stop=("END",))
    talk.say(f"{ODD} #fault=rate_limited", PICTURE, SOUND)
    talk.say("#tokens=3 #fault=no_usage", model=OLLAMA, json_schema={"type": "object"})
    app.conversations.rename(talk.id or "", "A title " + "of many characters " * 5)
    return talk.id or ""


def test_what_was_saved_is_read_back(app: App, other: App, full: str) -> None:
    """Messages, files, facts, settings and title are the same in another place."""
    file = transcript.to_json(app, full)
    conversation = transcript.read(other, file)

    assert transcript.to_json(other, conversation) == file
    assert other.conversations.turns(conversation) == app.conversations.turns(full)
    assert other.conversations.media(name_of(SOUND)) == SOUND
    assert [entry.id for entry in other.conversations.recent("数据")] == [conversation]


def test_a_local_price_is_read_back(fake: FakeServer, tmp_path: Path, other: App) -> None:
    """The machine's price an hour is a fact too."""
    with running(fake, tmp_path, gpu_usd_per_hour="0.4") as app, closing(Chats(app)) as chats:
        talk = Talk(app, chats)
        talk.say("one", model=OLLAMA)
        file = transcript.to_json(app, talk.id or "")
    (answer,) = other.conversations.turns(transcript.read(other, file))[1:]

    assert answer.facts["usd_per_hour"] == "0.4"
    assert Decimal(answer.facts["cost_usd"]) > 0


def test_reading_twice_makes_two(app: App, full: str) -> None:
    """A copy is a conversation of its own, beside the one it was saved from."""
    file = transcript.to_json(app, full)
    ids = {full, transcript.read(app, file), transcript.read(app, file)}

    assert len(ids) == 3
    assert {entry.id for entry in app.conversations.recent()} == ids


def test_a_read_conversation_goes_on(app: App, chats: Chats, talk: Talk, full: str) -> None:
    """Its history is told to the model like any other's."""
    talk.id = transcript.read(app, transcript.to_json(app, full))
    talk.say("and on")

    assert talk.answer.text == "and on"
    assert len(talk.turns) == 9


def test_nothing_is_saved_of_what_is_not_there(app: App) -> None:
    with pytest.raises(NotFound):
        transcript.to_json(app, "nobody")
    with pytest.raises(NotFound):
        transcript.to_markdown(app, "nobody")


def message(position: int, role: str = "user", **more: Any) -> dict[str, Any]:
    fields = {"position": position, "role": role, "text": "words", "thought": "", "media": []}
    return {**fields, "facts": {}, **more}


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    head = {"format": "playground-conversation", "version": 1, "title": "T", "settings": None}
    return {**head, "messages": list(messages), **more}


def picture(**more: Any) -> dict[str, Any]:
    data = base64.b64encode(PICTURE.data).decode()
    return {"mime": PICTURE.mime, "sha256": name_of(PICTURE), "data": data, **more}


def read(app: App, value: Any) -> str:
    return transcript.read(app, json.dumps(value).encode())


GIF = saved(two_halves(), "GIF")
ANSWERS = [message(0), *(message(n, "assistant") for n in range(1, 6))]
SETTINGS: dict[str, Any] = {"models": [GEMINI], "options": {"max_tokens": 5}}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "file"),
        ("text", "file"),
        ({}, "format"),
        (body(format="other"), "format"),
        (body(version=2), "format"),
        (body(title=None), "title"),
        (body(messages={}), "messages"),
        (body(None), "messages[0]"),
        (body(message(1)), "messages[0].position"),
        (body(message(False)), "messages[0].position"),  # type: ignore[arg-type]
        (body(message(0), message(2)), "messages[1].position"),
        (body(message(0), message(0)), "messages[1].position"),
        (body(message(0, "system")), "messages[0].role"),
        (body(message(0, ["user"])), "messages[0].role"),  # type: ignore[arg-type]
        (body(message(0, "assistant")), "messages[0].role"),
        (body(*ANSWERS), "messages[5].role"),
        (body(message(0, text=None)), "messages[0].text"),
        (body(message(0, text=5)), "messages[0].text"),
        (body(message(0, thought=[])), "messages[0].thought"),
        (body(message(0, media="x")), "messages[0].media"),
        (body(message(0, media=["x"])), "messages[0].media[0]"),
        (body(message(0, media=[picture(), picture(data="%%%")])), "messages[0].media[1].data"),
        (body(message(0, media=[picture(data="AAAA")])), "messages[0].media[0].sha256"),
        (body(message(0, media=[picture(sha256=None)])), "messages[0].media[0].sha256"),
        (body(settings=[]), "settings"),
        (body(settings={}), "settings.models"),
        (body(settings=SETTINGS | {"models": [5]}), "settings.models"),
        (body(settings=SETTINGS | {"models": ["a"] * 5}), "settings.models"),
        (body(settings=SETTINGS | {"models": ["![](x)"]}), "settings.models"),
        (body(settings=SETTINGS | {"options": None}), "settings.options"),
        (body(settings=SETTINGS | {"options": {"temperature": "hot"}}), "temperature"),
    ],
)
def test_a_wrong_file_is_refused_by_its_field(app: App, value: Any, field: str) -> None:
    """Whoever made it learns where to look, and nothing of it is stored."""
    with pytest.raises(BadInput, match="^" + re.escape(field) + ":"):
        read(app, value)

    assert app.conversations.recent() == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"{", b'{"a": ' + b"[" * 100_000, b"1" * 10_000, PICTURE.data],
    ids=["empty", "no text", "cut", "deep", "long number", "picture"],
)
def test_what_is_no_json_is_refused(app: App, data: bytes) -> None:
    with pytest.raises(BadInput, match=r"^file:"):
        transcript.read(app, data)

    assert app.conversations.recent() == []


@pytest.mark.parametrize("data", [b"no picture", b"\x89PNG\r\n\x1a\n broken", b""])
def test_a_file_that_cannot_be_read_is_refused(app: App, data: bytes) -> None:
    """What a file is, is read from its content, as at an upload."""
    wrong = picture(data=base64.b64encode(data).decode(), sha256=name_of(Media("image/png", data)))
    with pytest.raises(BadInput, match=r"^messages\[1\].media\[0\].data:"):
        read(app, body(message(0, media=[picture()]), message(1, media=[wrong])))

    assert app.conversations.recent() == []


def test_a_file_is_what_its_content_says(app: App) -> None:
    """A GIF called PNG becomes the PNG an upload of it would have become."""
    named = picture(
        data=base64.b64encode(GIF).decode(), sha256=name_of(Media("image/gif", GIF)), mime="x/y"
    )
    (turn,) = app.conversations.turns(read(app, body(message(0, media=[named, named]))))
    stored = app.conversations.media(turn.media[0])

    assert turn.media == (name_of(stored),) * 2
    assert stored.mime == "image/png"


def test_there_is_a_bound_to_the_messages(app: App) -> None:
    """Twenty thousand can be read, one more is refused before any is."""
    most = [message(n) for n in range(transcript.MOST_MESSAGES)]
    conversation = read(app, body(*most))
    with pytest.raises(TooLarge, match=r"^messages"):
        read(app, body(*most, message(len(most))))

    assert app.conversations.count(conversation) == len(most)
    assert len(app.conversations.recent()) == 1


def test_what_cannot_be_shown_is_made_good(app: App) -> None:
    """Half a character becomes a question mark, a title one short line."""
    conversation = read(app, body(message(0, text="half \ud83d"), title=f" a\n\0b {'x' * 200}"))

    assert app.conversations.turns(conversation) == [Turn(0, "user", "half ?")]
    assert app.conversations.title(conversation) == f"a b {'x' * 116}"


FACTS: dict[str, Any] = {
    "model": "ollama/gemma3:4b", "finish": "stop", "version": "v", "load_ms": 1.5,
    "prompt_cut": False, "cost_usd": "0.0000001", "usd_per_hour": "0.4", "busy_s": 2,
    "queue_ms": 0.0, "asked": "2026-11-22T10:00:00+00:00",
    "usage": dict.fromkeys(
        ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "total_tokens"), 3
    ),
    "timings": {"ttft_ms": 1.5, "total_ms": 2, "tokens_per_second": None},
    "rates": {
        "input_usd_per_mtok": "0.25", "cached_usd_per_mtok": None, "output_usd_per_mtok": "1.5",
        "audio_usd_per_mtok": None, "source": "https://ai.google.dev/pricing#a",
        "checked": "2026-11-22", "tier": "standard",
    },
    "options": {"max_tokens": 5, "stop": ["END"]},
    "error": {"code": "rate_limited", "message": "Wait.", "hint": "Later.", "retry_after_s": 37},
}  # fmt: skip


def facts_of(app: App, facts: Any) -> dict[str, Any]:
    turns = [message(0, facts=facts), message(1, "assistant", facts=facts)]
    prompt, answer = app.conversations.turns(read(app, body(*turns)))

    assert prompt.facts == {}
    return answer.facts


def test_known_facts_are_kept(app: App) -> None:
    nothing = {name: None for name in FACTS if name in ("cost_usd", "rates", "version", "busy_s")}

    assert facts_of(app, FACTS) == FACTS
    assert facts_of(app, nothing) == nothing


@pytest.mark.parametrize("facts", [None, [], "x", {"finish": []}, {"unknown": 1}, {"model": None}])
def test_facts_of_another_kind_are_left_out(app: App, facts: Any) -> None:
    assert facts_of(app, facts) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "a`b"), ("model", "![](https://x.example)"), ("model", "x" * 300),
        ("finish", "exploded"), ("version", "two\nlines"), ("version", 5),
        ("load_ms", "1"), ("load_ms", True), ("load_ms", -1), ("load_ms", float("nan")),
        ("load_ms", float("inf")), ("queue_ms", 10**400), ("prompt_cut", 1),
        ("cost_usd", 0.5), ("cost_usd", "free"), ("cost_usd", "NaN"), ("cost_usd", "-1"),
        ("cost_usd", "Infinity"), ("cost_usd", "1E+999999"), ("cost_usd", "1E-999999"),
        ("asked", "yesterday"), ("asked", "2026-11-22T10:00:00"), ("asked", 5),
        ("usage", []), ("usage", {"input_tokens": 1}),
        ("usage", FACTS["usage"] | {"input_tokens": 1.5}), ("usage", FACTS["usage"] | {"x": 1}),
        ("timings", FACTS["timings"] | {"ttft_ms": "soon"}),
        ("rates", FACTS["rates"] | {"source": "javascript:alert(1)"}),
        ("rates", FACTS["rates"] | {"source": "https://x.example/) [click](https://y"}),
        ("rates", FACTS["rates"] | {"input_usd_per_mtok": None}),
        ("rates", FACTS["rates"] | {"tier": "a|b"}),
        ("options", {"max_tokens": "many"}), ("options", {"max_tokens": 5, "odd": 1}),
        ("options", [1]),
        ("error", {"message": "x"}), ("error", FACTS["error"] | {"hint": None}),
    ],
)  # fmt: skip
def test_a_fact_that_is_not_ours_is_left_out(app: App, name: str, value: Any) -> None:
    """No page breaks on it, and nothing can be smuggled in; the other facts stay."""
    assert facts_of(app, FACTS | {name: value}) == {k: v for k, v in FACTS.items() if k != name}


def headings(text: str) -> list[str]:
    """Those a Markdown renderer sees: outside quotes and fences."""
    found, fence = [], ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif re.fullmatch("`{3,}", line):
            fence = line
        elif line.startswith("#"):
            found.append(line)
    assert not fence
    return found


def test_markdown_tells_all_of_it(app: App, full: str) -> None:
    """Title, prompts with their files, answers under their models, and what each took."""
    text = transcript.to_markdown(app, full)
    lines = text.split("\n")

    assert headings(text) == [
        f"# {app.conversations.title(full)}",
        "## Prompt", f"### {GEMINI}", f"### {OLLAMA}",
        "## Prompt", f"### {GEMINI}",
        "## Prompt", f"### {OLLAMA}",
    ]  # fmt: skip
    assert lines.count("> one two") == 2
    assert text.count(f"*image/png, SHA-256 {name_of(PICTURE)}*") == 2
    assert text.count(f"*audio/wav, SHA-256 {name_of(SOUND)}*") == 1
    assert text.count(" · 13 tokens in · 4 out · ") == 2
    assert r" · \$0.0000" in text
    assert " · – tokens in · – out · cost –" in text
    assert "Gemini asks for fewer requests" in text
    assert " · failed" in text


@pytest.mark.parametrize(
    "evil",
    [
        "# Heading\n## Prompt\n### model",
        "```\nnever closed",
        "~~~\nnever closed",
        "x\n\n---\n\n# Heading",
        "x\r# Heading\r\n# Heading",
        "<!-- the rest is a comment",
        "</blockquote># Heading",
        "<details>\n\n# Heading",
        "````\n```\n<b>\n````````\n# Heading",
        "![seen](https://tracker.example/x.png)",
        "[Prompt]: https://x.example",
        "- list\n\n      # code",
        "\n\n\n",
    ],
)
def test_no_text_breaks_out_of_its_place(app: App, talk: Talk, evil: str) -> None:
    """Whatever is said, the headings are ours, and nothing is fetched or hidden."""
    conversation = app.conversations.start("T")
    answer = Turn(1, "assistant", evil, facts={"model": OLLAMA})
    app.conversations.add(conversation, [Turn(0, "user", evil), answer, Turn(2, "user", "end")])
    text = transcript.to_markdown(app, conversation)
    quoted = [line for line in text.split("\n") if line.startswith(">")]

    assert headings(text) == ["# T", "## Prompt", f"### {OLLAMA}", "## Prompt"]
    assert quoted[-1] == "> end"
    assert not re.search(r"<[a-zA-Z/!]|!\[|\]:", "\n".join(quoted))


def test_titles_and_models_are_no_markdown(app: App) -> None:
    conversation = app.conversations.start("*x* <b> [a](b) `c` $1 #d")
    turns = [Turn(0, "user", "ask"), Turn(1, "assistant", "", facts={"model": "o/a_b*\n# c"})]
    app.conversations.add(conversation, turns)

    assert headings(transcript.to_markdown(app, conversation)) == [
        r"# \*x\* \<b\> \[a\](b) \`c\` \$1 \#d", "## Prompt", r"### o/a\_b\* \# c",
    ]  # fmt: skip
