"""Speed tests in the database, on SQLite and Postgres."""

from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa

from lib.core.errors import NotFound, Unreachable
from lib.core.speed import Interval, Level, SpeedPlan
from lib.store.database import Database
from lib.store.speed_tests import DEAD_AFTER_S, SpeedTest, SpeedTests
from tests.unit.builders import OLLAMA, at

PLAN = SpeedPlan((1, 4), 512, 128)
LEVEL = Level(
    1, 1, 3, 4, 1, 511.5, 128.0, Interval(900.5, 880.0, 921.0), Interval(41.0, None, None), 570.1,
    None,
)  # fmt: skip


@pytest.fixture
def tests(database: Database) -> SpeedTests:
    return SpeedTests(database, at("2026-11-23 10:00"))


def begun(tests: SpeedTests) -> SpeedTest:
    return tests.add(OLLAMA, "Ollama", None, PLAN)


def silence(database: Database, seconds: float) -> None:
    """As if the machine that measures had said nothing for so long."""
    with database.write() as connection:
        connection.execute(sa.text("UPDATE speed_tests SET seen = seen - :s"), {"s": seconds})


def test_what_was_found_is_kept(tests: SpeedTests) -> None:
    """All of it comes back as it was."""
    found = replace(
        begun(tests), quantisation="Q4_K_M", engine_version="0.33.0", gpu="2 × RTX 4090\0",
        levels=(LEVEL, replace(LEVEL, streams=4, prompt_tok_s=None)), now=(4, 2), calls=17,
        cost_usd=Decimal("0.000123456789"), host="http://10.0.0.2:11434",
    )  # fmt: skip

    assert tests.save(found)
    assert tests.get(found.id) == found
    assert found.created == "2026-11-23T10:00:00+00:00"


def test_the_end(tests: SpeedTests) -> None:
    """With its error and its time; what is under way is over, and the first end counts."""
    test = begun(tests)
    tests.save(replace(test, now=(1, 1), levels=(LEVEL,)))
    tests.end(test.id, "failed", Unreachable("Gone."))
    tests.end(test.id, "done")
    found = tests.get(test.id)

    assert (found.state, found.now, found.levels) == ("failed", None, (LEVEL,))
    assert found.error == Unreachable("Gone.").fields()
    assert found.finished == "2026-11-23T10:00:00+00:00"


def test_one_that_ended_elsewhere_learns_it(tests: SpeedTests) -> None:
    """Saving and giving a sign of life tell it; what was found meanwhile is not lost."""
    test = begun(tests)
    lived = tests.beat(test.id)
    tests.end(test.id, "stopped")

    assert lived
    assert not tests.beat(test.id)
    assert not tests.save(replace(test, calls=9))
    assert tests.get(test.id).calls == 9
    tests.delete(test.id)
    assert not tests.beat(test.id)
    assert not tests.save(test)


def test_silence_is_an_interruption(tests: SpeedTests, database: Database) -> None:
    """Whose machine died, or was taken away, does not run for ever."""
    test = begun(tests)
    tests.save(replace(test, now=(1, 1)))
    silence(database, DEAD_AFTER_S - 5)
    before = tests.get(test.id)
    silence(database, 6)
    after = tests.get(test.id)

    assert (before.state, before.now) == ("running", (1, 1))
    assert (after.state, after.now) == ("interrupted", None)
    tests.beat(test.id)
    assert tests.get(test.id).state == "running"


def test_all_that_run_can_be_ended(tests: SpeedTests) -> None:
    """After a kill; those that had ended stay as they were."""
    left, ended = begun(tests), begun(tests)
    tests.end(ended.id, "done")
    tests.end_all()

    assert tests.get(left.id).state == "interrupted"
    assert tests.get(ended.id).state == "done"


def test_the_newest_are_kept(database: Database) -> None:
    """A new test pushes out the oldest; one that runs stays, whatever its age."""
    tests = SpeedTests(database, at("2026-11-23 10:00"), kept=2)
    running = begun(tests)
    ended = [begun(tests) for _ in range(3)]
    for test in ended:
        tests.end(test.id, "done")
    newest = begun(tests)

    assert [test.id for test in tests.all()] == [newest.id, ended[2].id]
    assert tests.get(running.id).state == "running"
    for test in ended[:2]:
        with pytest.raises(NotFound):
            tests.get(test.id)


def test_which_run(tests: SpeedTests, database: Database) -> None:
    """Neither those that ended nor those whose machine is silent."""
    ended, dead = begun(tests), begun(tests)
    tests.end(ended.id, "done")
    silence(database, DEAD_AFTER_S + 1)
    tests.beat(ended.id)
    alive = [begun(tests).id, begun(tests).id]

    assert tests.running() == alive[::-1]
    tests.beat(dead.id)
    assert tests.running() == [*alive[::-1], dead.id]


def test_newest_first_until_deleted(tests: SpeedTests) -> None:
    first, second = begun(tests), begun(tests)
    before = [test.id for test in tests.all()]
    tests.delete(second.id)

    assert before == [second.id, first.id]
    assert [test.id for test in tests.all()] == [first.id]
    with pytest.raises(NotFound):
        tests.get(second.id)
