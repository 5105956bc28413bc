"""One speed test under way: a warm-up, then level by level until the figures stand still."""

import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from lib.core import speed_prompt
from lib.core.chat import Request
from lib.core.errors import BadReply
from lib.core.speed import MOST_ROUNDS
from lib.core.speed_prompt import Fit
from lib.core.speed_sums import TimedCall, level
from lib.core.station import ENGINES
from lib.store.speed_tests import SpeedTest, State
from lib.work.app import App
from lib.work.models import Choice
from lib.work.speed_facts import Facts, facts
from lib.work.speed_round import NotMade, Round, Took

NONCE_WORDS = 4
FACTS_S = 10.0  # longest wait for what the server says of itself: three seconds each of it and GPU


class Stopped(Exception):
    """Somebody ended the test."""


class SpeedRun:
    """`test` is what has been found so far; after a `stop`, `why` is the state to end with.

    All calls go to `host`, a base URL; None: the provider has no servers to choose from.
    """

    def __init__(self, app: App, choice: Choice, test: SpeedTest, host: str | None) -> None:
        self._app, self._choice, self.test, self._host = app, choice, test, host
        self._lock = threading.Lock()
        self._round: Round | None = None
        self._cost_known = True
        self._enough = threading.Event()  # the facts are there, or nobody waits for them any more
        self.why: State | None = None
        self.over = threading.Event()

    def stop(self, why: State) -> None:
        """End the calls under way at once; from any thread."""
        with self._lock:
            self.why = self.why or why
            if self._round:
                self._round.hang_up()
        self._enough.set()

    def measure(self) -> None:
        """Run to the end; raises Stopped, or the AppError that makes going on useless."""
        words = self._warm_up()
        found = asdict(self._facts())
        self._keep(**found | {"gpu": self.test.gpu or found["gpu"]})
        for streams in self.test.plan.streams:
            self._measure(streams, words)

    def _facts(self) -> Facts:
        """What could be found out in time; a stop does not wait for it."""
        pool = ThreadPoolExecutor(1)
        told = pool.submit(facts, self._app, self._choice, self._host)
        told.add_done_callback(lambda _: self._enough.set())
        self._enough.wait(FACTS_S)
        pool.shutdown(wait=False)
        return told.result() if told.done() else Facts(ENGINES[self._choice.info.provider])

    def _warm_up(self) -> int:
        """Load the model, and find how many words make a prompt of the wanted length.

        One call first; then the fullest round, which reaches every batch size.
        """
        tokens, half = self.test.plan.input_tokens, self.test.plan.input_tokens // 2
        few = self._ask(1, half)[0].input_tokens
        words = Fit(0, few / half).words(tokens)  # rather too few: the window must hold them
        many = self._ask(max(self.test.plan.streams), words)[0].input_tokens
        return speed_prompt.fit((half, few), (words, many)).words(tokens)

    def _measure(self, streams: int, words: int) -> None:
        rounds: list[list[TimedCall]] = []
        for number in range(1, MOST_ROUNDS + 1):
            self._keep(now=(streams, number))
            rounds.append(self._ask(streams, words))
            failed = streams * number - sum(map(len, rounds))
            found = level(streams, rounds, failed)
            if found.is_settled:
                break
        self._keep(levels=(*self.test.levels, found), now=None)

    def _ask(self, streams: int, words: int) -> list[TimedCall]:
        """One round's calls that tell a speed, at least one."""
        requests = [self._request(words) for _ in range(streams)]
        with self._lock:
            if self.why:
                raise Stopped
            self._round = Round(self._app, self._choice, requests)
        took = self._round.run()
        self._count(took)
        if self.why:
            raise Stopped
        _raise_what_ends(took)
        return [one.timed for one in took if one.timed]

    def _request(self, words: int) -> Request:
        info, tokens = self._choice.info, self.test.plan.output_tokens
        return replace(speed_prompt.request(info, _nonce(), words, tokens), host=self._host)

    def _count(self, took: Sequence[Took]) -> None:
        costs = [one.cost_usd for one in took]
        self._cost_known = self._cost_known and None not in costs
        spent = sum((cost for cost in costs if cost), self.test.cost_usd or Decimal(0))
        calls = self.test.calls + sum(one.sent for one in took)
        self._keep(calls=calls, cost_usd=spent if self._cost_known else None)

    def _keep(self, **found: Any) -> None:
        """Store it; whoever ended or deleted the test, on another machine too, ends it here."""
        self.test = replace(self.test, **found)
        if not self._app.speed_tests.save(self.test):
            self.stop("stopped")


def _raise_what_ends(took: Sequence[Took]) -> None:
    """An error that repeating does not mend, or a round in which nothing could be measured."""
    errors = [one.error for one in took if one.error and not isinstance(one.error, NotMade)]
    lasting = next((error for error in errors if not error.retryable), None)
    if lasting:
        raise lasting
    if any(one.timed for one in took):
        return
    nothing = BadReply(
        "No call told a speed: the server wrote nothing, or did not count its tokens.",
        hint="Try the model in the chat; a newer version of its server may count.",
    )
    raise errors[0] if errors else nothing


def _nonce() -> str:
    """Of the same words as the rest, so that all prompts count alike."""
    words = speed_prompt.WORDS.split()
    return " ".join(secrets.choice(words) for _ in range(NONCE_WORDS))
