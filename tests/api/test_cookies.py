"""The login cookie: which ones count, for how long, and which are forged."""

import pytest

from lib.web.keyring import Keyring
from tests.api.doors import COOKIE, KEYRING, PASSWORD, build, call, cookie
from tests.unit.builders import Clock


def forged() -> list[str]:
    name, value = KEYRING.cookie_name, KEYRING.issue_cookie()
    data, stamp, signature = value.split(".")
    other = Keyring("another password").issue_cookie()
    values = [
        "", ".", "..", "in", "\x00", "é", value[:-2], value[:-4] + "AAAA", f"{data}.{stamp}.",
        f"{data}x.{stamp}.{signature}", f"{data}.zzzzzz.{signature}", f"{data}.{signature}", other,
        f"{data}.{'z' * 3000}.{signature}", value.upper(), value.replace(".", ":"), PASSWORD,
    ]  # fmt: skip
    return [f"{name}={value}" for value in values] + [value, f"x{name}={value}", f"login={value}"]


@pytest.mark.parametrize("line", forged())
def test_forged_cookies_open_nothing(line: str) -> None:
    """Only a value signed with this server's key, under this server's name, is a login."""
    assert call(build(), headers=cookie(line))[0] == 401


def test_a_cookie_ends_after_fourteen_days() -> None:
    """The login lasts 14 days and not longer; a cookie from the future is none."""
    clock = Clock()
    keyring = Keyring(PASSWORD, now=clock)
    value = keyring.issue_cookie()
    clock.time += 14 * 24 * 3600
    last_day = keyring.cookie_ok(value)
    clock.time += 1
    too_late = keyring.cookie_ok(value)
    clock.time -= 15 * 24 * 3600

    assert (last_day, too_late, keyring.cookie_ok(value)) == (True, False, False)


def test_a_changed_password_ends_all_sessions() -> None:
    """Cookies outlive a restart with the same password, and die with another one."""
    value = KEYRING.issue_cookie()
    changed = Keyring("changed")

    assert Keyring(PASSWORD).cookie_ok(value)
    assert not changed.cookie_ok(value)
    assert call(build(changed), headers=cookie(f"{changed.cookie_name}={value}"))[0] == 401
    assert changed.cookie_name != KEYRING.cookie_name


def test_a_planted_cookie_does_not_mask_the_good_one() -> None:
    """Among several cookies of the name, in one header or in several, a good one counts."""
    bad = f"{KEYRING.cookie_name}=planted"

    assert call(build(), headers=cookie(f"a=b; {bad};{COOKIE} ; {bad}"))[0] == 200
    assert call(build(), headers=[*cookie(bad), *cookie(COOKIE), *cookie("\xff; ;=;")])[0] == 200


def test_an_empty_password_is_refused() -> None:
    """A server without a password must not start."""
    with pytest.raises(ValueError, match="empty"):
        Keyring("")
