"""A speed test from start to end, over the fakes."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.errors import BadInput, ModelMissing, NotFound
from lib.core.speed import SpeedPlan
from lib.store.speed_tests import SpeedTest
from lib.work.app import App
from lib.work.speed_tests import SpeedDesk
from tests.contract.conftest import SMALL_OLLAMA
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, GEMINI, OLLAMA, running, site, wait_until

QUICK = SpeedPlan((1, 2), 40, 16)


@pytest.fixture
def desk(app: App) -> Iterator[SpeedDesk]:
    with closing(SpeedDesk(app)) as desk:
        yield desk


def ended(desk: SpeedDesk, test: SpeedTest) -> SpeedTest:
    assert wait_until(lambda: desk.get(test.id).state != "running", 20)
    return desk.get(test.id)


def measured(desk: SpeedDesk, model: str = OLLAMA, plan: SpeedPlan = QUICK) -> SpeedTest:
    return ended(desk, desk.start(model, plan))


@EVERYONE
def test_every_level_of_every_provider(app: App, desk: SpeedDesk, model: str) -> None:
    """Each level is there with its speeds, and each call stands in the ledger."""
    found = measured(desk, model)
    rows = app.ledger.rows()

    assert (found.state, found.error, found.model) == ("done", None, model)
    assert [level.streams for level in found.levels] == [1, 2]
    assert all(level.prompt_tok_s and level.answer_tok_s for level in found.levels)
    assert found.calls == len(rows)
    assert {row["source"] for row in rows} == {"speedtest"}
    # The warm-up: one call, and as many as the fullest level has.
    assert found.calls == 3 + sum(level.calls for level in found.levels)
    spent = sum(row["cost_usd"] or 0 for row in rows)
    assert found.cost_usd == (spent if model == GEMINI else None)


def test_prompts_are_as_long_as_wanted(desk: SpeedDesk) -> None:
    """Fitted with the server's own count, which is what is reported."""
    found = measured(desk, plan=SpeedPlan((1,), 300, 16))

    assert found.levels[0].input_tokens == 300


def test_no_two_prompts_begin_alike(desk: SpeedDesk, fake: FakeServer) -> None:
    """A server that remembers beginnings has nothing to remember."""
    before = len(fake.asked)
    measured(desk)
    texts = [call.body["messages"][0]["content"] for call in fake.asked[before:]]

    assert len({" ".join(text.split()[:4]) for text in texts}) == len(texts)


def test_on_what_it_was_measured(app: App, desk: SpeedDesk) -> None:
    """The engine with its version and the model's quantisation, as the server says them."""
    found = measured(desk)

    assert (found.engine, found.engine_version) == ("Ollama", "0.33.0")
    assert (found.quantisation, found.gpu) == ("Q4_K_M", None)


def test_a_gpu_that_was_named(desk: SpeedDesk) -> None:
    """What the user says stands."""
    test = desk.start(OLLAMA, QUICK, "  RTX\0 3060   12GB ")

    assert ended(desk, test).gpu == "RTX 3060 12GB"
    with pytest.raises(BadInput, match=r"^gpu: "):
        desk.start(OLLAMA, QUICK, "x" * 101)


def test_a_server_that_is_gone(dead_address: str, fake: FakeServer, tmp_path: Path) -> None:
    """The test fails with the error of its calls; none is tried twice."""
    host = f"http://{dead_address}"
    with running(fake, tmp_path, ollama_host=host) as app, closing(SpeedDesk(app)) as desk:
        found = measured(desk)

    assert found.state == "failed"
    assert found.error is not None
    assert found.error["code"] == "unreachable"
    assert (found.calls, found.levels) == (1, ())


def test_the_budget_holds(fake: FakeServer, tmp_path: Path) -> None:
    """A test that the month cannot pay ends, and what was measured stays.

    Only calls that were made are counted: those that were refused a place in it never were.
    """
    before, budget = len(fake.asked), {"monthly_budget_usd": Decimal("0.0003")}
    with running(fake, tmp_path, **budget) as app, closing(SpeedDesk(app)) as desk:
        found = measured(desk, GEMINI, SpeedPlan((1, 8), 40, 16))
        spent = sum(row["cost_usd"] or 0 for row in app.ledger.rows())

    assert found.state == "failed"
    assert found.error is not None
    assert found.error["code"] == "over_budget"
    assert found.calls == len(fake.asked) - before
    assert spent <= Decimal("0.0003")


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_calls_that_fail(tmp_path: Path, share: float) -> None:
    """Some are left out and counted; when all of a round fail the test does."""
    with (
        FakeServer(failing=share, seed=2) as shaky,
        running(shaky, tmp_path) as app,
        closing(SpeedDesk(app)) as desk,
    ):
        found = measured(desk, plan=SpeedPlan((8,), 40, 16))

    assert found.state == ("failed" if share == 1 else "done")
    assert [level.failed > 0 for level in found.levels] == [True] * (share < 1)


def test_what_is_wrong_is_said_at_once(desk: SpeedDesk) -> None:
    """Nothing begins with a model or a plan that cannot be."""
    with pytest.raises(ModelMissing):
        desk.start("ollama/nothing", QUICK)
    with pytest.raises(BadInput, match=r"^streams: "):
        desk.start(OLLAMA, SpeedPlan((0,)))
    with pytest.raises(NotFound):
        desk.stop("00")
    assert desk.all() == []


def test_a_server_that_does_not_count(fake: FakeServer, tmp_path: Path) -> None:
    """Without its counts no speed is told, and none is guessed."""
    with (
        site(SMALL_OLLAMA) as mute,
        running(fake, tmp_path, ollama_host=mute.url) as app,
        closing(SpeedDesk(app)) as desk,
    ):
        found = measured(desk, "ollama/small")

    assert found.state == "failed"
    assert found.error is not None
    assert "count" in found.error["message"]


@pytest.mark.parametrize(("read", "written"), [(-5, 9), (50, -9), (10**7, 9), (50, 10**7)])
def test_a_server_that_counts_nonsense(
    fake: FakeServer, tmp_path: Path, read: int, written: int
) -> None:
    """What no call can have is taken for not counted."""
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": read, "eval_count": written}
    said = {"message": {"role": "assistant", "content": "ok"}}
    with (
        site(SMALL_OLLAMA | {"/api/chat": [said, said | end]}) as odd,
        running(fake, tmp_path, ollama_host=odd.url) as app,
        closing(SpeedDesk(app)) as desk,
    ):
        found = measured(desk, "ollama/small")

    assert found.state == "failed"
    assert found.error is not None
    assert "count" in found.error["message"]
