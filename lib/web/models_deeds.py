"""Loading, unloading and deleting an Ollama's models: minutes at times, so no page waits for it."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from lib.core.errors import AppError, BadReply
from lib.work.app import App
from lib.work.pulls import Pulls

log = logging.getLogger(__name__)

LOOK_S = 1.0  # usually the servers tell within it what has changed

Verb = Literal["load", "unload", "delete"]


@dataclass(frozen=True, slots=True)
class Deed:
    """What is being done to a model; with an `error`, what could not be."""

    verb: Verb
    error: AppError | None = None

    @property
    def under_way(self) -> bool:
        return self.error is None


def library_verbs(app: App, pulls: Pulls) -> dict[Verb, Callable[[str, str], object]]:
    """What can be done with a model of an Ollama, given its host and its name."""

    def delete(host: str, model: str) -> None:
        app.library.delete(host, model)
        if any((one.host, one.model) == (host, model) for one in pulls.all()):
            pulls.dismiss(host, model)
        app.models.refresh()  # the pickers must not offer it any more

    return {"load": app.library.load, "unload": app.library.unload, "delete": delete}


class Deeds:
    """At most one for each host and model; a failed one is told until it is dismissed."""

    def __init__(
        self,
        verbs: Mapping[Verb, Callable[[str, str], object]],
        look_again: Callable[[float], object],
    ) -> None:
        """`look_again` is called with how long to wait for it, before a deed is no longer told."""
        self._verbs, self._look_again = verbs, look_again
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], Deed] = {}

    def all(self) -> dict[tuple[str, str], Deed]:
        """By host and model."""
        with self._lock:
            return dict(self._all)

    def start(self, verb: Verb, host: str, model: str, wait_s: float = 0) -> None:
        """Begin, unless something is under way there, and wait at most so long for its end."""
        with self._lock:
            before = self._all.get((host, model))
            if before and before.under_way:
                return
            self._all[host, model] = Deed(verb)
        thread = threading.Thread(target=self._run, args=(verb, host, model), daemon=True)
        thread.start()
        thread.join(wait_s)

    def dismiss(self, host: str, model: str) -> None:
        with self._lock:
            if (host, model) in self._all and not self._all[host, model].under_way:
                del self._all[host, model]

    def _run(self, verb: Verb, host: str, model: str) -> None:
        error = self._tried(verb, host, model)
        self._look_again(LOOK_S)
        with self._lock:
            del self._all[host, model]
            if error:
                self._all[host, model] = Deed(verb, error)

    def _tried(self, verb: Verb, host: str, model: str) -> AppError | None:
        try:
            self._verbs[verb](host, model)
        except AppError as error:
            return error
        except Exception as error:  # or it would seem to go on for ever
            log.error("%s of a model failed: %s", verb, type(error).__name__)
            return BadReply("Something in this app went wrong.")
        return None
