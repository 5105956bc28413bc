"""The models page: every server with its state and its models; loading and deleting them."""

import socket

import pytest

from lib.web import kit
from tests.fakes import FakeServer
from tests.fakes.gemini_errors import BAD_KEY
from tests.fakes.ollama_store import INSTALLED
from tests.pages.conftest import Open
from tests.pages.models_page import Visit, models_of, until
from tests.pages.usage_page import alarms, texts


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
