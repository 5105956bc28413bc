"""The shared password is made once, kept for this user only, and the user's own comes first."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from lib.store import settings
from lib.store.password import password
from lib.store.settings import Settings


@pytest.fixture
def fresh(tmp_path: Path) -> Settings:
    return settings.read(data_dir=tmp_path / "new" / "data")


def test_it_is_made_once_and_kept(fresh: Settings):
    """The first start makes a password, and every later start finds the same."""
    first, second = password(fresh), password(fresh)

    assert len(first.text) >= 16
    assert second.text == first.text
    assert (fresh.data_path / "password").read_text().strip() == first.text


def test_the_link_is_shown_until_it_is_used(fresh: Settings):
    """Every start gives the same token as long as its file is there, and never a new one."""
    first, second = password(fresh), password(fresh)
    first.token_file.unlink()
    third = password(fresh)

    assert first.token is not None
    assert len(first.token) >= 32
    assert (second.token, third.token) == (first.token, None)


def test_a_chosen_password_ends_the_link(fresh: Settings):
    """A link that was printed for another password opens nothing."""
    made = password(fresh)
    password(fresh.model_copy(update={"app_password": SecretStr("mine")}))

    assert not made.token_file.exists()


def test_only_this_user_reads_it(fresh: Settings):
    """Both files are closed to everybody else."""
    made = password(fresh)
    files = [fresh.data_path / "password", made.token_file]

    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_the_users_own_wins(tmp_path: Path):
    """APP_PASSWORD is taken as it is, and nothing is written."""
    own = password(settings.read(data_dir=tmp_path, app_password="hunter2"))

    assert (own.text, own.token) == ("hunter2", None)
    assert list(tmp_path.iterdir()) == []


def test_the_users_own_wins_over_a_kept_one(fresh: Settings):
    """A password of the user's own replaces the made one for as long as it is set."""
    made = password(fresh)
    own = password(settings.read(data_dir=fresh.data_path, app_password="hunter2"))

    assert own.text == "hunter2"
    assert password(fresh).text == made.text


def test_an_empty_file_is_no_password(fresh: Settings):
    """A file that was cut to nothing lets nobody in without a password."""
    password(fresh)
    (fresh.data_path / "password").write_text("\n")

    assert len(password(fresh).text) >= 16


def test_two_servers_have_different_ones(tmp_path: Path):
    """Passwords and tokens are made at random."""
    one, two = (password(settings.read(data_dir=tmp_path / name)) for name in ("a", "b"))

    assert one.text != two.text
    assert one.token != two.token


def test_it_is_not_in_a_log(fresh: Settings):
    """Neither the password nor the token stands in the text of the object."""
    made = password(fresh)

    assert made.text not in repr(made)
    assert str(made.token) not in repr(made)
