"""A speed test in words: what was measured on what, its figures, how it stands."""

from datetime import datetime
from typing import Literal

import streamlit as st

from lib.core.speed import Interval, Level, SpeedPlan
from lib.core.station import ENGINES
from lib.store.speed_tests import SpeedTest
from lib.web import kit
from lib.web.texts import UNKNOWN, _, number
from lib.work import speed_hosts

SHOWN = "speedtest"  # in the URL: the test that is shown
Colour = Literal["red", "orange", "blue", "green", "gray"]
STATES: dict[str, tuple[str, str, Colour]] = {
    "running": (_("measuring"), ":material/progress_activity:", "blue"),
    "done": (_("done"), ":material/check_circle:", "green"),
    "stopped": (_("stopped"), ":material/stop_circle:", "gray"),
    "failed": (_("failed"), ":material/error:", "red"),
    "interrupted": (_("interrupted"), ":material/power_off:", "orange"),
}
# One process reads about so many tokens a second from vLLM's streams, where each comes by itself;
# from here on a figure is what this process can do, and the server may be faster.
MOST_READ_TOK_S = 3000
WHOLE = 1000  # from here on a rate is told without decimals


def subject(test: SpeedTest) -> str:
    """«gemma3:4b Q4_K_M · Ollama 0.33.0 · RTX 3060 12GB»; what is not known is left out."""
    name = test.model.partition("/")[2]
    parts = [
        " ".join(part for part in (name, test.quantisation) if part),
        " ".join(part for part in (test.engine, test.engine_version) if part),
        test.gpu,
    ]
    return " · ".join(part for part in parts if part)


def place(test: SpeedTest) -> list[str]:
    """The address of the server, where it could have been another one; else nothing.

    Without «http://»: with it, Markdown makes it a link.
    """
    if test.host is None or not speed_hosts.are_several(kit.app(), test.model):
        return []
    return [test.host.partition("://")[2]]


def day(test: SpeedTest) -> str:
    """«23 Nov 2026», UTC."""
    begun = datetime.fromisoformat(test.created)
    return f"{begun.day} {begun:%b %Y}"


def sizes(plan: SpeedPlan) -> str:
    return _("{input} in, {output} out").format(
        input=number(plan.input_tokens), output=number(plan.output_tokens)
    )


def streams(count: int) -> str:
    return _("1 stream") if count == 1 else _("{n} streams").format(n=count)


def served(level: Level) -> str:
    """«4 streams», or «8 streams, 2 at a time» where the others had to wait."""
    if level.served in (0, level.streams):
        return streams(level.streams)
    return _("{streams}, {n} at a time").format(streams=streams(level.streams), n=level.served)


def rate(found: Interval | None) -> str:
    """«41.3 ± 1.2»; without ± when there was one round only."""
    if found is None:
        return UNKNOWN
    digits = 0 if found.value >= WHOLE else 1
    value = number(found.value, digits)
    if found.low is None or found.high is None:
        return value
    return f"{value} ± {number((found.high - found.low) / 2, digits)}"


def is_lower_bound(test: SpeedTest, level: Level) -> bool:
    """Whether the answers came as fast as they can be read here."""
    found = level.answer_tok_s
    return test.engine == ENGINES["vllm"] and found is not None and found.value > MOST_READ_TOK_S


def badge(test: SpeedTest) -> None:
    name, icon, colour = STATES[test.state]
    st.badge(name, icon=icon, color=colour)
