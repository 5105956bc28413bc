"""The one percentile of this product."""

from collections.abc import Sequence


def nearest_rank(values: Sequence[float], percent: int) -> float | None:
    """The smallest value that `percent` of them (1 to 100) do not exceed; None of nothing."""
    if not values:
        return None
    return sorted(values)[-(-len(values) * percent // 100) - 1]
