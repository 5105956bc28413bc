"""A long answer sent piece by piece, each made in threads of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

Run = Callable[..., Awaitable[Any]]


async def streamed(run: Run, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, for a StreamingResponse; `run` is a Pool's.

    The first is made before this returns: what fails by then can still be answered with its status.
    """
    return _from(await run(next, pieces, None), run, pieces)


async def _from(piece: bytes | None, run: Run, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece is not None:
        yield piece
        piece = await run(next, pieces, None)
