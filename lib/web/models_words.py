"""How sizes and speeds of models are written."""

from lib.web.texts import UNKNOWN, _, number

GIGA, MEGA = 1e9, 1e6


def size(count: float | None) -> str:
    """Decimal units as in Ollama's library: «815 MB», «3.3 GB»; unknown is –."""
    if count is None:
        return UNKNOWN
    if count < GIGA:
        return _("{n} MB").format(n=number(count / MEGA))
    return _("{n} GB").format(n=number(count / GIGA, 1))


def gigabytes(count: int | None) -> float | None:
    """For a column of numbers, which sorts by them."""
    return None if count is None else count / GIGA
