"""CPU of the estimator: all GPU × model pairs over 200 volumes ÷ one full estimate."""

import time
from pathlib import Path

import numpy as np

from lib.core.estimate import estimate
from lib.core.estimate_input import parse
from lib.core.sweep import sweep, typical_rents
from lib.store import catalogue, estimate_tables
from lib.web.estimate_api import EXAMPLE
from lib.work.estimates import today

ROUNDS = 20


def sweep_of_everything(_folder: Path) -> list[str]:
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    prices, given = catalogue.prices(), parse(EXAMPLE)
    volumes = [float(volume) for volume in np.geomspace(1e6, 1e11, 200)]
    estimate(given, gpus, models, prices, today())
    single, all_pairs = [], []
    for _ in range(ROUNDS):
        started = time.thread_time()
        estimate(given, gpus, models, prices, today())
        between = time.thread_time()
        found = sweep(given, gpus, models, typical_rents(gpus), volumes)
        single.append(between - started)
        all_pairs.append(time.thread_time() - between)
    one, everything = min(single) * 1000, min(all_pairs) * 1000
    return [
        f"{len(found.candidates)} GPU × model × engine pairs over {len(volumes)} volumes: "
        f"{everything:.0f} ms CPU, one full estimate {one:.1f} ms = {everything / one:.0f}"
    ]
