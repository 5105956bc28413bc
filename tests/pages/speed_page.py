"""How the tests of speed tests look at pages: opening one with an address, reading it whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from lib.store.speed_tests import SpeedTest
from lib.web import kit
from tests.pages.conftest import Open
from tests.unit.speed_rows import keep

Go = Callable[..., AppTest]


def opener(open_page: Open, path: str) -> Go:
    """`go(speedtest=…)` opens the page with that in its address; the app is there at once."""
    page = open_page()

    def go(**query: str | list[str]) -> AppTest:
        for name, value in query.items():
            page.query_params[name] = value
        return page.switch_page(path).run()

    return go


def kept(*levels: Any, **facts: Any) -> SpeedTest:
    return keep(kit.app().speed_tests, *levels, **facts)


def lose_the_database() -> None:
    """As if its disk were gone: there is a folder where the file was."""
    engine = kit.app().database.engine
    engine.dispose()
    file = Path(str(engine.url.database))
    file.unlink()
    file.mkdir()


def said(page: AppTest) -> str:
    """Every sentence of the page's body, as it is read."""
    found = [one.value for kind in ("caption", "markdown") for one in page.main.get(kind)]
    return "\n".join(found).replace("\\", "")


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def drawn(page: AppTest, key: str) -> dict[str, Any]:
    """A chart of the page, by the traces' names."""
    (found,) = (one for one in page.get("plotly_chart") if key in one.proto.id)
    return {line["name"]: line for line in json.loads(found.proto.spec)["data"]}


def table(page: AppTest) -> Any:
    """The figures of the shown test, the last table but those of a comparison."""
    return page.dataframe[-1].value
