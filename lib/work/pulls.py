"""Downloads of models to our Ollama servers: begun once, alive over reloads and restarts."""

import logging
import threading
from collections.abc import Sequence

from lib.core.errors import AppError, BadInput, Busy
from lib.store.pulls import Wanted, WantedPulls
from lib.work.app import App
from lib.work.pull_run import Pull, PullRun

log = logging.getLogger(__name__)

# Between tries that brought nothing; after the last of them a download has failed. A server that
# starts again, or a line that is down for a minute, is waited for.
PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
LOOK_S = 5.0  # how often a server that is not there yet is asked what it has
END_S = 2.0  # longest wait for a thread that was told to end
MOST = 50  # downloads in the list; each under way is a thread


class Pulls:
    """The downloads of this process; the same model to the same host is one, however often asked.

    Those that ended stay in the list until they are dismissed; those under way go on after a
    restart of this app.
    """

    def __init__(self, app: App, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._app, self._pauses_s = app, pauses_s
        self._wanted = WantedPulls(app.settings.data_path / "pulls.json")
        self._lock = threading.Lock()
        self._runs: dict[Wanted, PullRun] = {}
        self._closing = threading.Event()

    def all(self) -> list[Pull]:
        """In the order they were begun."""
        with self._lock:
            return sorted((run.pull for run in self._runs.values()), key=lambda one: one.started)

    def start(self, host: str, model: str) -> Pull:
        """Begin, or try again what has failed; one under way is left alone.

        Raises BadInput for a host that is not ours or what cannot be a model's name.
        """
        key = host, self._app.library.checked(host, model)
        with self._lock:
            if self._closing.is_set():
                raise Busy("This server is about to end.")
            run = self._runs.get(key)
            if run and run.pull.state == "pulling":
                return run.pull
            if not run and len(self._runs) >= MOST:
                raise BadInput(f"model: {MOST} downloads are listed.", "Dismiss some first.")
            self._wanted.add(key)
            run = PullRun(Pull(*key), self._app.library, self._ended, self._pauses_s)
            self._runs[key] = run
            return run.pull

    def cancel(self, host: str, model: str) -> None:
        """Stop it for good; Ollama keeps what it has, for the next time."""
        run = self._runs.get((host, self._app.library.checked(host, model)))
        if run:
            run.hang_up()
            run.join(END_S)

    def dismiss(self, host: str, model: str) -> None:
        """Take one that has ended off the list."""
        key = host, self._app.library.checked(host, model)
        with self._lock:
            if key in self._runs and self._runs[key].pull.state != "pulling":
                del self._runs[key]

    def wake(self) -> None:
        """At the start of the process: go on with what is unfinished, get what OLLAMA_PULL names.

        Returns when the first host has said what it has, which may take until it has started.
        """
        for host, model in self._wanted.all():
            self._go_on(host, model)
        if named := self._app.settings.ollama_pull:
            first = self._app.library.hosts[0]
            there = self._names_of(first)
            for model in named:
                if model not in there:
                    self._go_on(first, model)

    def begin_closing(self) -> None:
        """Begin no further one and hang up; what is unfinished stays wanted."""
        self._closing.set()
        for run in list(self._runs.values()):
            run.hang_up()

    def close(self) -> None:
        self.begin_closing()
        for run in list(self._runs.values()):
            run.join(END_S)

    def _names_of(self, host: str) -> frozenset[str]:
        """What a host has, as soon as it answers."""
        while True:
            try:
                return self._app.library.names(host)
            except AppError:
                if self._closing.wait(LOOK_S):
                    return frozenset()

    def _go_on(self, host: str, model: str) -> None:
        try:
            self.start(host, model)
        except BadInput:  # the host was taken out of the settings
            self._wanted.remove((host, model))
        except AppError as error:
            log.warning("a download could not go on: %s", type(error).__name__)

    def _ended(self, pull: Pull) -> None:
        if self._closing.is_set():
            return
        if pull.state == "done":
            self._app.models.refresh()
        self._wanted.remove((pull.host, pull.model))
