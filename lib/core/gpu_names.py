"""What a driver calls a GPU, and what our table calls it."""

import re
from collections import Counter
from collections.abc import Iterable

from lib.core.throughput import GIGA, Gpu

MAKERS = frozenset({"NVIDIA", "GEFORCE"})
# Error correction and the driver keep some of the memory back, and H200s come with a little more.
MEMORY_MISS = 0.10
# Plugged in or soldered on: the same chip at another speed. Drivers call the soldered H100 HBM3.
_FORMS = {"PCIE": "PCIE", "SXM": "SXM", "SXM4": "SXM", "SXM5": "SXM", "HBM3": "SXM", "HBM3E": "SXM"}
_MEMORY = re.compile(r"\d+GB")


def table_name(name: str, memory_bytes: int, table: Iterable[Gpu]) -> str | None:
    """The one GPU of the table with that model and memory; None when there is none, or several."""
    chip, form = _parts(name)
    fitting = []
    for gpu in table:
        its_chip, its_form = _parts(gpu.name)
        memory = gpu.memory_gb * GIGA
        close = abs(memory_bytes - memory) <= MEMORY_MISS * memory
        if chip == its_chip and close and (form == its_form or not form or not its_form):
            fitting.append(gpu.name)
    return fitting[0] if len(fitting) == 1 else None


def together(names: Iterable[str]) -> str | None:
    """«2 × RTX 4090 + L4»; None without any."""
    counted = Counter(names).items()
    return " + ".join(f"{n} × {name}" if n > 1 else name for name, n in counted) or None


def short(name: str) -> str:
    """A driver's name without the maker."""
    return " ".join(word for word in name.split() if word.upper() not in MAKERS) or name


def _parts(name: str) -> tuple[frozenset[str], str | None]:
    """The words that make the chip, and the form if it is told; memory is compared as a number."""
    words = [word for word in re.split(r"[\s-]+", name.upper()) if not _MEMORY.fullmatch(word)]
    form = next((_FORMS[word] for word in words if word in _FORMS), None)
    return frozenset(words) - MAKERS - _FORMS.keys(), form
