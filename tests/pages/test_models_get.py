"""Getting models on the models page: what is proposed, pulls and their ends, odd names."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.errors import Unreachable
from lib.web import kit, models_pulls
from lib.work.pull_run import Pull
from tests.fakes import FakeServer
from tests.pages.models_page import Visit, again, models_of, until
from tests.pages.usage_page import alarms, texts


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
