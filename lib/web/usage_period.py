"""Which calls the usage page is about; days are those of UTC, and the choice is in the URL."""

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from lib.core import period
from lib.core.period import ALWAYS, Period
from lib.web.texts import _

TODAY, WEEK, MONTH = _("Today"), _("7 days"), _("This month")
LAST_MONTH, ALL, OWN = _("Last month"), _("All"), _("Own dates")
CHOICES = (TODAY, WEEK, MONTH, LAST_MONTH, ALL, OWN)


def pick() -> Period:
    """The chosen stretch of time; BadInput when its last day lies before its first."""
    today = datetime.now(UTC).date()
    chosen = str(
        st.segmented_control(
            _("Period"), CHOICES, default=MONTH, required=True, key="period", bind="query-params",
            label_visibility="collapsed",
        )
    )  # fmt: skip
    found = _own(today) if chosen == OWN else bounds(chosen, today)
    st.caption(_told(found, today))
    return found


def bounds(choice: str, today: date) -> Period:
    """The stretch a choice means on that day; those that are not over stay open."""
    month = today.replace(day=1)
    if choice == LAST_MONTH:
        before = (month - timedelta(days=1)).replace(day=1)
        return Period(_midnight(before), _midnight(month))
    begins = {TODAY: today, WEEK: today - timedelta(days=6), MONTH: month}
    return Period(_midnight(begins[choice])) if choice in begins else ALWAYS


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _own(today: date) -> Period:
    left, right, _rest = st.columns([1, 1, 2])
    first = left.date_input(_("From"), today.replace(day=1), key="from", bind="query-params")
    last = right.date_input(_("To, this day included"), today, key="to", bind="query-params")
    return period.parse(str(first), str(last))


def days(found: Period, today: date) -> tuple[date | None, date]:
    """First and last day; None when it is open."""
    last = (found.until - timedelta(microseconds=1)).date() if found.until else today
    return (found.since.date() if found.since else None), last


def _told(found: Period, today: date) -> str:
    first, last = days(found, today)
    if first is None:
        return _("Everything until now. Days and months are those of UTC.")
    if first == last:
        return _("{day}, UTC").format(day=written(first))
    return _("{first} to {last}, UTC").format(first=written(first), last=written(last))


def written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
