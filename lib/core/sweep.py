"""The same work on every GPU, model and engine over many volumes at once, for a ranking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from lib.core.assumptions import ENGINES, Assumptions, Machine
from lib.core.rental import ROUNDING, Offer, offer, tokens_per_second
from lib.core.throughput import Gpu, LocalModel, speeds

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that could do the work; `offer` None: it does not fit, or has no rent."""

    machine: Machine
    usd_per_hour: Decimal | None
    fits: bool
    max_concurrency: int
    tokens_per_second: Decimal | None
    offer: Offer | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A row per candidate, a column per volume; NaN where a candidate has no offer."""

    candidates: tuple[Candidate, ...]
    tokens_per_month: Figures
    usd: Figures
    gpus: Figures
    utilisation: Figures

    def ranking(self, column: int) -> tuple[int, ...]:
        """Rows with an offer, the cheapest first, at the volume of that column."""
        order = np.argsort(self.usd[:, column], kind="stable")
        return tuple(int(row) for row in order if not np.isnan(self.usd[row, column]))


def typical_rents(gpus: Mapping[str, Gpu]) -> dict[str, Decimal]:
    """USD an hour by GPU, the low price where no typical one is known; unpriced ones left out."""
    rents = {name: gpu.usd_per_hour_typical or gpu.usd_per_hour_low for name, gpu in gpus.items()}
    return {name: usd for name, usd in rents.items() if usd is not None}


def sweep(
    assumptions: Assumptions,
    gpus: Mapping[str, Gpu],
    models: Mapping[str, LocalModel],
    rents: Mapping[str, Decimal],
    volumes: Sequence[float],
) -> Sweep:
    """Every GPU × model × engine at its own rent, everything else as assumed.

    Measured speeds count for the assumed machine only; more streams than fit are cut.
    """
    candidates = tuple(
        _candidate(assumptions, gpu, model, replace(assumptions.local, engine=engine), rents)
        for gpu in gpus.values()
        for model in models.values()
        for engine in ENGINES
    )
    tokens = np.asarray(volumes, dtype=np.float64)
    count = _gpus(tokens, _column(candidates, "usable"))
    metered = tokens * _column(candidates, "token_usd") + count * _column(candidates, "start_usd")
    floor = count * _column(candidates, "floor_usd")
    usd = np.maximum(floor, metered) + _column(candidates, "labour_usd")
    busy = tokens / (count * _column(candidates, "capacity"))
    return Sweep(candidates, tokens, usd, count, busy)


def _candidate(
    assumptions: Assumptions,
    gpu: Gpu,
    model: LocalModel,
    assumed: Machine,
    rents: Mapping[str, Decimal],
) -> Candidate:
    machine = replace(assumed, gpu=gpu.name, model=model.tag)
    if machine != assumptions.local:
        machine = replace(machine, decode_tok_s=None, prefill_tok_s=None)
    found = speeds(assumptions.work, machine, gpu, model)
    usd, most = rents.get(gpu.name), found.max_concurrency
    if not found.fits:
        return Candidate(machine, usd, False, most, None, None)
    served = tokens_per_second(assumptions.work, found.decode.value, found.prefill.value)
    if usd is None:
        return Candidate(machine, None, True, most, served, None)
    ours = offer(replace(assumptions.rental, usd_per_hour=usd), served)
    return Candidate(machine, usd, True, most, served, ours)


def _column(candidates: tuple[Candidate, ...], name: str) -> Figures:
    values = [float(getattr(one.offer, name)) if one.offer else np.nan for one in candidates]
    return np.array(values, dtype=np.float64)[:, np.newaxis]


def _gpus(tokens: Figures, usable: Figures) -> Figures:
    """As rental.ceiling, for many."""
    needed = tokens / usable
    nearest = np.rint(needed)
    exact = np.abs(needed - nearest) <= nearest * float(ROUNDING)
    counts: Figures = np.maximum(1.0, np.where(exact, nearest, np.ceil(needed)))
    return counts
