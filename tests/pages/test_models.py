"""The models page: every server with its state, its models, and what can be done with them."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.errors import Unreachable
from lib.store import gpu
from lib.web import kit, models_pulls
from lib.work.pull_run import Pull
from tests.fakes import FakeServer
from tests.fakes.gemini_errors import BAD_KEY
from tests.fakes.ollama_store import INSTALLED
from tests.pages.conftest import Open
from tests.pages.usage_page import alarms, texts

SECONDS = 10.0
Visit = Callable[..., AppTest]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """An Ollama of the test's own: what it has is changed."""
    with FakeServer() as own:
        yield own


@pytest.fixture
def visit(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """`visit(OLLAMA_HOST=…)` opens the page when every server has answered."""
    monkeypatch.setattr(gpu, "_smi", gpu.Smi())  # an earlier test's GPUs are remembered
    return lambda **settings: again(open_page(**settings).switch_page("models.py"))


def again(page: AppTest) -> AppTest:
    """The page with what the servers say now, as its own timer would draw it."""
    kit.lookout().look_again(SECONDS)
    page.run()
    assert not page.exception
    return page


def until(page: AppTest, true: Callable[[AppTest], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true(page):
        assert time.monotonic() < end, texts(page) + alarms(page)
        time.sleep(0.05)
        again(page)


def models_of(page: AppTest, n: int = 0) -> list[str]:
    """What the n-th Ollama has."""
    return [name.partition(" · ")[0] for name in page.selectbox(key=f"mod_one_{n}").options]


def test_everything_is_up(visit: Visit) -> None:
    """A card for each provider, with state, version and models; a key is tried for nothing."""
    page = visit()

    assert [one.value for one in page.subheader][:5] == [
        "Gemini API", "Ollama", "vLLM", "Built-in model", "This machine",
    ]  # fmt: skip
    assert "key accepted" in texts(page)
    assert texts(page).count("reachable") == 2
    assert "Ollama 0.33.0 · 3 models" in texts(page)
    assert not alarms(page)


def test_a_row_tells_what_the_server_told(visit: Visit, server: FakeServer) -> None:
    """Sizes in GB, context in tokens; columns of which it told nothing are not there."""
    page = visit(OLLAMA_HOST=server.url)
    gemini, ollama = page.dataframe[0].value, page.dataframe[1].value
    row = ollama[ollama["model"] == "llama3.2:3b"].iloc[0]

    assert row["size"] == pytest.approx(2.02, abs=0.01)
    assert (row["parameters"], row["quantisation"]) == ("3.2B", "Q4_K_M")
    assert (row["context"], row["reads"]) == (131_072, "text")
    assert "gemini-3.1-flash-lite" in list(gemini["model"])
    assert "size" not in gemini


def test_what_is_not_set_up_says_how(visit: Visit) -> None:
    """Grey and calm: the setting to make, and no alarm."""
    page = visit(GOOGLE_API_KEY="", VLLM_BASE_URL="")

    assert texts(page).count("gray-badge[:material/power_off: not set up]") == 3
    for setting in ("GOOGLE_API_KEY", "VLLM_BASE_URL", "EMBEDDED_MODEL"):
        assert setting in texts(page).replace("\\", "")
    assert not alarms(page)


def test_a_key_that_is_not_accepted(visit: Visit) -> None:
    """It says so, with the next step, and does not show the key."""
    page = visit(GOOGLE_API_KEY=BAD_KEY)

    assert "key not accepted" in texts(page)
    assert BAD_KEY not in texts(page).split()


def test_one_of_two_hosts_is_down(visit: Visit, server: FakeServer, dead_address: str) -> None:
    """Each has its own lines: the one its models and tools, the other the reason."""
    page = visit(OLLAMA_HOST=f"http://{dead_address},{server.url}")

    assert [one.value for one in page.text][1:3] == [f"http://{dead_address}", server.url]
    assert "no answer" in texts(page)
    assert "gemma3:4b" in models_of(page, 1)
    assert not [one.key for one in page.selectbox if one.key == "mod_one_0"]


def test_a_password_in_an_address_is_not_shown(visit: Visit, server: FakeServer) -> None:
    page = visit(OLLAMA_HOST=server.url.replace("//", "//user:geheim@"))

    assert server.url in [one.value for one in page.text]
    assert "geheim" not in texts(page) + alarms(page) + " ".join(one.value for one in page.text)


def test_a_silent_server_holds_nobody_up(open_page: Open) -> None:
    """The frame is there at once, with a place for each card, and says what it waits for."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        page = open_page(OLLAMA_HOST=f"127.0.0.1:{silent.getsockname()[1]}")
        kit.lookout().close()
        kit.lookout.cache_clear()
        page.switch_page("models.py").run()

        assert not page.exception
        assert "Asking every server" in texts(page)
        assert [one.value for one in page.subheader][:2] == ["Gemini API", "Ollama"]


def test_many_models_with_nasty_names(visit: Visit, server: FakeServer) -> None:
    """Their names are never read as Markdown, and the table shows them as they are."""
    nasty = "**fat** [link](http://evil.example) $x$ :red[!]"
    server.ollama.installed = {f"model-{i:03}:1b": INSTALLED["gemma3:4b"] for i in range(300)}
    server.ollama.installed[nasty] = INSTALLED["gemma3:4b"]
    page = visit(OLLAMA_HOST=server.url)
    page.selectbox(key="mod_one_0").set_value(nasty).run()

    assert not page.exception
    assert nasty in list(page.dataframe[1].value["model"])
    assert "301 models" in texts(page)
    assert f"Delete **{kit.literal(nasty)}**" in texts(page)
    assert nasty not in texts(page)


def test_delete_asks_first(visit: Visit, server: FakeServer) -> None:
    """It names the model and its size; afterwards the lists, the picker's too, lack it."""
    page = visit(OLLAMA_HOST=server.url)
    page.selectbox(key="mod_one_0").set_value("llama3.2:3b").run()
    assert "Delete **llama3.2\\:3b** (2.0 GB)" in texts(page)
    page.button(key="mod_delete_0_llama3.2:3b").click().run()

    assert not page.exception
    assert "llama3.2:3b" not in models_of(page)
    assert "ollama/llama3.2:3b" not in [info.id for info in kit.app().models.all()]


def test_load_and_unload(visit: Visit, server: FakeServer) -> None:
    """The button is that of the state, and the table shows what it takes."""
    page = visit(OLLAMA_HOST=server.url)
    page.selectbox(key="mod_one_0").set_value("llama3.2:3b").run()
    page.button(key="mod_load_0").click().run()
    until(page, lambda page: any(one.key == "mod_unload_0" for one in page.button))
    table = page.dataframe[1].value.set_index("model")
    assert table.loc["llama3.2:3b", "loaded"] == "yes"
    assert table.loc["llama3.2:3b", "in memory"] > 2
    page.button(key="mod_unload_0").click().run()

    assert page.button(key="mod_load_0")
    assert not alarms(page)


def test_what_cannot_be_loaded_says_why(visit: Visit, server: FakeServer) -> None:
    """The server went away meanwhile; the reason stays until it is dismissed."""
    page = visit(OLLAMA_HOST=server.url)
    page.selectbox(key="mod_one_0").set_value("llama3.2:3b").run()
    server.close()
    page.button(key="mod_load_0").click().run()
    until(page, lambda page: "could not be loaded" in alarms(page))
    page.button(key="mod_forget_0_llama3.2:3b").click().run()

    assert not alarms(page)


def test_the_size_of_a_gpu_decides_what_is_proposed(visit: Visit, server: FakeServer) -> None:
    """Largest first; what is there already needs no button."""
    page = visit(OLLAMA_HOST=server.url)
    small = pull_buttons(page)
    page.selectbox(key="mod_gpu_0").set_value("RTX 4090").run()
    large = pull_buttons(page)

    assert "mod_pull_0_gemma3:27b" in large
    assert "mod_pull_0_gemma3:27b" not in small
    assert "mod_pull_0_gemma3:12b" in small
    assert "mod_pull_0_gemma3:4b" not in small + large


def pull_buttons(page: AppTest) -> list[str]:
    return [str(one.key) for one in page.button if str(one.key).startswith("mod_pull_0_")]


def test_this_machines_gpu_is_known(
    visit: Visit, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nvidia-smi is there: its GPU is shown, and what is proposed fits it without a question."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text('#!/bin/sh\necho "NVIDIA GeForce RTX 4090, 24564, 512, 550.54"\n')
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    page = visit(OLLAMA_HOST=server.url)

    assert "NVIDIA GeForce RTX 4090" in texts(page)
    assert "mod_pull_0_gemma3:27b" in pull_buttons(page)
    assert not [one for one in page.selectbox if one.key == "mod_gpu_0"]


def test_pull_a_proposed_model(visit: Visit, server: FakeServer) -> None:
    """One click; its progress stands above the choice. When it has come it is in the lists, and
    the note can be put away."""
    page = visit(OLLAMA_HOST=server.url)
    server.ollama.bytes_per_s = 1e9
    page.button(key="mod_pull_0_gemma3:12b").click().run()
    assert page.button(key="mod_pull_0_gemma3:12b").label == "pulling"
    keys = [str(one.key) for one in page.button]
    assert keys.index("mod_cancel_0_gemma3:12b") < keys.index("mod_pull_0_gemma3:12b")
    server.ollama.bytes_per_s = 0
    until(page, lambda page: "gemma3:12b" in models_of(page))
    assert [one.value for one in page.success] == ["**gemma3\\:12b** is here."]
    assert "mod_pull_0_gemma3:12b" not in pull_buttons(page)
    page.button(key="mod_close_0_gemma3:12b").click().run()

    assert not page.success


def test_a_model_that_has_come_is_told_for_a_while(
    visit: Visit, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the note goes by itself, and the model stays."""
    page = visit(OLLAMA_HOST=server.url)
    page.button(key="mod_pull_0_gemma3:12b").click().run()
    until(page, lambda page: bool(page.success))
    until(page, lambda page: "gemma3:12b" in models_of(page))
    monkeypatch.setattr(models_pulls, "TOLD_S", 0.0)
    again(page)

    assert not page.success
    assert "gemma3:12b" in models_of(page)
    assert not kit.pulls().all()


def test_a_deleted_model_is_not_told_to_be_here(visit: Visit, server: FakeServer) -> None:
    """The note of its download goes with it."""
    page = visit(OLLAMA_HOST=server.url)
    page.button(key="mod_pull_0_gemma3:12b").click().run()
    until(page, lambda page: "gemma3:12b" in models_of(page))
    page.selectbox(key="mod_one_0").set_value("gemma3:12b").run()
    page.button(key="mod_delete_0_gemma3:12b").click().run()
    until(page, lambda page: "gemma3:12b" not in models_of(page))

    assert not page.success


def test_a_pause_of_a_pull_makes_the_page_look_again() -> None:
    """Its server may have gone: the badge above must not say otherwise for half a minute."""
    going = Pull("http://one", "gemma3:12b")
    paused = replace(going, error=Unreachable("Ollama is away."))

    assert models_pulls.states([going]) != models_pulls.states([paused])


def test_a_name_that_is_none(visit: Visit, server: FakeServer) -> None:
    """Refused in the card, once, with how to write one."""
    page = visit(OLLAMA_HOST=server.url)
    page.text_input(key="mod_tag_0").set_value("not a model")
    page.button(key=submit(page)).click().run()

    assert "not a model's name" in alarms(page)
    assert not alarms(page.run())


def submit(page: AppTest) -> str:
    return next(str(one.key) for one in page.button if one.label == "Pull it")


def test_a_model_nobody_has(visit: Visit, server: FakeServer) -> None:
    """The pull fails in our words; it can be tried again and put away."""
    page = visit(OLLAMA_HOST=server.url)
    page.text_input(key="mod_tag_0").set_value("nobody-has:this")
    page.button(key=submit(page)).click().run()
    until(page, lambda page: "could not be pulled" in alarms(page))

    page.button(key="mod_close_0_nobody-has:this").click().run()
    assert not alarms(page)
