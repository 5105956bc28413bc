"""Downloads of models: seen, cancelled, and gone on with whatever breaks in between."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.errors import BadInput, Busy, ModelMissing, StorageFailed, Unreachable
from lib.work import pull_run
from lib.work import pulls as pulls_module
from lib.work.app import App
from lib.work.pull_run import Pull
from lib.work.pulls import Pulls
from tests.fakes import FakeServer
from tests.unit.builders import running, wait_until

SMALL, SMALL_BYTES = "smollm2:135m", 270_898_672
QUICK = (0.05,) * 4
SLOW = SMALL_BYTES / 30  # bytes a second: a test that waited for the end would fail


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A server of its own: what it has is changed here."""
    with FakeServer() as server:
        yield server


@pytest.fixture
def app(fake: FakeServer, tmp_path: Path) -> Iterator[App]:
    """With Ollama alone, which is quicker to build."""
    with running(fake, tmp_path, google_api_key=None, vllm_base_url=None) as app:
        yield app


@pytest.fixture
def pulls(app: App) -> Iterator[Pulls]:
    with closing(Pulls(app, QUICK)) as pulls:
        yield pulls


def only(pulls: Pulls) -> Pull:
    (pull,) = pulls.all()
    return pull


def until(pulls: Pulls, holds: Callable[[Pull], object]) -> Pull:
    assert wait_until(lambda: pulls.all() and holds(only(pulls))), pulls.all()
    return only(pulls)


def ended(pull: Pull) -> bool:
    return pull.state != "pulling"


def moving(pull: Pull) -> bool:
    return (pull.done_bytes or 0) > 0


def pulled(fake: FakeServer) -> int:
    """How often the server was asked for a download."""
    return [call.path for call in fake.calls].count("/api/pull")


def kept(app: App) -> list[str]:
    file = app.settings.data_path / "pulls.json"
    return [one["model"] for one in json.loads(file.read_text())] if file.exists() else []


# From the beginning to the end


def test_a_pull_ends_with_a_model_to_ask(app: App, pulls: Pulls, fake: FakeServer) -> None:
    """When it is done the picker shows the model at once, though its list was just made."""
    before = [info.name for info in app.models.all()]
    begun = pulls.start(fake.url, SMALL)
    done = until(pulls, ended)

    assert (begun.host, begun.model, begun.state) == (fake.url, SMALL, "pulling")
    assert (done.state, done.done_bytes, done.total_bytes) == ("done", SMALL_BYTES, SMALL_BYTES)
    assert SMALL not in before
    assert SMALL in [info.name for info in app.models.all()]
    assert kept(app) == []


def test_progress_is_seen_from_everywhere(pulls: Pulls, fake: FakeServer) -> None:
    """Bytes, speed and time left, for every reader of the list."""
    fake.ollama.bytes_per_s = SMALL_BYTES / 5
    pulls.start(fake.url, SMALL)
    seen = until(pulls, lambda pull: pull.bytes_per_s)

    assert seen.step.startswith("pulling ")
    assert seen.total_bytes is not None
    assert 0 < (seen.done_bytes or 0) < seen.total_bytes <= SMALL_BYTES
    assert seen.bytes_per_s == pytest.approx(SMALL_BYTES / 5, rel=0.3)
    assert seen.eta_s == pytest.approx((SMALL_BYTES - seen.done_bytes) / seen.bytes_per_s, rel=0.1)


def test_the_same_twice_is_one(pulls: Pulls, fake: FakeServer) -> None:
    """However the tag «latest» is written; another model beside it is another."""
    fake.ollama.bytes_per_s = SLOW
    for name in ("all-minilm", "all-minilm:latest", SMALL):
        pulls.start(fake.url, name)

    assert [pull.model for pull in pulls.all()] == ["all-minilm:latest", SMALL]
    assert wait_until(lambda: pulled(fake) == 2)


@pytest.mark.parametrize(
    ("host", "name"), [("http://127.0.0.1:1", SMALL), (None, "not a name")], ids=["host", "name"]
)
def test_what_cannot_be_is_refused_at_once(
    app: App, pulls: Pulls, fake: FakeServer, host: str | None, name: str
) -> None:
    """Neither listed nor kept."""
    with pytest.raises(BadInput):
        pulls.start(host or fake.url, name)

    assert (pulls.all(), kept(app)) == ([], [])


def test_the_list_has_an_end(
    pulls: Pulls, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody fills the server with threads; one of the list can be tried again."""
    monkeypatch.setattr(pulls_module, "MOST", 1)
    pulls.start(fake.url, "gemma3:5b")
    until(pulls, ended)

    assert pulls.start(fake.url, "gemma3:5b").state == "pulling"
    with pytest.raises(BadInput, match="model:"):
        pulls.start(fake.url, SMALL)


def test_only_a_silence_is_bounded(
    app: App, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download may take hours: as long as the server speaks, it goes on."""
    monkeypatch.setattr(pull_run, "READ_ALL_S", 0.3)
    fake.ollama.bytes_per_s = SMALL_BYTES / 0.6
    with closing(Pulls(app, ())) as impatient:
        impatient.start(fake.url, SMALL)

        assert until(impatient, ended).state == "done"


# Cancelling and dismissing


def test_cancelling_stops_the_server_too(app: App, pulls: Pulls, fake: FakeServer) -> None:
    """The stream is cut, for that is how Ollama hears of it, and nothing goes on later."""
    fake.ollama.bytes_per_s = SLOW
    pulls.start(fake.url, SMALL)
    until(pulls, moving)
    pulls.cancel(fake.url, SMALL)

    assert only(pulls).state == "cancelled"
    assert wait_until(lambda: fake.calls[-1].hung_up)
    assert kept(app) == []


def test_after_a_cancel_it_goes_on_where_it_was(pulls: Pulls, fake: FakeServer) -> None:
    """What Ollama has is not downloaded again, and does not count as speed."""
    fake.ollama.bytes_per_s = SMALL_BYTES
    pulls.start(fake.url, SMALL)
    had = until(pulls, lambda pull: (pull.done_bytes or 0) > SMALL_BYTES / 5).done_bytes
    pulls.cancel(fake.url, SMALL)
    fake.ollama.bytes_per_s = SLOW
    pulls.start(fake.url, SMALL)
    again = until(pulls, lambda pull: pull.bytes_per_s is not None)

    assert (again.done_bytes or 0) >= (had or 0)
    assert again.bytes_per_s == pytest.approx(SLOW, rel=0.5)


def test_a_pause_can_be_cancelled(app: App, fake: FakeServer) -> None:
    """Nobody waits for the end of a pause."""
    fake.ollama.faults = ["offline"]
    with closing(Pulls(app, (60,))) as patient:
        patient.start(fake.url, SMALL)
        paused = until(patient, lambda pull: pull.error)
        patient.cancel(fake.url, SMALL)

        assert (paused.state, only(patient).state) == ("pulling", "cancelled")


def test_ended_ones_stay_until_dismissed(pulls: Pulls, fake: FakeServer) -> None:
    """One under way cannot be dismissed; one that is gone already is no error."""
    fake.ollama.bytes_per_s = SLOW
    pulls.start(fake.url, SMALL)
    pulls.dismiss(fake.url, SMALL)
    listed = len(pulls.all())
    pulls.cancel(fake.url, SMALL)
    for _ in range(2):
        pulls.dismiss(fake.url, SMALL)

    assert (listed, pulls.all()) == (1, [])


# What breaks


@pytest.mark.parametrize("fault", ["cut", "offline"])
def test_a_broken_connection_is_gone_on_with(pulls: Pulls, fake: FakeServer, fault: str) -> None:
    """By itself, at the byte where it broke."""
    fake.ollama.faults = [fault, fault]
    pulls.start(fake.url, SMALL)

    assert until(pulls, ended).state == "done"
    assert pulled(fake) == 3


def test_ollama_may_start_again(app: App, fake: FakeServer) -> None:
    """A pull waits for a server that is down, says so meanwhile, and goes on when it is back."""
    port = int(fake.url.rpartition(":")[2])
    fake.ollama.bytes_per_s = SLOW
    with closing(Pulls(app, (0.1,) * 50)) as pulls:
        pulls.start(fake.url, SMALL)
        until(pulls, moving)
        fake.close()
        down = until(pulls, lambda pull: pull.error)
        with FakeServer(port):
            back = until(pulls, ended)

    assert (down.state, down.bytes_per_s) == ("pulling", None)
    assert isinstance(down.error, Unreachable)
    assert (back.state, back.error) == ("done", None)


def test_after_some_tries_it_has_failed(pulls: Pulls, fake: FakeServer) -> None:
    """Tries that bring nothing come to an end; starting it again begins anew."""
    fake.ollama.faults = ["offline"] * 5
    pulls.start(fake.url, SMALL)
    failed = until(pulls, ended)
    pulls.start(fake.url, SMALL)

    assert (failed.state, pulled(fake)) == ("failed", 5)
    assert isinstance(failed.error, Unreachable)
    assert until(pulls, ended).state == "done"


def test_tries_that_bring_something_do_not_count(app: App, fake: FakeServer) -> None:
    """A line that breaks every few seconds still brings the model in the end."""
    fake.ollama.faults = ["cut", "cut"]
    fake.ollama.bytes_per_s = SMALL_BYTES
    with closing(Pulls(app, (0.01,))) as pulls:
        pulls.start(fake.url, SMALL)

        assert until(pulls, ended).state == "done"


@pytest.mark.parametrize(
    ("name", "faults", "kind"),
    [("gemma3:5b", [], ModelMissing), (SMALL, ["disk_full"], StorageFailed)],
)
def test_what_no_patience_mends_fails_at_once(
    app: App, pulls: Pulls, fake: FakeServer, name: str, faults: list[str], kind: type[Exception]
) -> None:
    """An unknown tag and a full disk are told after the first try."""
    fake.ollama.faults = faults
    pulls.start(fake.url, name)
    failed = until(pulls, ended)

    assert (failed.state, type(failed.error), pulled(fake)) == ("failed", kind, 1)
    assert kept(app) == []


def test_a_list_that_cannot_be_kept_is_told(app: App, pulls: Pulls, fake: FakeServer) -> None:
    """Rather than a download that would be forgotten at the next restart."""
    (app.settings.data_path / "pulls.new").mkdir()

    with pytest.raises(StorageFailed):
        pulls.start(fake.url, SMALL)
    assert pulls.all() == []


# Restarts of this app


def test_a_restart_goes_on(app: App, fake: FakeServer) -> None:
    """What was under way is begun again; what had failed is not."""
    fake.ollama.bytes_per_s = SLOW
    with closing(Pulls(app, QUICK)) as first:
        first.start(fake.url, "gemma3:5b")
        until(first, ended)
        first.start(fake.url, SMALL)
        assert wait_until(lambda: moving(first.all()[1]))
    fake.ollama.bytes_per_s = 0
    with closing(Pulls(app, QUICK)) as second:
        second.wake()

        assert until(second, ended).model == SMALL
        assert only(second).state == "done"


def test_the_end_of_the_process_does_not_wait(app: App, fake: FakeServer) -> None:
    """Everything is cut at once, and nothing begins any more."""
    fake.ollama.bytes_per_s = SLOW
    with closing(Pulls(app, QUICK)) as pulls:
        pulls.start(fake.url, SMALL)
        until(pulls, moving)
        pulls.begin_closing()
        with pytest.raises(Busy):
            pulls.start(fake.url, "gemma3:1b")

        assert wait_until(lambda: fake.calls[-1].hung_up, 1)
    assert kept(app) == [SMALL]


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"a": 1}', '[{"host": "http://gone", "model": "a"}]']
)
def test_a_damaged_list_is_none(app: App, pulls: Pulls, fake: FakeServer, text: str) -> None:
    """Nor does a host that was taken out of the settings keep anything from starting."""
    (app.settings.data_path / "pulls.json").write_text(text)
    pulls.wake()

    assert pulls.all() == []
    pulls.start(fake.url, SMALL)
    assert until(pulls, ended).state == "done"
    assert kept(app) == []


def test_named_models_are_pulled_at_the_start(fake: FakeServer, tmp_path: Path) -> None:
    """OLLAMA_PULL's, those the first host lacks."""
    named = f"gemma3:4b, {SMALL}"
    with (
        FakeServer() as other,
        running(fake, tmp_path, ollama_host=f"{fake.url},{other.url}", ollama_pull=named) as app,
        closing(Pulls(app, QUICK)) as pulls,
    ):
        pulls.wake()

        assert until(pulls, ended).model == SMALL
        assert (only(pulls).host, only(pulls).state) == (fake.url, "done")


def test_they_wait_for_ollama_to_come_up(
    dead_address: str, fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container Ollama may start after this app."""
    monkeypatch.setattr(pulls_module, "LOOK_S", 0.05)
    host, port = f"http://{dead_address}", int(dead_address.rpartition(":")[2])
    with (
        running(fake, tmp_path, ollama_host=host, ollama_pull=SMALL) as app,
        closing(Pulls(app, QUICK)) as pulls,
    ):
        waking = threading.Thread(target=pulls.wake, daemon=True)
        waking.start()
        waking.join(0.2)
        before = pulls.all()
        with FakeServer(port):
            done = until(pulls, ended)

    assert before == []
    assert (done.model, done.state) == (SMALL, "done")
