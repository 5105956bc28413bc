"""The usage page: true sums, honest gaps, the budget, and plans."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.chat import Finish, Usage
from lib.core.errors import BadReply
from lib.core.period import ALWAYS, Period
from lib.store.ledger import Outcome
from lib.web import kit, usage_period, usage_tables
from lib.web.usage_charts import daily
from lib.web.usage_view import as_csv, as_jsonl
from tests.pages.conftest import Open
from tests.pages.usage_page import alarms, call, texts
from tests.unit.builders import GEMINI, OLLAMA, paid

COUNTED = Usage(1000, 500, 200, 100)


FAILED = Outcome(Finish.ERROR, error="rate_limited", released=True, total_ms=3.0)


@pytest.fixture
def page(open_page: Open) -> AppTest:
    """The page as a visitor opens it before any call."""
    return open_page().switch_page("usage.py").run()


def figures(page: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def test_before_the_first_call_the_page_teaches(page: AppTest) -> None:
    """It says what will stand here, where to begin, and how to set a budget."""
    assert not page.exception
    assert "None was made yet" in texts(page)
    assert "MONTHLY_BUDGET_USD" in texts(page)
    assert not page.metric


def test_sums_and_what_is_in_none(page: AppTest) -> None:
    """Spent is what has a price; calls without one are counted beside it, never as 0."""
    call(paid(Decimal("1.25"), usage=COUNTED))
    call(paid(None, usage=Usage(10, 5)), OLLAMA)
    call(FAILED)
    page.run()

    assert not page.exception
    assert figures(page) == {
        "Spent": ("$1.25", "+ 2 calls without a price"),
        "Calls": ("3", ""),
        "Tokens in": ("1,010", "100 cached"),
        "Tokens out": ("505", "200 thinking"),
        "Failed calls": ("1", ""),
    }


def test_all_unpriced_is_a_dash(page: AppTest) -> None:
    """Local models without a price were not free: the sum is unknown, and the page says why."""
    call(paid(None, usage=COUNTED), OLLAMA)
    page.run()

    assert figures(page)["Spent"] == ("–", "+ 1 call without a price")
    assert "GPU_USD_PER_HOUR" in texts(page)


def test_another_month_is_another_period(page: AppTest) -> None:
    """Only the chosen time counts; «All» has everything; an empty one says so."""
    now = datetime.now(UTC)
    last = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    call(paid(Decimal(2)), when=last)
    page.run()
    assert "No call in this time" in texts(page)

    page.segmented_control(key="period").set_value(usage_period.LAST_MONTH).run()
    assert figures(page)["Spent"][0] == "$2.00"
    call(paid(Decimal(1)))
    page.segmented_control(key="period").set_value(usage_period.ALL).run()
    assert figures(page)["Spent"][0] == "$3.00"


@pytest.mark.parametrize(
    ("choice", "since", "until"),
    [
        (usage_period.TODAY, "2027-01-01", None),
        (usage_period.WEEK, "2026-12-26", None),
        (usage_period.MONTH, "2027-01-01", None),
        (usage_period.LAST_MONTH, "2026-12-01", "2027-01-01"),
        (usage_period.ALL, None, None),
    ],
)
def test_periods_over_new_year(choice: str, since: str | None, until: str | None) -> None:
    """Seven days hold today; last month is a whole one, also in January."""

    def midnight(day: str | None) -> datetime | None:
        return datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None

    found = usage_period.bounds(choice, date(2027, 1, 1))

    assert found == Period(midnight(since), midnight(until))


def test_own_dates(page: AppTest) -> None:
    """The last day is included; dates the wrong way round are refused with the next step."""
    call(paid(Decimal(3)), when=datetime(2026, 3, 5, 23, 59, tzinfo=UTC))
    page.run().segmented_control(key="period").set_value(usage_period.OWN).run()
    page.date_input(key="from").set_value(date(2026, 3, 1))
    page.date_input(key="to").set_value(date(2026, 3, 5)).run()
    assert figures(page)["Spent"][0] == "$3.00"

    page.date_input(key="to").set_value(date(2026, 2, 5)).run()
    assert not page.exception
    assert "Swap the two" in alarms(page)


def test_a_model_has_its_money_and_its_speed(page: AppTest) -> None:
    """Spend, tokens, first token and tok/s by model, the dearest first."""
    call(paid(Decimal("0.5"), usage=COUNTED, ttft_ms=2.0))
    call(paid(Decimal("0.7"), usage=COUNTED, ttft_ms=2.0), OLLAMA)
    table = page.run().dataframe[0].value

    assert list(table["model"]) == [OLLAMA, GEMINI]
    assert list(table["$"]) == ["$0.70", "$0.50"]
    assert list(table["first token, median"]) == ["2 ms", "2 ms"]
    assert table["tok/s"][0] == "49,900.0"  # 499 tokens in 10 ms


def test_failed_calls_say_what_they_mean(page: AppTest) -> None:
    """Each kind with its number, its meaning and the next step."""
    call(FAILED)
    page.session_state["table"] = "Failed calls"
    table = page.run().dataframe[0].value

    assert list(table["calls"]) == ["1"]
    assert "too many requests" in table["what it means"][0]
    assert "Wait a little" in table["what to do"][0]


def test_every_error_of_a_call_has_a_meaning() -> None:
    """No code of the provider errors is shown bare."""
    codes = {"auth_failed", "bad_reply", "model_missing", "quota_exhausted", "rate_limited",
             "refused", "timed_out", "unreachable", "bad_input", "too_large"}  # fmt: skip

    assert all(usage_tables.problem(code) != code.replace("_", " ") for code in codes)
    assert codes <= set(usage_tables.next_steps())
    assert usage_tables.next_steps()["bad_reply"] == BadReply.default_hint


def test_the_newest_calls_come_first(page: AppTest) -> None:
    """With the page in plain words and how each ended."""
    call(paid(Decimal("0.5"), usage=COUNTED))
    call(FAILED)
    page.session_state["table"] = "Newest calls"
    table = page.run().dataframe[0].value

    assert list(table["asked by"]) == ["Chat page", "Chat page"]
    assert list(table["ended"]) == ["the provider got too many requests at once", "finished"]


def test_files_hold_every_call(page: AppTest) -> None:
    """A line per call, with the log's names."""
    call(paid(Decimal("0.5"), usage=COUNTED))
    call(FAILED)
    (first, _second) = [json.loads(line) for line in as_jsonl(ALWAYS).splitlines()]

    assert first["prompt_tokens"] == 1000
    assert first["estimated_cost_usd"] == 0.5
    assert len(as_csv(ALWAYS).splitlines()) == 3


def test_a_bar_is_a_day_and_a_model(page: AppTest) -> None:
    """Models lie on top of each other, the largest first; many small ones share a layer."""
    for number in range(9):
        call(paid(Decimal(9 - number)), f"ollama/model {number}")
    call(paid(None), "ollama/nobody knows")
    figure = daily(kit.app().usage.spend(), "usd", None, datetime.now(UTC).date())

    names = [layer.name for layer in figure.data]
    assert names == [f"ollama/model {number}" for number in range(6)] + ["3 others"]
    assert [list(layer.y) for layer in figure.data][-1] == [6.0]  # 3 + 2 + 1
