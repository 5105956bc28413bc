"""Where the server's event loop meets an answer that a thread is writing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from lib.core.chat import Finish
from lib.core.errors import AppError
from lib.web.errors import error_body
from lib.web.shapes import receipt_fields
from lib.work.generation import Generation


class Attached:
    """Follows one generation for one caller; the caller's hanging up stops the generation.

    Nothing here blocks or takes a pool thread, so a hundred slow answers cannot starve the pages.
    """

    def __init__(self, generation: Generation, request: Request) -> None:
        self.generation = generation
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        generation.listen(self._wake)
        self._watch = asyncio.create_task(self._hang_up_with(request))

    async def begun(self) -> None:
        """Wait for the first piece; an error that comes instead is raised."""
        await self._until(lambda: bool(self.generation.texts) or self.generation.done)
        self._raise_error(unless_begun=True)

    async def finished(self) -> None:
        """Wait for the end; the generation's error is raised."""
        try:
            await self._until(lambda: self.generation.done)
        finally:
            self.leave()
        self._raise_error()

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: text as it comes, then the receipt or the error."""
        sent = 0
        try:
            while True:
                texts = self.generation.texts
                ended, upto = self.generation.done, len(texts)
                if upto > sent:
                    yield event({"text": "".join(texts[sent:upto])})
                    sent = upto
                elif ended:
                    yield self._last_event()
                    return
                else:
                    await self._changed.wait()
                    self._changed.clear()
        finally:
            self.leave()

    def leave(self) -> None:
        self._watch.cancel()
        if not self.generation.done:
            self.generation.stop()

    def _last_event(self) -> str:
        if error := self.generation.error:
            return event(error_body(error))
        assert self.generation.receipt is not None
        return event({"done": True, **receipt_fields(self.generation.receipt)})

    def _raise_error(self, unless_begun: bool = False) -> None:
        begun = unless_begun and self.generation.texts
        if self.generation.error and not begun:
            self.leave()
            raise self.generation.error

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the answer did
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _until(self, reached: Any) -> None:
        while not reached():
            await self._changed.wait()
            self._changed.clear()

    async def _hang_up_with(self, request: Request) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self.generation.stop()


def event(fields: dict[str, Any]) -> str:
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n"


def refusal_of(generation: Generation) -> AppError | None:
    """A safety stop as the error a plain call answers with."""
    from lib.core.errors import Refused

    if generation.receipt and generation.receipt.finish is Finish.REFUSED:
        return Refused(f"{generation.receipt.model} refused to answer this.")
    return None
