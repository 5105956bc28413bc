"""What may reach a log: no secret, nobody's words, and no line that looks like another record.

One place for all loggers, Streamlit's, uvicorn's and every library's among them: the factory that
makes each record. Warnings and uncaught exceptions are led through it too.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

from lib.store.password import Password
from lib.store.settings import Settings

log = logging.getLogger(__name__)

HIDDEN = "…"
SHORT = 8  # a secret of fewer characters is hidden only where it stands as a word of its own
MOST_FRAMES = 20
INDENT = "    "  # a line that begins at the margin begins a record

_SHAPES = [
    (r"://[^/\s@]*@", f"://{HIDDEN}@"),
    (r"(cookie['\"]?\s*[:=]\s*).*", rf"\1{HIDDEN}"),
    (r"(\blogin_[0-9a-f]{8}=)[^\s;]+", rf"\1{HIDDEN}"),
    (r"(\b(?:bearer|basic)\s+)[\w.~+/=-]+", rf"\1{HIDDEN}"),
    (
        r"((?:key|token|password|passwd|secret)['\"]?\s*[:=]\s*b?)"
        r"(?:'[^']*'?|\"[^\"]*\"?|[^\s'\"&,;)}\]]+)",
        rf"\1{HIDDEN}",
    ),
    (r"\b(?:AIza|AQ\.|sk-|hf_|gh[opsu]_)[\w-]{16,}", HIDDEN),
    # asyncio's repr of a failed task quotes the exception's text.
    (r"(\bexception=\w+)\(.*\)", rf"\1({HIDDEN})"),
]
_shapes = [(re.compile(shape, re.IGNORECASE), instead) for shape, instead in _SHAPES]
# Where none of these stands no shape can match: most records are done with one look.
_maybe = re.compile(
    r"@|cookie|login_|bearer|basic|key|token|passw|secret|aiza|aq\.|sk-|hf_|gh[opsu]_|exception=",
    re.IGNORECASE,
)
_controls = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F))
} | {ord("\t"): "\t", ord("\n"): f"\n{INDENT}"}


class Redactor:
    """Makes the records of all loggers; what it was told to hide is in none of them."""

    def __init__(self) -> None:
        self._hidden: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def hide(self, *secrets: str | None) -> None:
        """Never show these, nor how they are spelled in an address, in JSON or in a repr."""
        for secret in filter(None, secrets):
            escaped = secret.encode("unicode_escape").decode("ascii")
            self._hidden |= {secret, quote(secret, safe=""), quote_plus(secret), escaped}
        longest_first = sorted(self._hidden, key=len, reverse=True)
        self._known = re.compile("|".join(map(_findable, longest_first))) if self._hidden else None

    def hide_settings(self, settings: Settings, password: Password) -> None:
        """`hide` whatever the settings and the login keep secret."""
        values = [getattr(settings, name) for name in type(settings).model_fields]
        self.hide(*(v.get_secret_value() for v in values if isinstance(v, SecretStr)))
        self.hide(password.text, password.token)
        if settings.database_url and (inside := urlsplit(settings.database_url).password):
            self.hide(inside, unquote(inside))

    def clean(self, text: str) -> str:
        """`text` without secrets, and without characters that could end or forge a line."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        if _maybe.search(text):
            for shape, instead in _shapes:
                text = shape.sub(instead, text)
        return text if text.isprintable() else text.translate(_controls)

    def record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """A record as logging makes it, cleaned; for `logging.setLogRecordFactory`."""
        record = logging.LogRecord(*args, **kwargs)
        try:
            said = record.getMessage()
        except Exception:  # a wrong placeholder must not break the call that logs
            said, record.args = str(record.msg), None
        if (cleaned := self.clean(said)) != said:
            record.msg, record.args = cleaned, None
        if record.exc_info and record.exc_info[1]:
            trace = "\n".join(_trace(record.exc_info[1], set()))
            record.exc_text = INDENT + self.clean(trace)
        if record.stack_info:
            record.stack_info = INDENT + self.clean(record.stack_info)
        return record


def install() -> Redactor:
    """Lead every log, warning and uncaught exception of this process through one Redactor."""
    redactor = Redactor()
    logging.setLogRecordFactory(redactor.record)
    logging.raiseExceptions = False  # a handler that fails would print the arguments as they are
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("httpx", "httpx2", "google_genai", "openai"):  # they log addresses
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook, sys.unraisablehook = _uncaught, _unraisable
    threading.excepthook = _thread_failed
    return redactor


def _findable(secret: str) -> str:
    found = re.escape(secret)
    return found if len(secret) >= SHORT else rf"(?<!\w){found}(?!\w)"


def _trace(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Where it happened and of what kind, the cause first; never its text: that may quote a
    prompt, a row or a provider."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (before, *parts):
        if other is not None and id(other) not in seen:
            yield from _trace(other, seen)
    for frame in traceback.extract_tb(error.__traceback__, -MOST_FRAMES):
        yield f'File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    yield f"{type(error).__module__}.{type(error).__qualname__}"


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("nothing caught this", exc_info=(kind, error, trace))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        log.error("a thread failed", exc_info=failed.exc_value)


def _unraisable(failed: Any) -> None:
    log.warning("an exception could not be raised", exc_info=failed.exc_value)
