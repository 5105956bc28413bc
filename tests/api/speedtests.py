"""How the tests drive speed tests over the API: one at a time, short."""

from typing import Any

from tests.api.conftest import Api
from tests.api.jobs import until
from tests.unit.builders import OLLAMA

SHORT = {"model": OLLAMA, "streams": [1, 2], "input_tokens": 64, "output_tokens": 16}


def idle(api: Api) -> None:
    """Wait until no speed test runs."""

    def over() -> bool:
        found = api.get("/speedtests").json()["speedtests"]
        return all(one["state"] != "running" for one in found)

    until(over, "the end of all speed tests")


def start(api: Api, **body: Any) -> str:
    """The id of a new test, which is short unless the body says otherwise."""
    idle(api)
    answer = api.post("/speedtest", json=SHORT | body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["speedtest_id"])


def fields(api: Api, test: str) -> dict[str, Any]:
    answer = api.get(f"/speedtests/{test}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ended(api: Api, test: str) -> dict[str, Any]:
    """The test once it runs no longer."""

    def over() -> dict[str, Any] | None:
        found = fields(api, test)
        return None if found["state"] == "running" else found

    found: dict[str, Any] = until(over, f"the end of {test}")
    return found
