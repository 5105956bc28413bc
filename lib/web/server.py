"""What app.py serves beside the pages: gate, login, JSON API, health; built and closed once."""

import functools
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import anyio.to_thread
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from streamlit import config

from lib.core.errors import Busy, StorageFailed
from lib.store.log_outs import LogOuts
from lib.store.password import password
from lib.store.settings import WrongSetting, read
from lib.store.start import check
from lib.web import connections, kit, logs, page_uploads
from lib.web.api import api_mount
from lib.web.gate import Gate
from lib.web.hosts import Hosts
from lib.web.keyring import Keyring
from lib.web.login import login_routes
from lib.web.logins import EndedLogins
from lib.web.logout import logout_routes
from lib.web.room import Room, use_for_temporary_files
from lib.web.shell import Shell
from lib.web.sockets import Sockets
from lib.web.throttle import Throttle
from lib.work.app import VERSION
from lib.work.sweeping import keep_swept

log = logging.getLogger(__name__)

STOP_WITHIN_S = 7.0
WAKE_AGAIN_S = 5.0


class Server:
    """Reads the settings, refuses to start with one line when one is wrong, builds everything."""

    def __init__(self) -> None:
        redactor = logs.install()
        os.umask(0o077)  # prompts and answers are for this user's eyes only
        _allow_many_connections()
        connections.install()
        _remember_theme()
        self._address = st.get_option("server.address")
        try:
            settings = read()
            check(settings, self._address)
            self.app = kit.app()
            self._password = password(settings)
            self._ended = EndedLogins(LogOuts(self.app.database))
        except WrongSetting as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"DATA_DIR: {error.strerror}; give a folder this user may write to.")
        except (SQLAlchemyError, Busy, StorageFailed):
            sys.exit("DATABASE_URL: no answer; see that the database runs and lets us in.")
        redactor.hide_settings(settings, self._password)
        page_uploads.install()
        use_for_temporary_files(self.app.uploads.folder)
        keyring = Keyring(self._password.text, self._password.token_file, ended=self._ended)
        throttle, login_on = Throttle(), settings.app_auth == "on"
        self.routes: list[BaseRoute] = [
            Route("/healthz", health),
            *login_routes(keyring, throttle),
            *logout_routes(keyring),
            api_mount(self.app, kit.jobs(), kit.speed()),
        ]
        self.middleware = [
            Middleware(Shell, most_bytes=settings.max_upload_mb * 2**20),
            Middleware(Hosts, settings.allowed_hosts),
            Middleware(Gate, keyring, throttle, login_on),
            Middleware(Sockets, keyring, login_on),
            Middleware(Room, self.app.uploads.folder),
        ]

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[dict[str, Any]]:
        self._say_hello()
        gc.collect()
        gc.freeze()  # what is loaded by now stays: collections need not look through it again
        # Each goes on with what the last process left.
        for desk in (kit.jobs(), kit.pulls(), kit.speed()):
            threading.Thread(target=_until_woken, args=(desk.wake,), daemon=True).start()
        swept, looked = keep_swept(self.app), self._ended.keep_looking()
        _stop_answers_at(signal.SIGTERM, signal.SIGINT)
        yield {}
        swept.set()
        looked.set()
        await anyio.to_thread.run_sync(kit.close)

    def _say_hello(self) -> None:
        """Where to open it, and every way in: the login link as long as nobody has used it."""
        address = self._address or "0.0.0.0"
        host = "127.0.0.1" if address in ("0.0.0.0", "::") else address
        url = f"http://{f'[{host}]' if ':' in host else host}:{st.get_option('server.port')}"
        lines = [f"Open {url}"]
        if self.app.settings.app_auth == "on":
            lines += self._ways_in(url)
        sys.stdout.write("\n  " + "\n  ".join(lines) + "\n\n")
        sys.stdout.flush()

    def _ways_in(self, url: str) -> list[str]:
        found = self._password
        if found.file is None:
            return ["The password is your APP_PASSWORD."]
        if found.token is None:
            return [f"The password is in {found.file}."]
        return [
            f"or, once, {url}/login?token={found.token}",
            "which needs no password. From elsewhere, put this machine's own address into it.",
            f"The password is {found.text} (kept in {found.file}).",
        ]


def _until_woken(wake: Callable[[], object]) -> None:
    """Again and again while the database does not let us: nobody else begins what was left."""
    while True:
        try:
            wake()
        except (Busy, StorageFailed) as error:
            time.sleep(error.retry_after_s or WAKE_AGAIN_S)
        else:
            return


def _remember_theme() -> None:
    """Streamlit looks its theme up among all options, six times for every run of a page: a sixth of
    the work when twenty people ask at once. Options do not change while it serves."""
    found = functools.cache(config.get_options_for_section)
    config.get_options_for_section = lambda section: dict(found(section))


def _allow_many_connections() -> None:
    """As many open files as the system allows: a thousand, a common default, is a few browsers."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_answers_at(*signals: signal.Signals) -> None:
    """Before Streamlit's server waits for open connections, end what keeps them open.

    A reader that takes nothing can still hold it up; then the process ends anyway: whatever must
    last is in the database.
    """
    for number in signals:
        before = signal.getsignal(number)

        def handler(signum: int, frame: FrameType | None, before: Any = before) -> None:
            # Not here: it takes locks that this very thread may hold.
            threading.Thread(target=kit.begin_closing, daemon=True).start()
            last = threading.Timer(STOP_WITHIN_S, os._exit, args=(0,))
            last.daemon = True
            last.start()
            if callable(before):
                before(signum, frame)

        signal.signal(number, handler)


async def health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "version": VERSION}, headers={"Cache-Control": "no-store"})


def on_script_error(error: Exception) -> bool:
    """Log the kind of a page's error, never its text, and show ours in the page."""
    log.error("page failed: %s", type(error).__name__)
    kit.show_error(error)
    return True
