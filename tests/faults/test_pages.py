"""What a person sees when the storage fails: the words, the reason and the next step."""

from functools import partial

import pytest

from lib.store.conversations import Turn
from lib.store.database import Database
from lib.web import kit
from tests.faults.conftest import BUSY_S, kept
from tests.pages.conftest import Open, open_page  # noqa: F401  (a fixture)
from tests.pages.test_chat import conversation, say, texts


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setattr("lib.work.app.Database", partial(Database, busy_s=BUSY_S))


def test_a_prompt_that_cannot_be_stored_says_why(open_page: Open, sqlite_url: str) -> None:  # noqa: F811
    """No «something went wrong»: who must do what; the next prompt works again."""
    page = say(open_page(), "hello")
    with kept(sqlite_url):
        say(page, "and again")
        (error,) = page.error
    say(page, "once more")

    assert "busy" in error.value
    assert "Send it again" in error.value
    assert texts(page)[-1] == "once more"
    assert not page.error


def test_an_answer_that_is_not_stored_is_shown_and_says_so(
    open_page: Open,  # noqa: F811
    sqlite_url: str,
) -> None:
    """Its newest words stay on the page, with a note until they are stored."""
    page = say(open_page(), "hello")
    store = kit.app().conversations
    answer = store.turns(conversation(page))[1]
    with kept(sqlite_url):
        store.rewrite(conversation(page), Turn(1, "assistant", "newer words", facts=answer.facts))
        page.run()

    assert "newer words" in texts(page)
    assert "not stored yet" in page.warning[-1].value
