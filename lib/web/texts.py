"""Every text a person sees goes through `_`; numbers are written in one way."""

import gettext
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")
UNKNOWN = "–"
CENT = Decimal("0.01")

_ = gettext.translation("app", LOCALE, languages=["en"], fallback=True).gettext


def usd(amount: Decimal | None) -> str:
    """Dollars with two significant digits below a cent: $0.000041, $1.25; unknown is –."""
    if amount is None:
        return UNKNOWN
    if amount == 0 or amount >= Decimal("0.01"):
        return f"${amount.quantize(CENT, ROUND_HALF_UP):,}"
    return f"${Decimal(f'{amount:.1e}'):f}"


def milliseconds(value: float | None) -> str:
    """«412 ms» below ten seconds, «12.3 s» above."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f} ms" if round(value) < 10_000 else f"{value / 1000:,.1f} s"


def number(value: float | None, digits: int = 0) -> str:
    return UNKNOWN if value is None else f"{value:,.{digits}f}"
