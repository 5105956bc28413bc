"""One answer of a conversation: written by the server, stored while it grows, with its facts."""

import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lib.core.chat import Finish, Request, Text, Usage
from lib.core.errors import AppError
from lib.core.prices import Rates
from lib.providers.line import Line
from lib.store.conversations import Turn
from lib.work.app import App
from lib.work.ask import ask
from lib.work.generation import Generation, Pieces, Room
from lib.work.meter import Receipt
from lib.work.models import Choice

SAVE_EVERY_S = 2.0  # what a killed process may lose of a growing answer


class Answer:
    """Asks one model and keeps `turn`, which is stored already, up to date; see `generation`."""

    def __init__(
        self,
        app: App,
        conversation: str,
        turn: Turn,
        choice: Choice,
        request: Request,
        after: Sequence[Generation] = (),
        room: Room | None = None,
    ) -> None:
        self.turn = turn
        self._app, self._conversation, self._choice, self._request = (
            app, conversation, choice, request,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._kept = True
        self._queued_at = time.monotonic() if after else None
        wait_s = app.settings.model_timeout_s
        self.generation = Generation(self._ask, wait_s, after, self._unasked, room)

    def forget(self) -> None:
        """Store no more of it: its turn was removed, and another may take the place."""
        with self._lock:
            self._kept = False

    def _ask(self, line: Line) -> Pieces:
        """Pass the pieces on; the stored turn follows every few seconds, and at the end."""
        found = {**self.turn.facts, "queue_ms": self._queue_ms()}
        texts, thoughts = list[str](), list[str]()
        saved_at = time.monotonic()
        try:
            for piece in ask(self._app, self._choice, self._request, "chat", line):
                if isinstance(piece, Receipt):
                    found |= facts(piece)
                else:
                    (texts if isinstance(piece, Text) else thoughts).append(piece.text)
                yield piece
                if time.monotonic() - saved_at > SAVE_EVERY_S:
                    self._save(found, texts, thoughts)
                    saved_at = time.monotonic()
        except AppError as error:
            found |= {"finish": Finish.ERROR.value, "error": _problem(error)}
            raise
        finally:
            self._save(found, texts, thoughts)

    def _unasked(self) -> None:
        stopped = {"finish": Finish.STOPPED.value, "queue_ms": self._queue_ms()}
        self._save({**self.turn.facts, **stopped})

    def _queue_ms(self) -> float:
        return 0.0 if self._queued_at is None else (time.monotonic() - self._queued_at) * 1000

    def _save(
        self, found: dict[str, Any], texts: Sequence[str] = (), thoughts: Sequence[str] = ()
    ) -> None:
        turn = Turn(self.turn.position, "assistant", "".join(texts), "".join(thoughts), facts=found)
        with self._lock:
            if self._kept:
                self._app.conversations.rewrite(self._conversation, turn)


def _problem(error: AppError) -> dict[str, Any]:
    return {
        "code": error.code, "message": str(error), "hint": error.hint,
        "retry_after_s": error.retry_after_s,
    }  # fmt: skip


def facts(receipt: Receipt) -> dict[str, Any]:
    """A receipt as it is stored and shown; money as text, since JSON has no decimals."""
    rates = receipt.rates
    return {
        "model": receipt.model,
        "finish": receipt.finish.value,
        "usage": usage_facts(receipt.usage),
        "cost_usd": _text(receipt.cost_usd),
        "timings": timings(receipt),
        "version": receipt.version,
        "load_ms": receipt.load_ms,
        "prompt_cut": receipt.prompt_cut,
        "rates": rates and {**_rates(rates), "tier": receipt.tier},
        "usd_per_hour": _text(receipt.usd_per_hour),
        "busy_s": receipt.busy_s,
    }


def _rates(rates: Rates) -> dict[str, str | None]:
    return {
        "input_usd_per_mtok": _text(rates.input_usd_per_mtok),
        "cached_usd_per_mtok": _text(rates.cached_usd_per_mtok),
        "output_usd_per_mtok": _text(rates.output_usd_per_mtok),
        "audio_usd_per_mtok": _text(rates.audio_usd_per_mtok),
        "source": rates.source.url,
        "checked": rates.source.checked.isoformat(),
    }


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def usage_facts(usage: Usage) -> dict[str, int | None]:
    """Tokens under the names of the JSON API."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "thinking_tokens": usage.thinking_tokens,
        "cached_tokens": usage.cached_tokens,
        "total_tokens": usage.total_tokens,
    }


def timings(receipt: Receipt) -> dict[str, float | None]:
    return {
        "ttft_ms": receipt.ttft_ms,
        "total_ms": receipt.total_ms,
        "tokens_per_second": receipt.tokens_per_second,
    }
