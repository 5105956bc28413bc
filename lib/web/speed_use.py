"""From a speed test to the estimate: one level of it, as the estimate page's widgets take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.core.assumptions import ENGINE_NAMES
from lib.core.model_names import table_tag
from lib.core.speed import Interval, Level
from lib.store import estimate_tables
from lib.store.speed_tests import SpeedTest
from lib.web import kit, plain_link
from lib.web.estimate_controls import MARK, USUAL, typical_rent
from lib.web.texts import _

_ENGINES = {name: engine for engine, name in ENGINE_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Measured:
    """A level that says how fast answers come, by the keys of the estimate's widgets."""

    test: SpeedTest
    level: Level

    @property
    def mark(self) -> str:
        """What the estimate's URL calls it."""
        return f"{self.test.id}:{self.level.streams}"

    @property
    def machine(self) -> dict[str, str]:
        """Model, engine and GPU, as far as the estimate's tables know them."""
        found: dict[str, str] = {}
        if tag := table_tag(*self._names, estimate_tables.local_models()):
            found["est_model"] = tag
        if self.test.engine in _ENGINES:
            found["est_engine"] = _ENGINES[self.test.engine]
        if self.test.gpu and self.test.gpu in estimate_tables.gpus():
            found["est_gpu"] = self.test.gpu
        return found

    @property
    def unknown(self) -> list[str]:
        """What they do not know, in the test's words."""
        told = {
            "est_model": self.model,
            "est_engine": self.test.engine,
            "est_gpu": self.test.gpu or _("a GPU nobody named"),
        }
        return [name for widget, name in told.items() if widget not in self.machine]

    @property
    def speeds(self) -> dict[str, Any]:
        """Streams and tokens a second; what was not measured is None and stays modelled."""
        return {
            "est_streams": self.level.served or self.level.streams,
            "est_decode": _rate(self.level.answer_tok_s),
            "est_prefill": _rate(self.level.prompt_tok_s),
        }

    @property
    def model(self) -> str:
        """As its server calls it."""
        return self._names[1]

    @property
    def _names(self) -> tuple[str, str]:
        """Of the provider, and of the model there."""
        provider, _, name = self.test.model.partition("/")
        return provider, name


def measured(tests: Sequence[SpeedTest]) -> list[Measured]:
    """Every level the estimate can use, in the order of the tests; those of an API it cannot."""
    return [
        Measured(test, level)
        for test in tests
        for level in test.levels
        if _rate(level.answer_tok_s) and not test.model.startswith("gemini/")
    ]


def link(test: SpeedTest) -> None:
    """Choose a level and open the estimate with it."""
    levels = {one.level.streams: one for one in measured([test])}
    if not levels:
        return
    fastest = max(levels, key=lambda streams: levels[streams].speeds["est_decode"])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            _("Streams"), list(levels), default=fastest, required=True, key=f"speed_use_{test.id}"
        )
        one = levels[chosen or fastest]
        plain_link.show(_("Use the result in the estimate"), "estimate", _query(one))
    if one.unknown:
        text = _("The estimate has no figures for {names}. Choose there what comes nearest.")
        st.caption(kit.literal(text.format(names=", ".join(one.unknown))))


def _query(one: Measured) -> dict[str, str]:
    """What opens the estimate with it; the GPU brings its rent, as when it is chosen there.

    Without what is usual: Streamlit takes that out again, each time with a step for Back.
    """
    values = one.machine | one.speeds | {MARK: one.mark}
    gpu = one.machine.get("est_gpu")
    if gpu and gpu != USUAL["est_gpu"]:
        values["est_rent"] = typical_rent(gpu)
    unusual = values.items() - USUAL.items()
    return {name: str(value) for name, value in unusual if value is not None}


def _rate(found: Interval | None) -> float | None:
    """With as many digits as the widgets show; None where nothing is left of it then."""
    return round(found.value, 2) or None if found else None
