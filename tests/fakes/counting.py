"""Counting a prompt before it is sent: the same count as in the answer, and its own faults.

The directive `#count=missing` (404), `#count=internal` (500) or `#count=slow` (no answer while
anybody waits), in the last user text; it is a word of the prompt like any other.
"""

import re

from tests.fakes.scenario import Ask
from tests.fakes.wire import HANG_S

FAULTS = ("missing", "internal", "slow")
_DIRECTIVE = re.compile(r"#count=(\S+)")


def fault_of(ask: Ask) -> str:
    """The fault this count is to have; raises ValueError for one that does not exist."""
    found = _DIRECTIVE.search(ask.last)
    if found and found[1] not in FAULTS:
        raise ValueError(f"the fake counts without a fault {found[1]!r}")
    return found[1] if found else ""


def wait_s(ask: Ask) -> float:
    """Seconds before the count is told."""
    return HANG_S if fault_of(ask) == "slow" else 0.0
