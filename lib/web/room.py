"""Where request bodies go while they come in: on the disk of DATA_DIR, as long as it has room."""

import tempfile
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from lib.core.errors import StorageFailed
from lib.store.disk import check_room
from lib.web.errors import error_response
from lib.web.shell import declared_bytes

SMALL_BYTES = 2**20  # Starlette keeps so much in memory
COPIES = 2  # as it comes in, and then where it stays


def use_for_temporary_files(folder: Path) -> None:
    """The system's own folder for them may lie in memory; `folder` is swept, and private."""
    tempfile.tempdir = str(folder)


class Room:
    """ASGI middleware that refuses a large body, before it is read, when `folder` is too full."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app, self._folder = app, folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = _bytes_to_come(scope)
        try:
            if size > SMALL_BYTES:
                check_room(self._folder, COPIES * size)
        except StorageFailed as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _bytes_to_come(scope: Scope) -> int:
    """Content-Length; a body that comes in chunks may be as large as any body."""
    if scope["type"] != "http":
        return 0
    if b"transfer-encoding" in dict(scope["headers"]):
        return int(config.get_option("server.maxUploadSize")) * 2**20
    return declared_bytes(scope)
