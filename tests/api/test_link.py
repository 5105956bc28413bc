"""The printed login link, which is good once."""

import itertools
from pathlib import Path

import pytest

from lib.web.keyring import Keyring
from lib.web.throttle import Throttle
from tests.api.doors import (
    PASSWORD,
    WRONG,
    browser,
    build,
    in_threads,
)
from tests.unit.builders import Clock


def with_token(folder: Path) -> Keyring:
    path = folder / "login-token"
    path.write_text("one-time\n")
    return Keyring(PASSWORD, path)


def test_the_link_logs_in_once(tmp_path: Path) -> None:
    """The printed link sets a cookie and leads to the start; after that it says it was used."""
    app = build(with_token(tmp_path))
    client = browser(app)
    first = client.get("/login?token=one-time&next=//evil.example")
    second = browser(app).get("/login?token=one-time")

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert first.headers["referrer-policy"] == "same-origin"
    assert client.get("/api/models").text == "inside"
    assert second.status_code == 401
    assert "has been used or is wrong" in second.text
    assert "set-cookie" not in second.headers


def test_the_link_outlives_a_restart_until_it_is_used(tmp_path: Path) -> None:
    """A new process with the same file takes the link, and a used one stays used."""
    before = with_token(tmp_path)
    after = Keyring(PASSWORD, tmp_path / "login-token")

    assert not before.redeem("wrong")
    assert after.redeem("one-time")
    assert not before.redeem("one-time")
    assert not Keyring(PASSWORD, tmp_path / "login-token").redeem("one-time")


def test_two_processes_cannot_both_use_the_link(tmp_path: Path) -> None:
    """Of many that redeem the same token at the same moment exactly one gets in."""
    keyrings = itertools.cycle([with_token(tmp_path), with_token(tmp_path)])
    winners = []
    for _ in range(20):
        (tmp_path / "login-token").write_text("one-time")
        winners.append(sum(in_threads(lambda: next(keyrings).redeem("one-time"))))

    assert winners == [1] * 20


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
@pytest.mark.parametrize("token", ["", "x", "é", "\ufffd"])
def test_without_a_kept_token_no_link_works(
    tmp_path: Path, content: bytes | None, token: str
) -> None:
    """A missing, empty or broken token file opens nothing, and no file at all neither."""
    path = tmp_path / "login-token"
    if content is not None:
        path.write_bytes(content)

    assert not Keyring(PASSWORD, path).redeem(token)
    assert not Keyring(PASSWORD, tmp_path).redeem(token)
    assert browser(build()).get("/login", params={"token": token}).status_code == 401


def test_a_throttled_address_does_not_use_the_link_up(tmp_path: Path) -> None:
    """A link opened while the address must wait is 429 and still good afterwards."""
    keyring, clock = with_token(tmp_path), Clock()
    client = browser(build(keyring, Throttle(clock)))
    for _ in range(6):
        client.post("/login", data=WRONG)
    early = client.get("/login?token=one-time")
    clock.time += 60

    assert early.status_code == 429
    assert client.get("/login?token=one-time").status_code == 303


def test_looking_at_the_link_does_not_use_it_up(tmp_path: Path) -> None:
    """HEAD, as link checkers send it, answers 200 and leaves the link good."""
    client = browser(build(with_token(tmp_path)))

    assert client.head("/login?token=one-time").status_code == 200
    assert client.get("/login?token=one-time").status_code == 303
