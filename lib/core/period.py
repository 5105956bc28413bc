"""A stretch of time, as the ledger is asked for it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, up to but without `until`; None is open. Both are in UTC."""

    since: datetime | None = None
    until: datetime | None = None


ALWAYS = Period()


def parse(since: str | None, until: str | None) -> Period:
    """Two ISO 8601 dates or times; without a zone they are UTC, and a last day counts whole.

    Raises BadInput that names the field.
    """
    begin, end = _moment("since", since), _moment("until", until)
    is_day = until is not None and not re.search("[T ]", until)
    if end and is_day:
        end += timedelta(days=1)
    if begin and end and (end < begin or (is_day and end == begin)):
        raise BadInput("until: it lies before since.", hint="Swap the two.")
    return Period(begin, end)


def _moment(name: str, given: str | None) -> datetime | None:
    if not given:
        return None
    try:
        # In an address an unescaped + is a space.
        moment = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
        moment + timedelta(days=1)  # a last day must have an end
    except (ValueError, OverflowError):
        raise BadInput(
            f"{name}: an ISO 8601 date or time is wanted.",
            hint="For example 2026-11-23, or 2026-11-23T10:00:00Z; times are UTC.",
        ) from None
    return moment
