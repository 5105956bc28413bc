"""Where the server's event loop meets an answer that a thread is writing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from starlette.requests import Request as HttpRequest
from starlette.responses import StreamingResponse

from lib.core.chat import Finish, Request, Source
from lib.core.errors import AppError, Refused
from lib.web.errors import error_body
from lib.web.shapes import receipt_fields
from lib.work.app import App
from lib.work.ask import ask, check_reads
from lib.work.generation import Generation
from lib.work.models import Choice

# Proxies hang up after a minute without a byte (nginx); a model may think for longer.
SILENCE_S = 15.0
_COMMENT = ": \n\n"  # which every reader of server-sent events skips
NO_BUFFERING = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def begin(app: App, choice: Choice, request: Request, source: Source) -> Generation:
    """Begin an answer; what the model cannot read is refused here, with a proper status."""
    check_reads(app, choice.info, request)
    return Generation(
        lambda line: ask(app, choice, request, source, line), app.settings.model_timeout_s
    )


class Dialect(Protocol):
    """How a stream tells of an answer, in server-sent events; an empty text says nothing."""

    @property
    def tells_thoughts(self) -> bool:
        """Whether a thought, too, is a first piece of the answer."""
        ...

    def begin(self) -> str: ...

    def delta(self, text: str, thought: str) -> str:
        """What was written since the last time; either may be empty, or both."""
        ...

    def end(self, generation: Generation) -> str:
        """What it took, or the error that broke it."""
        ...


class OurDialect:
    """Texts as they come, then the receipt or the error."""

    tells_thoughts = False

    def begin(self) -> str:
        return ""

    def delta(self, text: str, thought: str) -> str:  # noqa: ARG002
        return event({"text": text}) if text else ""

    def end(self, generation: Generation) -> str:
        if generation.error:
            return event(error_body(generation.error))
        assert generation.receipt is not None
        return event({"done": True, **receipt_fields(generation.receipt)})


class Attached:
    """Follows one generation for one caller; the caller's hanging up stops the generation.

    Nothing here blocks or takes a pool thread, so a hundred slow answers cannot starve the pages.
    """

    def __init__(
        self, generation: Generation, http: HttpRequest, dialect: Dialect | None = None
    ) -> None:
        self.generation = generation
        self._dialect = dialect or OurDialect()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        generation.listen(self._wake)
        self._watch = asyncio.create_task(stop_at_hang_up(http, generation.stop))

    async def streamed(self) -> StreamingResponse:
        """The answer's events from its first piece on; an error that comes instead is raised."""
        await self._until(lambda: self._has_begun() or self.generation.done)
        if not self._has_begun():
            self._raise_error()
        kind = "text/event-stream"
        return StreamingResponse(self._events(), media_type=kind, headers=NO_BUFFERING)

    async def finished(self) -> None:
        """Wait for the end; the generation's error is raised."""
        try:
            await self._until(lambda: self.generation.done)
        finally:
            self.leave()
        self._raise_error()

    async def _events(self) -> AsyncIterator[str]:
        """The whole answer in the dialect's events, each as soon as there is something to tell.

        A comment bridges each `SILENCE_S` seconds in which there is nothing.
        """
        texts = thoughts = 0
        try:
            if opening := self._dialect.begin():
                yield opening
            spoke = self._loop.time()
            while True:
                ended = self.generation.done  # looked at first: all it wrote is there by then
                text, thought = self.generation.texts[texts:], self.generation.thoughts[thoughts:]
                texts, thoughts = texts + len(text), thoughts + len(thought)
                if said := self._dialect.delta("".join(text), "".join(thought)):
                    yield said
                elif ended:
                    yield self._dialect.end(self.generation)
                    return
                elif await self._changed_before(spoke + SILENCE_S):
                    continue
                else:
                    yield _COMMENT
                spoke = self._loop.time()
        finally:
            self.leave()

    def leave(self) -> None:
        self._watch.cancel()
        if not self.generation.done:
            self.generation.stop()

    def _has_begun(self) -> bool:
        thoughts = self._dialect.tells_thoughts and self.generation.thoughts
        return bool(self.generation.texts or thoughts)

    def _raise_error(self) -> None:
        if self.generation.error:
            self.leave()
            raise self.generation.error

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the answer did
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _changed_before(self, until: float) -> bool:
        """Wait for a change; False when that time of the loop's clock came first."""
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def _until(self, reached: Any) -> None:
        while not reached():
            await self._changed.wait()
            self._changed.clear()


async def stop_at_hang_up(http: HttpRequest, stop: Callable[[], None]) -> None:
    """Wait until the caller is gone, then `stop` what he asked for."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
    stop()


def event(fields: dict[str, Any]) -> str:
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n"


def refusal_of(generation: Generation) -> AppError | None:
    """A safety stop as the error a plain call answers with."""
    if generation.receipt and generation.receipt.finish is Finish.REFUSED:
        return Refused(f"{generation.receipt.model} refused to answer this.")
    return None
