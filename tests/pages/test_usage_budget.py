"""The usage page: the month against its budget, and against plans."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.chat import Usage
from lib.web import kit
from lib.web.estimate_api import EXAMPLE
from tests.pages.conftest import Open
from tests.pages.usage_page import alarms, call, texts
from tests.unit.builders import OLLAMA, paid


@pytest.fixture
def page(open_page: Open) -> AppTest:
    """The page as a visitor opens it before any call."""
    return open_page().switch_page("usage.py").run()


@pytest.mark.parametrize(
    ("spent", "told"),
    [("7.90", ""), ("8.10", "$1.90 of this month's budget of $10.00 is left"), ("10", "used up")],
)
def test_the_budget(open_page: Open, spent: str, told: str) -> None:
    """The bar's numbers stand in words; from 80 % a warning, full an error with the next step."""
    page = open_page(MONTHLY_BUDGET_USD="10").switch_page("usage.py")
    call(paid(Decimal(spent)))
    page.run()

    assert f"{Decimal(spent) * 10:.0f}%" in texts(page)
    assert told in alarms(page).replace("\\", "")
    assert bool(page.error) == (told == "used up")
    assert bool(alarms(page)) == bool(told)


@pytest.mark.parametrize("name", ["chat.py", "classify.py"])
def test_a_budget_that_ends_is_told_where_calls_are_made(open_page: Open, name: str) -> None:
    """Nothing below 80 %, a warning from there on, an error with the next step when it is used."""
    page = open_page(MONTHLY_BUDGET_USD="10")
    page.switch_page(name).run()
    assert "budget" not in alarms(page)
    call(paid(Decimal("8.5")))
    assert "$1.50 of this month's budget" in alarms(page.run()).replace("\\", "")
    call(paid(Decimal("1.5")))
    page.run()

    assert not page.exception
    assert "MONTHLY" in page.error[0].value


def test_an_estimate_becomes_a_plan(open_page: Open) -> None:
    """Saved on the estimate page under a name, held against the month here, and deleted here."""
    page = open_page().switch_page("estimate.py").run()
    page.number_input(key="est_mtok").set_value(10.0).run()
    page.text_input(key="plan_new").set_value("winter")
    page.button(key="plan_save").click().run()
    assert "winter" in page.success[0].value
    assert kit.app().plans.all()["winter"]["tokens_per_month"] == 10_000_000

    call(paid(Decimal("0.5"), usage=Usage(500_000, 500_000, 0, 0)))
    page.switch_page("usage.py").run()
    table = page.dataframe[-1].value
    assert list(table["planned"]) == ["10 M", "$8.75", "$0.875"]
    assert list(table["so far"]) == ["1 M", "$0.50", "$0.500"]
    page.button(key="plan_delete").click().run()
    assert not page.exception
    assert kit.app().plans.all() == {}


def test_a_plan_wants_a_name(open_page: Open) -> None:
    """Without one nothing is kept, and the page says what to give."""
    page = open_page().switch_page("estimate.py").run()
    page.button(key="plan_save").click().run()

    assert "Give the plan a name" in alarms(page)
    assert kit.app().plans.all() == {}


def test_rent_is_not_compared_with_busy_seconds(page: AppTest) -> None:
    """On own models tokens are compared; what idle hours cost is not in the ledger, as it says."""
    kit.app().plans.save("own", EXAMPLE)
    call(paid(Decimal("0.01"), usage=Usage(300_000, 100_000)), OLLAMA)
    page.run()
    table = page.dataframe[-1].value

    assert list(table["so far"]) == ["400,000", "–", "–"]
    assert "it runs on while a machine waits" in texts(page)
    assert "$0.0250" in texts(page).replace("\\", "")


def test_a_plan_that_no_longer_fits_can_still_go(page: AppTest) -> None:
    """A card that left the table is named, and the plan can be deleted."""
    kit.app().plans.save("old", EXAMPLE | {"local": EXAMPLE["local"] | {"gpu": "gone"}})  # type: ignore[operator]
    call(paid(Decimal(1)))
    page.run()

    assert not page.exception
    assert "local.gpu" in alarms(page)
    assert page.button(key="plan_delete")
