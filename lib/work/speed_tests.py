"""Speed tests: started, watched, stopped; one at a time in a process."""

import logging
import threading
from dataclasses import replace

from lib.core import speed
from lib.core.errors import AppError, BadInput, BadReply, Busy
from lib.core.speed import SpeedPlan
from lib.core.station import ENGINES
from lib.providers.reports import shown
from lib.store.speed_tests import BEAT_S, SpeedTest, State
from lib.work import speed_hosts
from lib.work.app import App
from lib.work.models import Choice
from lib.work.speed_run import SpeedRun, Stopped

log = logging.getLogger(__name__)

STOP_S = 5.0  # longest wait for a test that was stopped; its calls are broken off at once
GPU_CHARACTERS = 100


class SpeedDesk:
    """Tests go on in a thread of their own, whoever looks; what they find is in the database."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._run: SpeedRun | None = None
        self._closing = False

    def start(
        self,
        model: str | None,
        plan: SpeedPlan | None = None,
        gpu: str | None = None,
        host: str | None = None,
    ) -> SpeedTest:
        """Measure a model, without a name the first local one; without a plan, or streams in it,
        with what suits its provider.

        `gpu` names what this machine cannot see; `host` is the address of the server to measure, as
        the models page shows it (None: the first that has the model). BadInput names the field;
        Busy: one runs already.
        """
        choice = self._app.models.find_listed(model or self._usual_model())
        usual = speed.usual_plan(choice.info.provider)
        plan = plan or usual
        plan = speed.check(replace(plan, streams=plan.streams or usual.streams), choice.info)
        gpu, url = _checked_gpu(gpu), speed_hosts.find(self._app, choice, host)
        with self._lock:
            if self._closing:
                raise Busy("This server is about to end.")
            if self._run:
                hint = "Wait until it has ended, or stop it."
                raise Busy("A speed test is running already.", hint=hint)
            self._run = self._begin(choice, plan, gpu, url)
            return self._run.test

    def stop(self, test: str) -> SpeedTest:
        """End it now, also on another machine; its finished levels stay. An ended one is none."""
        run = self._run
        if run and run.test.id == test:
            run.stop("stopped")
            run.over.wait(STOP_S)
        self._app.speed_tests.end(test, "stopped")
        return self.get(test)

    def get(self, test: str) -> SpeedTest:
        return self._app.speed_tests.get(test)

    def all(self) -> list[SpeedTest]:
        """Newest first, at most a thousand."""
        return self._app.speed_tests.all()

    def delete(self, test: str) -> None:
        """Stop it and forget it; its calls stay in the ledger."""
        self.stop(test)
        self._app.speed_tests.delete(test)

    def wake(self) -> None:
        """What a killed process left behind was interrupted.

        On a shared database its silence tells; a database file has no other user than this one.
        """
        with self._lock:
            if self._app.database.is_sqlite and not self._run:
                self._app.speed_tests.end_all()

    def begin_closing(self) -> None:
        """Begin no test, and break off the one that runs."""
        with self._lock:
            self._closing = True
            run = self._run
        if run:
            run.stop("interrupted")

    def close(self) -> None:
        run = self._run
        self.begin_closing()
        if run:
            run.over.wait(STOP_S)

    def _usual_model(self) -> str | None:
        """A paid one only where there is no other."""
        return next((info.id for info in self._app.models.local_first()), None)

    def _begin(self, choice: Choice, plan: SpeedPlan, gpu: str | None, url: str | None) -> SpeedRun:
        tests, info = self._app.speed_tests, choice.info
        test = tests.add(info.id, ENGINES[info.provider], gpu, plan, url and shown(url))
        run = SpeedRun(self._app, choice, test, url)
        try:
            threading.Thread(target=self._beat, args=(run,), daemon=True).start()
            threading.Thread(target=self._measure, args=(run,), daemon=True).start()
        except RuntimeError:
            run.over.set()
            error = Busy("This server has no thread left for a speed test.", retry_after_s=5)
            tests.end(run.test.id, "failed", error)
            raise error from None
        return run

    def _measure(self, run: SpeedRun) -> None:
        state: State = "done"
        error: AppError | None = None
        try:
            run.measure()
        except Stopped:
            state = run.why or "stopped"
        except AppError as caught:
            state, error = "failed", caught
        except Exception as unforeseen:
            # The kind only: the text may hold what a server said.
            log.exception("unforeseen %s", type(unforeseen).__name__, exc_info=False)
            state, error = "failed", BadReply("Something in this app went wrong.")
        try:
            self._app.speed_tests.end(run.test.id, state, error)
        except AppError as lost:  # it gives no more sign of life, so it is taken as interrupted
            log.warning("a speed test's end is not stored: %s", lost.code)
        with self._lock:
            self._run = None
        run.over.set()

    def _beat(self, run: SpeedRun) -> None:
        """While others can see that it lives, it also learns that it was ended elsewhere."""
        while not run.over.wait(BEAT_S):
            try:
                if not self._app.speed_tests.beat(run.test.id):
                    run.stop("stopped")
            except AppError as error:  # of the storage; the test itself finds out
                log.warning("a speed test gave no sign of life: %s", error.code)


def _checked_gpu(gpu: str | None) -> str | None:
    name = " ".join((gpu or "").replace("\0", "").split())
    if len(name) > GPU_CHARACTERS:
        raise BadInput(f"gpu: at most {GPU_CHARACTERS} characters are wanted.")
    return name or None
