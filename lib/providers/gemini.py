"""Gemini through google-genai: streaming, thinking levels, JSON schemas, every kind of media."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from google.genai import types

from lib.core.chat import Event, ModelInfo, Request
from lib.core.errors import AppError, BadReply, ModelMissing
from lib.core.station import ENGINES, HostReport
from lib.providers import gemini_sdk, gemini_wire, reports
from lib.providers.line import Line
from lib.providers.wire import our_errors

PAGE = 1000  # models in one answer, the most Google gives


class Gemini:
    """`base_url` is the REST root (None: Google's); `known` are the models the catalogue lists."""

    name = "gemini"

    def __init__(
        self, key: str, base_url: str | None, timeout_s: float, known: list[ModelInfo]
    ) -> None:
        self._known, self._root = known, base_url or gemini_wire.ROOT
        self._connection = gemini_sdk.Connection(key, base_url, timeout_s)
        self._client = self._connection.client

    def stream(self, request: Request) -> Generator[Event, None, None]:
        gemini_wire.check(request)
        with our_errors(gemini_wire.WHO, request.model, gemini_sdk.translate):
            yield from gemini_sdk.events(self._chunks(request))

    def _chunks(self, request: Request) -> Iterator[types.GenerateContentResponse]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "contents": [gemini_sdk.content(message) for message in request.messages],
            "config": gemini_sdk.config(request),
        }
        if not request.stream:
            yield self._client.models.generate_content(**arguments)
            return
        stream: Any = self._client.models.generate_content_stream(**arguments)
        with closing(stream):
            yield from stream

    def count(self, request: Request) -> int:
        """As Google counts it, system prompt and schema included.

        Google's REST API counts a whole request, but this SDK hands it no system prompt («only
        supported in Gemini Enterprise Agent Platform mode»). So the request goes in its extra body.
        """
        options = types.HttpOptions(
            timeout=int(gemini_wire.LOOK_UP_S * 1000),
            extra_body={"generateContentRequest": gemini_sdk.whole(request)},
        )
        nothing: Any = None  # Google takes either contents or a request
        with (
            Line(gemini_wire.LOOK_UP_S).held(),
            our_errors(gemini_wire.WHO, request.model, gemini_sdk.translate),
        ):
            counted = self._client.models.count_tokens(
                model=request.model,
                contents=nothing,
                config=types.CountTokensConfig(http_options=options),
            )
        if counted.total_tokens is None:
            raise BadReply(f"{gemini_wire.WHO} counted without a number.")
        return counted.total_tokens

    def models(self) -> list[ModelInfo]:
        return self._known

    def has(self, name: str) -> bool:
        """Whether Google knows a model; asks, at no cost. What it does not deny is taken for so."""
        try:
            with (
                Line(gemini_wire.LOOK_UP_S).held(),
                our_errors(gemini_wire.WHO, name, gemini_sdk.translate),
            ):
                self._client.models.get(model=name)
        except ModelMissing:
            return False
        except AppError:
            return True
        return True

    def report(self) -> list[HostReport]:
        """Whether Google takes the key, and which known models it opens; asks at no cost."""
        return reports.of_all(self._report, [self._root], ENGINES[self.name])

    def _report(self, root: str) -> HostReport:
        with (
            Line(gemini_wire.LOOK_UP_S).held(),
            our_errors(gemini_wire.WHO, "", gemini_sdk.translate),
        ):
            listed = self._client.models.list(config=types.ListModelsConfig(page_size=PAGE))
            names = {(model.name or "").removeprefix("models/") for model in listed}
        models = tuple(reports.hosted(info) for info in self._known if info.name in names)
        return HostReport(reports.shown(root), ENGINES[self.name], models=models)

    def close(self) -> None:
        self._connection.close()
