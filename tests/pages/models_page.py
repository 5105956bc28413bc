"""How the tests of the models page look at it: with what every server says now."""

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from lib.web import kit
from tests.pages.usage_page import alarms, texts

SECONDS = 10.0


Visit = Callable[..., AppTest]


def again(page: AppTest) -> AppTest:
    """The page with what the servers say now, as its own timer would draw it."""
    kit.lookout().look_again(SECONDS)
    page.run()
    assert not page.exception
    return page


def until(page: AppTest, true: Callable[[AppTest], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true(page):
        assert time.monotonic() < end, texts(page) + alarms(page)
        time.sleep(0.05)
        again(page)


def models_of(page: AppTest, n: int = 0) -> list[str]:
    """What the n-th Ollama has."""
    return [name.partition(" · ")[0] for name in page.selectbox(key=f"mod_one_{n}").options]
