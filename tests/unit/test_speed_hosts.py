"""Which of several servers is measured, and that no other one is."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lib.core.chat import ModelInfo
from lib.core.errors import BadInput
from lib.core.speed import SpeedPlan
from lib.store.speed_tests import SpeedTest
from lib.work.app import App
from lib.work.speed_hosts import addresses, are_several, find
from lib.work.speed_tests import SpeedDesk
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, VLLM, running, wait_until

FAST, SLOW = 1600, 400  # tokens a second of each stream


@pytest.fixture
def fast() -> Iterator[FakeServer]:
    with FakeServer(prefill_tok_s=20_000, decode_tok_s=FAST) as server:
        yield server


@pytest.fixture
def slow() -> Iterator[FakeServer]:
    with FakeServer(prefill_tok_s=20_000, decode_tok_s=SLOW) as server:
        yield server


@pytest.fixture
def app(fast: FakeServer, slow: FakeServer, tmp_path: Path) -> Iterator[App]:
    """An app with two GPUs, the faster one first; the second one's address holds a password."""
    ollama = f"{fast.url},{slow.url.replace('//', '//me:secret@')}"
    vllm = f"{fast.url}/v1,{slow.url}/v1"
    with running(fast, tmp_path, ollama_host=ollama, vllm_base_url=vllm) as app:
        yield app


def measured(app: App, model: str, host: str | None) -> SpeedTest:
    with closing(SpeedDesk(app)) as desk:
        test = desk.start(model, SpeedPlan((2,), 40, 16), host=host)
        assert wait_until(lambda: desk.get(test.id).state != "running", 30)
        return desk.get(test.id)


@pytest.mark.parametrize(("model", "path"), [(OLLAMA, ""), (VLLM, "/v1")])
def test_one_server_is_measured(
    app: App, fast: FakeServer, slow: FakeServer, model: str, path: str
) -> None:
    """Two streams have twice the speed of the chosen GPU; the other one is asked nothing."""
    found = measured(app, model, slow.url + path)
    two = found.levels[0].answer_tok_s

    assert (found.state, found.host) == ("done", slow.url + path)
    assert not fast.asked
    assert len(slow.asked) == found.calls
    assert two is not None
    assert two.value < 2.5 * SLOW


def test_the_first_one_is_measured_when_nobody_chose(
    app: App, fast: FakeServer, slow: FakeServer
) -> None:
    """The test says which it was."""
    found = measured(app, VLLM, None)

    assert (found.host, len(fast.asked)) == (f"{fast.url}/v1", found.calls)
    assert not slow.asked


def test_another_one_does_not_jump_in(app: App, fast: FakeServer, slow: FakeServer) -> None:
    """A server that dies ends its test: the other one's speed would be told as its own."""
    app.models.all()
    slow.close()
    found = measured(app, VLLM, f"{slow.url}/v1")

    assert found.error is not None
    assert (found.state, found.error["code"]) == ("failed", "unreachable")
    assert not fast.asked


def test_a_server_with_the_model_is_taken(app: App, fast: FakeServer, slow: FakeServer) -> None:
    """The first one lacks it, so nobody must choose; asked for, that one is refused."""
    del fast.ollama.installed["gemma3:4b"]
    choice = app.models.find_listed(OLLAMA)

    assert addresses(app, choice.info) == [slow.url]
    assert find(app, choice, None) == slow.url.replace("//", "//me:secret@")
    with pytest.raises(BadInput, match=r"^host: .* has not got"):
        find(app, choice, fast.url)


def test_a_model_pulled_a_moment_ago(app: App, fast: FakeServer) -> None:
    """What the last list did not have is looked for again."""
    lost = fast.ollama.installed.pop("gemma3:4b")
    choice = app.models.find_listed(OLLAMA)
    fast.ollama.installed["gemma3:4b"] = lost

    assert find(app, choice, fast.url) == fast.url


@pytest.mark.parametrize("host", ["http://10.0.0.2:11434", "me:secret", "", "\0", "http://["])
def test_an_address_that_is_none_of_ours(app: App, host: str) -> None:
    """Nothing is begun, nobody is asked; the message neither repeats nor lists addresses."""
    with pytest.raises(BadInput, match=r"^host: ") as caught:
        find(app, app.models.find(OLLAMA), host)

    assert "models page" in caught.value.hint
    assert "secret" not in str(caught.value) + caught.value.hint


def test_an_api_has_no_servers_to_choose_from(app: App) -> None:
    """A model without servers of ours has no host, and none can be given."""
    choice = app.models.find(GEMINI)

    assert find(app, choice, None) is None
    assert (addresses(app, choice.info), are_several(app, GEMINI)) == ([], False)
    with pytest.raises(BadInput, match=r"^host: "):
        find(app, choice, "http://127.0.0.1")


def test_where_one_of_several_could_be_meant(app: App, fake: FakeServer, tmp_path: Path) -> None:
    """Servers of one provider; what is not configured any more has none."""
    with running(fake, tmp_path / "one", vllm_base_url=None) as one:
        assert not are_several(one, OLLAMA)
        assert not are_several(one, VLLM)
        assert addresses(one, ModelInfo("vllm", "x")) == []
    assert are_several(app, OLLAMA)
