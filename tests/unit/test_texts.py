"""Numbers are written in one way everywhere, and the unknown is a dash."""

from decimal import Decimal

import pytest

from lib.web.classify_trial import duration
from lib.web.texts import _, milliseconds, number, usd


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "–"),
        ("0", "$0.00"),
        ("0E-12", "$0.00"),
        ("0.01", "$0.01"),
        ("1.25", "$1.25"),
        ("1234.5", "$1,234.50"),
        ("0.009999", "$0.010"),
        ("0.000041", "$0.000041"),
        ("0.0000405", "$0.000040"),
        ("0.00875", "$0.0088"),
        ("0.000000000001", "$0.0000000000010"),
    ],
)
def test_dollars(amount: str | None, text: str):
    """Cents from a cent on, two significant digits below, and no scientific notation."""
    assert usd(None if amount is None else Decimal(amount)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (411.6, "412 ms"),
        (9999.4, "9,999 ms"),
        (9999.7, "10.0 s"),
        (10_000, "10.0 s"),
        (12_345, "12.3 s"),
        (1_234_567, "1,234.6 s"),
    ],
)
def test_times(value: float | None, text: str):
    """Milliseconds below ten seconds, seconds above."""
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(None, 0, "–"), (0, 0, "0"), (1234567, 0, "1,234,567"), (38.24, 1, "38.2"), (0.5, 2, "0.50")],
)
def test_numbers(value: float | None, digits: int, text: str):
    """Thousands are separated, digits are as wanted, 0 is not unknown."""
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (75, "1 min"), (600, "10 min"),
     (5400, "1.5 h")],
)  # fmt: skip
def test_durations(seconds: float | None, text: str):
    """Minutes from a minute on, hours from one and a half."""
    assert duration(None if seconds is None else seconds / 60) == text


def test_texts_go_through_gettext():
    """Without a translation a text is shown as it stands in the code."""
    assert _("Stop") == "Stop"
