"""Answers being written, as their tests begin and end them."""

from collections.abc import Sequence
from typing import Any

from lib.work.app import App
from lib.work.ask import ask
from lib.work.generation import Generation
from tests.unit.builders import GEMINI, prompt


def generate(
    app: App, text: str, model: str = GEMINI, after: Sequence[Generation] = (), **more: Any
) -> Generation:
    choice = app.models.find(model)
    return Generation(lambda line: ask(app, choice, prompt(text), "chat", line), 10, after, **more)


def finished(generation: Generation) -> Generation:
    generation.join(timeout_s=10)
    assert generation.done
    return generation
