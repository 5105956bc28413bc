"""Bytes over all files of a download, its speed and the time left."""

import pytest

from lib.providers.ollama_pull import PullStep
from lib.work.pull_progress import MOST_FILES, WINDOW_S, Progress, Sum


def step(digest: str, done: int | None, total: int = 1000) -> PullStep:
    return PullStep(f"pulling {digest}", digest, total, done)


def test_nothing_is_known_before_the_first_file() -> None:
    """The manifest has no bytes: unknown, not zero."""
    assert Progress().add(PullStep("pulling manifest"), 0.0) == Sum()


def test_files_add_up() -> None:
    """A file heard of first without bytes has none; words without a file change nothing."""
    progress = Progress()
    progress.add(step("a", 1000), 0.0)
    progress.add(step("b", None, 200), 0.0)
    found = progress.add(PullStep("verifying sha256 digest"), 0.1)

    assert (found.done_bytes, found.total_bytes) == (1000, 1200)


def test_the_speed_is_that_of_the_last_seconds() -> None:
    """After a change of speed the old one is forgotten with the window."""
    progress, done = Progress(), 0
    for second in range(20):
        done += 10 if second < 10 else 100
        found = progress.add(step("a", done, 10_000), float(second))

    assert found.bytes_per_s == pytest.approx(100)
    assert found.eta_s == pytest.approx((10_000 - done) / 100)


def test_what_was_there_before_is_no_speed() -> None:
    """Neither a download that is gone on with nor a file that was there already."""
    progress = Progress()
    progress.add(step("a", 900), 0.0)
    progress.add(step("b", 1000), 1.0)
    found = progress.add(step("a", 910), 2.0)

    assert found.bytes_per_s == pytest.approx(5)
    assert progress.grown_bytes == 10


def test_a_stalled_download_has_no_time_left() -> None:
    """Zero bytes a second, and how long that takes nobody knows."""
    progress = Progress()
    for second in range(int(WINDOW_S) + 3):
        found = progress.add(step("a", 10), float(second))

    assert (found.bytes_per_s, found.eta_s) == (0, None)


def test_an_interruption_forgets_the_speed_and_keeps_the_bytes() -> None:
    """What comes in afterwards is measured anew; bytes that were lost are not counted as growth."""
    progress = Progress()
    progress.add(step("a", 10), 0.0)
    progress.add(step("a", 500), 1.0)
    paused = progress.interrupted()
    back = progress.add(step("a", 400), 100.0)

    assert paused == Sum(500, 1000)
    assert back == Sum(400, 1000)
    assert progress.grown_bytes == 490


def test_no_more_is_there_than_there_is() -> None:
    """A server that counts past a file's end, or makes the file smaller, gets no share above 1."""
    progress = Progress()
    progress.add(step("a", 5000), 0.0)
    found = progress.add(step("b", 300, 100), 0.1)
    smaller = progress.add(step("a", 5000, 10), 0.2)

    assert (found.done_bytes, found.total_bytes) == (1100, 1100)
    assert (smaller.done_bytes, smaller.total_bytes) == (110, 110)


def test_a_download_without_end_stays_small() -> None:
    """Ever new files are not counted after a thousand, and a flood of words is a few moments."""
    progress, now = Progress(), 0.0
    for n in range(20_000):
        now += 0.0001
        found = progress.add(step(str(n), 1, 10), now)
    known = progress.add(step("0", 4, 10), now)

    assert (found.done_bytes, found.total_bytes) == (MOST_FILES, 10 * MOST_FILES)
    assert known.done_bytes == MOST_FILES + 3
    assert len(progress._seen) < 100
