"""Calls in the ledger behind the usage page, and what the page says of them."""

from datetime import datetime
from decimal import Decimal

from streamlit.testing.v1 import AppTest

from lib.store.ledger import Ledger, Outcome
from lib.web import kit
from tests.unit.builders import GEMINI


def call(outcome: Outcome, model: str = GEMINI, when: datetime | None = None) -> None:
    ledger = kit.app().ledger
    if when is not None:
        ledger = Ledger(kit.app().database, now=lambda: when)
    ledger.close(ledger.open(model, "chat", Decimal("0.01")), outcome)


def texts(page: AppTest) -> str:
    return " ".join(one.value for one in [*page.markdown, *page.caption, *page.info])


def alarms(page: AppTest) -> str:
    return " ".join(one.value for one in [*page.warning, *page.error])
