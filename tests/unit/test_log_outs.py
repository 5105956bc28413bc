"""Ended logins: known on every machine of a database, over restarts, and while it is away."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.datastructures import Headers

from lib.store.database import Database
from lib.store.log_outs import LogOuts
from lib.web.keyring import COOKIE_MAX_AGE_S, Keyring
from lib.web.logins import EndedLogins
from tests.faults.conftest import kept
from tests.unit.builders import Clock, wait_until

PASSWORD = "open sesame"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine(database_url: str, clock: Clock) -> Iterator[Callable[[], EndedLogins]]:
    """`machine()` is the list of one more process on the same database."""
    opened: list[Database] = []

    def start() -> EndedLogins:
        opened.append(Database(database_url))
        return EndedLogins(LogOuts(opened[-1], clock), clock)

    yield start
    for database in opened:
        database.close()


def keyring(ended: EndedLogins, clock: Clock) -> Keyring:
    return Keyring(PASSWORD, now=clock, ended=ended)


def test_a_log_out_holds_on_every_machine(machine: Callable[[], EndedLogins], clock: Clock) -> None:
    """At once where it was done, at the others with their next look, and after a restart."""
    here, there = machine(), machine()
    first, second = keyring(here, clock), keyring(there, clock)
    gone, stays = first.issue_cookie(), first.issue_cookie()
    assert second.cookie_ok(gone)
    first.end(Headers({"cookie": f"{first.cookie_name}={gone}"}))
    there.look()
    restarted = keyring(machine(), clock)

    for one in (first, second, restarted):
        assert (one.cookie_ok(gone), one.cookie_ok(stays)) == (False, True)


def test_others_learn_of_it_by_themselves(machine: Callable[[], EndedLogins], clock: Clock) -> None:
    """Who keeps looking knows of it soon, until told to stop."""
    here, there = machine(), machine()
    stop = there.keep_looking(every_s=0.02)
    here.add("a", clock.time + 10)
    assert wait_until(lambda: "a" in there)
    stop.set()
    time.sleep(0.1)
    here.add("b", clock.time + 10)
    assert not wait_until(lambda: "b" in there, timeout_s=0.1)


def test_a_look_that_fails_is_not_the_last(database: Database, clock: Clock) -> None:
    """Whoever is in stays in and whoever is out stays out; the next look may go well."""
    ended = EndedLogins(LogOuts(database, clock), clock)
    ended.add("before", clock.time + 10)
    rename(database, "ended_logins", "away")
    stop = ended.keep_looking(every_s=0.02)
    assert not wait_until(lambda: "before" not in ended, timeout_s=0.2)
    assert "somebody" not in ended
    rename(database, "away", "ended_logins")
    LogOuts(database, clock).add("after", clock.time + 10)

    assert wait_until(lambda: "after" in ended)
    stop.set()


def rename(database: Database, old: str, new: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_a_login_ends_while_the_database_is_kept(tmp_path: Path, clock: Clock) -> None:
    """It ends here at once, no look revives it, and it is written when there is room again."""
    url = f"sqlite:///{tmp_path}/playground.db"
    with closing(Database(url, busy_s=0.1)) as database, closing(Database(url)) as other:
        ended = EndedLogins(LogOuts(database, clock), clock)
        with kept(url):
            ended.add("a", clock.time + 10)
            ended.look()
            assert "a" in ended
            assert LogOuts(other, clock).all() == {}

        assert wait_until(lambda: LogOuts(other, clock).all() == {"a": clock.time + 10})


def test_what_has_expired_is_swept(database: Database, clock: Clock) -> None:
    """A cookie that has expired opens nothing anyway: memory and table forget it."""
    table = LogOuts(database, clock)
    ended = EndedLogins(table, clock)
    ended.add("old", clock.time + COOKIE_MAX_AGE_S)
    clock.time += COOKIE_MAX_AGE_S + 1
    assert table.all() == {}
    ended.add("new", clock.time + 10)
    with database.read() as connection:
        rows = connection.scalars(sa.text("SELECT login FROM ended_logins")).all()

    assert rows == ["new"]
    assert ("old" in ended, "new" in ended) == (False, True)


def test_a_flood_of_log_outs_revives_none(
    machine: Callable[[], EndedLogins], database: Database, clock: Clock
) -> None:
    """However many come after it, a cookie stays ended, on every machine; a look stays quick."""
    machine().add("stolen", clock.time + 10)
    flood = [{"login": f"login {n}", "until": clock.time + 1000} for n in range(30_000)]
    with database.write() as connection:
        connection.execute(
            sa.text("INSERT INTO ended_logins (login, until) VALUES (:login, :until)"), flood
        )
    begun = time.monotonic()
    there = machine()

    assert "stolen" in there
    assert time.monotonic() - begun < 2


def test_ending_a_login_twice_is_ending_it_once(database: Database, clock: Clock) -> None:
    """Two clicks, or two machines, are no mistake."""
    table = LogOuts(database, clock)
    for _ in range(2):
        table.add("a", clock.time + 10)

    assert set(table.all()) == {"a"}
