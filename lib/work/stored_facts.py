"""The facts of an answer out of a file: only what we know, of the right kind, is believed."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lib.core.chat import Finish
from lib.core.errors import BadInput
from lib.core.options import from_fields, to_fields

Check = Callable[[Any], bool]
MOST = 10**12  # of anything counted or measured
MOST_DECIMALS = 60  # a page that shows money writes them all


def known(facts: Any) -> dict[str, Any]:
    """Those of `facts` that an answer of ours could have; `lib.work.answer` says what they mean."""
    given = facts if isinstance(facts, dict) else {}
    return {name: fact for name, fact in given.items() if name in _FACTS and _FACTS[name](fact)}


def is_model(value: Any) -> bool:
    """Whether it may be a model's id, which pages show and links carry."""
    return _FACTS["model"](value)


def _either(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _parts(**checks: Check) -> Check:
    """An object with exactly these fields."""

    def right(value: Any) -> bool:
        if not isinstance(value, dict) or set(value) != set(checks):
            return False
        return all(check(value[name]) for name, check in checks.items())

    return right


def _text(pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _none(value: Any) -> bool:
    return value is None


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _number(value: Any) -> bool:
    return _count(value) or (isinstance(value, float) and 0 <= value <= MOST)


def _words(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1000 and value.isprintable()


def _usd(value: Any) -> bool:
    """A decimal number as text."""
    try:
        amount = Decimal(value) if isinstance(value, str) and len(value) <= 100 else Decimal("NaN")
    except InvalidOperation:
        return False
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_DECIMALS and 0 <= amount <= MOST


def _moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _options(value: Any) -> bool:
    try:
        return isinstance(value, dict) and to_fields(from_fields(value)) == value
    except BadInput:
        return False


_MAYBE_COUNT, _MAYBE_NUMBER = _either(_none, _count), _either(_none, _number)
_MAYBE_USD, _MAYBE_WORDS = _either(_none, _usd), _either(_none, _words)
_FACTS: dict[str, Check] = {
    "model": _text(r"(?!.*//|www\.)[\w.:/@+ -]{1,220}"),
    "finish": lambda value: value in [finish.value for finish in Finish],
    "usage": _parts(
        input_tokens=_MAYBE_COUNT,
        output_tokens=_MAYBE_COUNT,
        thinking_tokens=_MAYBE_COUNT,
        cached_tokens=_MAYBE_COUNT,
        total_tokens=_MAYBE_COUNT,
    ),
    "cost_usd": _MAYBE_USD,
    "timings": _parts(
        ttft_ms=_MAYBE_NUMBER, total_ms=_MAYBE_NUMBER, tokens_per_second=_MAYBE_NUMBER
    ),
    "version": _MAYBE_WORDS,
    "load_ms": _MAYBE_NUMBER,
    "prompt_cut": _flag,
    "rates": _either(
        _none,
        _parts(
            input_usd_per_mtok=_usd,
            cached_usd_per_mtok=_MAYBE_USD,
            output_usd_per_mtok=_usd,
            audio_usd_per_mtok=_MAYBE_USD,
            source=_text(r"https://[\w.~:/?#@!$&*+,;=%-]{1,500}"),
            checked=_text(r"\d{4}-\d\d-\d\d"),
            tier=_text(r"[\w-]{1,40}"),
        ),
    ),
    "usd_per_hour": _MAYBE_USD,
    "busy_s": _MAYBE_NUMBER,
    "queue_ms": _number,
    "options": _options,
    "asked": _moment,
    "error": _parts(
        code=_text(r"[a-z_]{1,40}"), message=_words, hint=_words, retry_after_s=_MAYBE_NUMBER
    ),
}
