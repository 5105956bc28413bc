"""What ends a whole job: further calls would end the same way, and no row is to blame."""

from pathlib import Path

import pytest

from lib.core.chat import Request
from lib.core.errors import NoConnection
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, VLLM, running
from tests.unit.crews import Told, Work, fresh


@pytest.mark.parametrize(
    ("model", "fault", "code"),
    [
        (GEMINI, "bad_key", "auth_failed"),
        (VLLM, "bad_key", "auth_failed"),
        (GEMINI, "quota", "quota_exhausted"),
        (GEMINI, "missing", "model_missing"),
        (OLLAMA, "missing", "model_missing"),
    ],
)
def test_what_no_repeat_can_mend_stops_the_crew_at_once(
    app: App, fake: FakeServer, model: str, fault: str, code: str
) -> None:
    """The row that met it and those after it stay unasked, those before it stay labelled."""
    work, bad, after = Work(app, model=model), fresh(f"ham #fault={fault}"), fresh("eggs")

    assert not work.run(fresh("ham"), bad, after)
    assert work.halted_by == code
    assert (list(work.results), work.labels) == ([0], ["ham"])
    assert fake.texts[bad] == 1
    assert after not in fake.texts


def test_calls_under_way_are_kept_when_another_one_stops_the_crew(
    app: App, fake: FakeServer
) -> None:
    work = Work(app, 3)
    slow = [fresh("ham #slow=0.3"), fresh("eggs #slow=0.3")]
    work.run(*slow, fresh("#fault=bad_key"), *(fresh("spam") for _ in range(9)))

    assert work.halted_by == "auth_failed"
    assert [work.results[n].label for n in (0, 1)] == ["ham", "eggs"]
    assert 2 not in work.results


def test_a_model_that_does_not_exist_stops_the_crew(app: App) -> None:
    work = Work(app, 4, model="ollama/nobody:1b")

    assert not work.run(*(fresh("ham") for _ in range(8)))
    assert (work.halted_by, work.results) == ("model_missing", {})
    assert len(app.ledger.rows()) <= 4


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (VLLM, {"vllm_base_url": "http://{}/v1"}),
        (OLLAMA, {"ollama_host": "http://{}"}),
        (GEMINI, {"gemini_grpc_target": "{}", "gemini_sdk": "google-generativeai"}),
    ],
)
def test_a_server_nobody_can_connect_to_stops_the_crew_after_the_retries(
    fake: FakeServer, tmp_path: Path, dead_address: str, model: str, settings: dict[str, str]
) -> None:
    """Its rows stay unasked, to be taken up when the server is back."""
    there = {name: value.format(dead_address) for name, value in settings.items()}
    with running(fake, tmp_path, **there) as app:
        work = Work(app, model=model, max_retries=1)
        complete = work.run(fresh("ham"), fresh("eggs"))
        errors = [row["error"] for row in app.ledger.rows()]

    assert not complete
    assert (work.halted_by, work.results) == ("unreachable", {})
    assert errors == ["unreachable", "unreachable"]


def test_a_server_that_comes_back_in_time_is_asked_on(app: App) -> None:
    """A local server that restarts fails no job, as long as the retries last."""

    def say(_: Request) -> str:
        if len(provider.asked) < 3:
            raise NoConnection("Nobody is there.", retry_after_s=0.0)
        return "ham"

    provider = Told(say)
    work = Work(app, provider=provider, max_retries=2)

    assert work.run("one")
    assert (work.labels, work.halted_by) == (["ham"], None)
