"""One prompt to several models: answers side by side or in turn, each stored in its place."""

import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.errors import BadInput, Busy, Unsupported
from lib.work import generation
from lib.work.app import App
from lib.work.chats import Chats
from tests.fakes import FakeServer
from tests.fakes.calls import Call
from tests.unit.builders import GEMINI, OLLAMA, PICTURE, TEXT_ONLY, VLLM, running, wait_until
from tests.unit.conftest import Talk

QWEN = "ollama/qwen3.5:4b"


def calls_with(fake: FakeServer, word: str) -> list[Call]:
    return [call for call in fake.calls if call.generation and word in str(call.body)]


def models(talk: Talk) -> list[str]:
    return [turn.facts.get("model", turn.text) for turn in talk.turns]


def overlap(one: Call, two: Call) -> bool:
    assert one.finished is not None
    assert two.finished is not None
    return one.started < two.finished and two.started < one.finished


def test_answers_stand_behind_their_prompt_in_the_order_chosen(talk: Talk) -> None:
    """Whoever is first: the answers to the prompt at p stand at p + 1 … p + k, then the next."""
    talk.ask("one", models=[OLLAMA, GEMINI, VLLM])
    talk.ask("two", models=[VLLM, OLLAMA])

    assert [turn.position for turn in talk.turns] == list(range(7))
    assert models(talk) == ["one", OLLAMA, GEMINI, VLLM, "two", VLLM, OLLAMA]
    assert [turn.text for turn in talk.turns] == ["one"] * 4 + ["two"] * 3
    assert {turn.facts["finish"] for turn in talk.turns if turn.role == "assistant"} == {"stop"}


def test_all_of_them_are_live_at_once(talk: Talk) -> None:
    """A page that is loaded anew finds each answer at its place, queued ones too."""
    talk.ask("#tokens=4 #pace=0.05", models=[OLLAMA, GEMINI, TEXT_ONLY])
    talk.ask("#tokens=4 #pace=0.05", models=[OLLAMA, GEMINI, TEXT_ONLY], wait=False)
    live = talk.live
    begun = [one.began is not None for one in live.values()]
    wait_until(lambda: live[6].done)
    left = set(talk.live)
    talk.wait()

    assert list(live) == [5, 6, 7]
    assert begun[2] is False
    assert 6 not in left
    assert [one.text for one in live.values()] == ["w1 w2 w3 w4"] * 3
    assert talk.live == {}


def test_models_on_one_machine_take_turns(fake: FakeServer, talk: Talk) -> None:
    """Two Ollama models never overlap, so each has the machine to itself; Gemini does not wait."""
    talk.ask("fair #slow=0.4", models=[OLLAMA, GEMINI, QWEN, TEXT_ONLY])
    by_model = {call.model: call for call in calls_with(fake, "fair")}
    local = [by_model[model.partition("/")[2]] for model in (OLLAMA, QWEN, TEXT_ONLY)]
    (remote,) = set(by_model.values()) - set(local)

    assert all(not overlap(a, b) and a.started < b.started for a, b in itertools.pairwise(local))
    assert overlap(remote, local[0])
    assert not overlap(remote, local[2])


def test_the_wait_for_its_turn_is_told_and_not_counted(talk: Talk) -> None:
    """The second local answer says how long it queued; its first token is timed from its call."""
    talk.ask("#slow=0.5", models=[OLLAMA, GEMINI, TEXT_ONLY])
    first, remote, second = (turn.facts for turn in talk.turns[1:])

    assert (first["queue_ms"], remote["queue_ms"]) == (0.0, 0.0)
    assert second["queue_ms"] >= 500
    assert second["timings"]["total_ms"] < 950


def test_other_machines_do_not_wait(fake: FakeServer, tmp_path: Path) -> None:
    """An Ollama elsewhere computes while the one here does."""
    with running(fake, tmp_path, vllm_base_url="http://gpu.invalid/v1") as app:
        chats = Chats(app)
        talk = Talk(app, chats)
        talk.ask("#slow=0.3", models=[OLLAMA, "vllm/some"], wait=False)
        begun = wait_until(lambda: all(one.began for one in talk.live.values()), 0.25)
        chats.close()

    assert begun


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> threading.BoundedSemaphore:
    """A server that writes two answers at once."""
    two = threading.BoundedSemaphore(2)
    monkeypatch.setattr(generation, "_places", two)
    return two


def free(places: threading.BoundedSemaphore) -> int:
    """How many answers may begin now."""
    count = sum(places.acquire(blocking=False) for _ in range(3))
    if count:
        places.release(count)
    return count


def test_a_round_without_room_for_all_leaves_nothing(
    app: App, talk: Talk, places: threading.BoundedSemaphore
) -> None:
    """Two are asked and there is room for one: none is, nothing is stored, the room stays free."""
    places.acquire()
    with pytest.raises(Busy):
        talk.ask("hello", models=[OLLAMA, GEMINI])

    assert app.conversations.recent() == []
    assert free(places) == 1


@pytest.mark.parametrize("again", [False, True])
def test_nobody_takes_a_rounds_room_while_it_is_stored(
    app: App, chats: Chats, talk: Talk, places: threading.BoundedSemaphore, again: bool
) -> None:
    """Others who come between the storing and the asking are too late, not one of the round."""
    if again:
        talk.say("hello")

    def others(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO messages" in statement:
            while places.acquire(blocking=False):
                pass

    sa.event.listen(app.database.engine, "before_cursor_execute", others)
    if again:
        chats.again(talk.id or "", 0, talk.choices(OLLAMA, GEMINI))
        talk.wait()
    else:
        talk.ask("hello", models=[OLLAMA, GEMINI])

    assert [turn.facts["finish"] for turn in talk.turns[1:]] == ["stop", "stop"]
    assert wait_until(lambda: free(places) == 2)


def test_a_round_that_cannot_begin_whole_is_stopped(
    app: App, talk: Talk, places: threading.BoundedSemaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system has a thread for the first answer only: that one does not go on unseen."""
    begin, begun = threading.Thread.start, list[threading.Thread]()

    def one_left(thread: threading.Thread) -> None:
        if thread.name.endswith("(_run)"):
            if begun:
                raise RuntimeError("can't start new thread")
            begun.append(thread)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", one_left)
    with pytest.raises(Busy):
        talk.ask("#tokens=200 #pace=0.05", models=[OLLAMA, GEMINI])
    begun[0].join(0.1)

    assert not begun[0].is_alive()
    assert free(places) == 2


def test_stopped_in_the_queue_an_answer_was_never_asked(
    app: App, fake: FakeServer, talk: Talk
) -> None:
    """Its turn says stopped and counts nothing; the fake never hears of it."""
    talk.ask("queued #slow=0.4", models=[OLLAMA, TEXT_ONLY], wait=False)
    talk.live[2].stop()
    talk.wait()
    first, second = talk.turns[1:]

    assert (first.text, first.facts["finish"]) == ("queued", "stop")
    assert (second.text, second.facts["finish"]) == ("", "stopped")
    assert second.facts["queue_ms"] >= 0
    assert not {"usage", "cost_usd", "timings", "error"} & set(second.facts)
    assert len(calls_with(fake, "queued")) == len(app.ledger.rows()) == 1


def test_stop_ends_them_all(app: App, chats: Chats, talk: Talk) -> None:
    """One button for the whole round; what waited in the queue is not begun by that."""
    talk.ask("#slow=5", models=[OLLAMA, GEMINI, TEXT_ONLY, QWEN], wait=False)
    assert wait_until(lambda: len(app.ledger.rows()) == 2)
    started = time.monotonic()
    chats.stop(talk.id or "")
    talk.wait()

    assert time.monotonic() - started < 3
    assert [turn.facts["finish"] for turn in talk.turns[1:]] == ["stopped"] * 4
    assert len(app.ledger.rows()) == 2


def test_a_failed_answer_does_not_harm_the_others(talk: Talk) -> None:
    """Each has its own end."""
    talk.ask("one two", models=[GEMINI, "ollama/nosuch", TEXT_ONLY])

    assert [turn.facts["finish"] for turn in talk.turns[1:]] == ["stop", "error", "stop"]
    assert talk.turns[2].facts["error"]["code"] == "model_missing"


@pytest.mark.parametrize("chosen", [[], [GEMINI, OLLAMA, VLLM, TEXT_ONLY, QWEN], [GEMINI, GEMINI]])
def test_one_to_four_different_models_can_be_asked(
    app: App, talk: Talk, chosen: Sequence[str]
) -> None:
    """Anything else is refused, and nothing is stored."""
    with pytest.raises(BadInput, match="model: 1 to 4"):
        talk.ask("hello", models=chosen)

    assert app.conversations.recent() == []


def test_one_model_that_cannot_read_it_refuses_for_all(app: App, talk: Talk) -> None:
    """Nobody is asked when one of them is blind; the hint names models that see."""
    with pytest.raises(Unsupported) as refused:
        talk.ask("look", PICTURE, models=[GEMINI, TEXT_ONLY])

    assert TEXT_ONLY in str(refused.value)
    assert GEMINI in refused.value.hint
    assert app.conversations.recent() == []


def test_an_empty_prompt_is_refused(app: App, talk: Talk) -> None:
    """Servers refuse it too, only later; a picture alone is a prompt."""
    with pytest.raises(BadInput, match="prompt"):
        talk.say(" \n")
    talk.say("", PICTURE)

    assert [entry.title for entry in app.conversations.recent()] == ["…"]


def test_a_conversation_remembers_its_models_and_options(app: App, talk: Talk) -> None:
    """A reload shows what was chosen last."""
    talk.say("one", system="be brief", temperature=0.5)
    talk.ask("two", models=[OLLAMA, GEMINI], max_tokens=77, stop=("END",))

    assert app.conversations.settings(talk.id or "") == {
        "models": [OLLAMA, GEMINI], "options": {"max_tokens": 77, "stop": ["END"]},
    }  # fmt: skip
