"""What is said is stored at once, and an answer is never lost with its reader."""

import gc
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.errors import Unsupported
from lib.store.database import Database
from lib.work.app import App
from lib.work.chats import SAVE_EVERY_S, Chats
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, PICTURE, TEXT_ONLY, running, wait_until
from tests.unit.conftest import Talk

RATES = ("input_usd_per_mtok", "cached_usd_per_mtok", "output_usd_per_mtok", "audio_usd_per_mtok")


def test_a_prompt_is_stored_before_its_answer(talk: Talk) -> None:
    """What was said, and by which model it is being answered, can be read while it is silent."""
    talk.say("hello #slow=5", wait=False)

    prompt, begun = talk.turns
    assert (prompt.role, prompt.text) == ("user", "hello #slow=5")
    assert (begun.role, begun.text) == ("assistant", "")
    assert begun.facts["model"] == GEMINI
    assert begun.facts["finish"] == "incomplete"


def test_a_finished_answer_is_stored_with_its_facts(talk: Talk) -> None:
    """Text, thoughts and everything the footer tells survive a reload."""
    talk.say("one two #think=2", thinking="low")

    facts = talk.answer.facts
    assert (talk.answer.text, talk.answer.thought) == ("one two", "t1 t2")
    assert (facts["model"], facts["finish"]) == (GEMINI, "stop")
    assert facts["usage"] == {
        "input_tokens": 3, "output_tokens": 4, "thinking_tokens": 2, "cached_tokens": 0,
        "total_tokens": 7,
    }  # fmt: skip
    assert facts["cost_usd"] == "0.00000675"
    assert facts["timings"]["ttft_ms"] <= facts["timings"]["total_ms"]


def test_the_title_is_the_first_prompt(app: App, talk: Talk) -> None:
    """A conversation is found again by its first words."""
    talk.say("What is a ship?")
    talk.say("And a boat?")

    assert [(one.id, one.title) for one in app.conversations.recent()] == [
        (talk.id, "What is a ship?")
    ]


def test_an_answer_survives_its_reader(app: App, chats: Chats) -> None:
    """With the page gone the writing goes on, and the whole answer is stored."""
    reader: Talk | None = Talk(app, chats)
    assert reader is not None
    reader.say("#tokens=10 #pace=0.05", wait=False)
    conversation = reader.id or ""
    reader = None
    gc.collect()

    assert wait_until(lambda: not chats.live(conversation))
    assert app.conversations.turns(conversation)[-1].text.endswith("w10")


def test_a_running_answer_is_found_again(chats: Chats, talk: Talk) -> None:
    """A page that is loaded anew attaches to the answer being written; later there is none."""
    talk.say("#tokens=6 #pace=0.05", wait=False)
    live = talk.live
    talk.wait()

    assert {position: one.text for position, one in live.items()} == {1: "w1 w2 w3 w4 w5 w6"}
    assert talk.live == {}
    assert chats.live("no such conversation") == {}


def test_a_growing_answer_is_stored_every_few_seconds(app: App, chats: Chats, talk: Talk) -> None:
    """A process that is killed loses only the last seconds: the database has the rest."""
    talk.say("#tokens=60 #pace=0.1", wait=False)
    time.sleep(SAVE_EVERY_S + 0.8)
    # A second process would see what this connection of its own sees.
    with closing(Database(str(app.database.engine.url))):
        stored = talk.answer

    assert talk.live
    assert stored.text.startswith("w1 w2 w3")
    assert stored.facts["finish"] == "incomplete"


def test_a_failed_answer_stores_its_error(talk: Talk) -> None:
    """The error, what to do next, and the words before it are there after a reload."""
    talk.say("one two three four #fault=mid_error")
    broken = talk.answer
    talk.say("one #fault=rate_limited")

    assert broken.text == "one two"
    assert (broken.facts["finish"], broken.facts["model"]) == ("error", GEMINI)
    assert broken.facts["error"]["code"] == "unreachable"
    assert broken.facts["error"]["hint"]
    assert talk.answer.facts["error"]["retry_after_s"] == 37


def test_a_long_answer_is_not_stored_word_by_word(app: App, talk: Talk) -> None:
    """Thousands of tokens a second cost the database next to nothing."""
    written: list[str] = []

    def watch(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.append(statement)

    sa.event.listen(app.database.engine, "before_cursor_execute", watch)
    talk.say("#tokens=3000")

    assert talk.answer.text.endswith("w3000")
    assert 1 <= sum("UPDATE messages" in statement for statement in written) < 10


def test_what_an_api_answer_was_priced_by(app: App, talk: Talk) -> None:
    """Rates with source and date, the options really sent, and when: shown after years as then."""
    talk.say("one", system="be brief", max_tokens=10**6, temperature=0.5)
    facts = talk.answer.facts
    rates = app.prices.rates("gemini-3.1-flash-lite", date.today())
    assert rates is not None

    assert {name: Decimal(facts["rates"][name]) for name in RATES} == {
        "input_usd_per_mtok": rates.input_usd_per_mtok,
        "cached_usd_per_mtok": rates.cached_usd_per_mtok,
        "output_usd_per_mtok": rates.output_usd_per_mtok,
        "audio_usd_per_mtok": rates.audio_usd_per_mtok,
    }
    assert facts["rates"]["source"].startswith("https://")
    assert date.fromisoformat(facts["rates"]["checked"]) == rates.source.checked
    assert facts["rates"]["tier"] == "standard"
    assert (facts["usd_per_hour"], facts["busy_s"], facts["queue_ms"]) == (None, None, 0.0)
    info = app.models.find(GEMINI).info
    assert facts["options"]["system"] == "be brief"
    assert facts["options"]["max_tokens"] == info.max_output_tokens
    assert abs(datetime.now(UTC) - datetime.fromisoformat(facts["asked"])) < timedelta(seconds=30)
    assert len(facts["asked"]) == len("2026-11-22T10:00:00+00:00")


def test_what_a_local_answer_was_priced_by(fake: FakeServer, tmp_path: Path) -> None:
    """The machine's price and the seconds that were its own; no rates."""
    with running(fake, tmp_path, gpu_usd_per_hour="0.36") as app, closing(Chats(app)) as chats:
        talk = Talk(app, chats)
        talk.say("one #slow=0.1", model=OLLAMA)
        facts = talk.answer.facts

    assert facts["rates"] is None
    assert facts["usd_per_hour"] == "0.36"
    assert facts["busy_s"] >= 0.1
    assert Decimal(facts["cost_usd"]) == Decimal("0.0001") * Decimal(str(facts["busy_s"]))


def test_what_the_model_cannot_read_is_refused_unstored(app: App, talk: Talk) -> None:
    """Neither conversation nor prompt is begun with a picture for a blind model."""
    with pytest.raises(Unsupported):
        talk.say("look", PICTURE, model=TEXT_ONLY)

    assert app.conversations.recent() == []


def test_prompts_of_two_pages_at_once_do_not_overwrite_each_other(
    app: App, chats: Chats, talk: Talk
) -> None:
    """Two windows on one conversation: every prompt is stored, each followed by its answer."""
    talk.say("start")
    choices, ready = talk.choices(GEMINI), threading.Barrier(6)

    def page(number: int) -> None:
        ready.wait(5)
        chats.say(talk.id, choices, f"prompt {number}")

    threads = [threading.Thread(target=page, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    said = [turn.text for turn in talk.turns if turn.role == "user"]
    assert sorted(said) == sorted(["start", *(f"prompt {number}" for number in range(6))])
    assert [turn.role for turn in talk.turns] == ["user", "assistant"] * 7


def test_answers_of_two_conversations_run_side_by_side(app: App, chats: Chats) -> None:
    """A prompt stops only the answer of its own conversation."""
    one, two = Talk(app, chats), Talk(app, chats)
    one.say("#tokens=8 #pace=0.05", wait=False)
    two.say("hello")
    assert wait_until(lambda: not one.live)

    assert one.answer.text.endswith("w8")
    assert two.answer.text == "hello"


def test_closing_stores_the_words_so_far(app: App) -> None:
    """The server's end stops an answer, and what was said of it is kept."""
    chats = Chats(app)
    talk = Talk(app, chats)
    talk.say("#tokens=300 #pace=0.05", wait=False)
    talk.live[1].wait(3, timeout_s=5)
    started = time.monotonic()
    chats.close()

    assert time.monotonic() - started < 2
    assert talk.answer.text.startswith("w1 w2 w3")
    assert talk.answer.facts["finish"] == "stopped"
    assert talk.live == {}
