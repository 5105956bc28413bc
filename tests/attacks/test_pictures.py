"""Hostile pictures by all three ways in: the call, the chat page's upload, an archive of a job."""

import base64
import time
from typing import Any

import httpx2
import pytest

from lib.core.errors import AppError
from lib.core.media import read_media
from tests.api.conftest import Api
from tests.api.jobs import ended, refusal, rows_of, submit
from tests.attacks.picture_bombs import BROKEN, ODD, PASSENGERS, PNG, TOO_LARGE, archive
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI

REFUSED = {
    **{name: (data, 422, "bad_input") for name, data in BROKEN.items()},
    **{name: (data, 413, "too_large") for name, data in TOO_LARGE.items()},
}
SOON_S = 3.0


def see(api: Api, data: bytes, **part: str) -> httpx2.Response:
    name, kind = part.get("name", "a.png"), part.get("kind", "image/png")
    form = {"prompt": "what is this", "model": GEMINI}
    return api.post("/vision", data=form, files={"image": (name, data, kind)})


def uploaded(data: bytes) -> tuple[int, str]:
    """Status and code as the chat page's upload would show them; 200 when it is taken."""
    try:
        read_media(data, "file")
    except AppError as error:
        return error.status, error.code
    return 200, ""


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_whole_picture_is_refused(api: Api, fake: FakeServer, case: str) -> None:
    """Refused with the contract's error, soon, whatever name and type it gives itself."""
    data, status, code = REFUSED[case]
    before, started = len(fake.asked), time.monotonic()

    assert refusal(see(api, data)) == (status, code)
    assert refusal(see(api, data, name="a.jpg", kind="image/jpeg")) == (status, code)
    assert uploaded(data) == ((200, "") if data.startswith(b"%PDF") else (status, code))
    assert len(fake.asked) == before
    assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("case", ODD)
def test_an_odd_picture_costs_little_time(api: Api, case: str) -> None:
    """Read or refused, but never a fault, and never long."""
    started = time.monotonic()
    status = see(api, ODD[case]).status_code

    assert status in (200, 413, 422)
    assert uploaded(ODD[case])[0] == status
    assert time.monotonic() - started < SOON_S


def sent(body: dict[str, Any]) -> list[dict[str, str]]:
    """The pictures in a request to Gemini."""
    parts = body["contents"][-1]["parts"]
    return [part["inlineData"] for part in parts if "inlineData" in part]


@pytest.mark.parametrize("case", PASSENGERS)
@pytest.mark.parametrize(
    ("name", "kind"), [("a.html", "text/html"), ("../../a.svg", "image/svg+xml"), ("a\0.pdf", "")]
)
def test_a_passenger_does_not_change_what_a_picture_is(
    api: Api, fake: FakeServer, case: str, name: str, kind: str
) -> None:
    """A polyglot goes out as the picture that was checked, whatever name and type it claims."""
    expected, data = PASSENGERS[case]
    answer = see(api, data, name=name, kind=kind)

    assert answer.status_code == 200, answer.text
    (picture,) = sent(fake.asked[-1].body)
    assert picture["mime_type"] == f"image/{expected}"
    assert base64.urlsafe_b64decode(picture["data"])[:4] in (b"\x89PNG", b"RIFF", data[:4])


def test_an_archive_of_bombs_fails_row_by_row(api: Api) -> None:
    """In a job each bomb is one row's error, and the good picture among them has its label."""
    bombs = {**BROKEN, **TOO_LARGE}
    entries = {f"{n}.png": data for n, data in enumerate(bombs.values()) if len(data) < 10**6}
    entries["good.png"] = PNG
    job = submit(api, archive(**entries), "a.zip", text_column=None, model=GEMINI)
    found, rows = ended(api, job), rows_of(api, job)

    assert found["rows_failed"] == len(entries) - 1
    assert {row["error"] for row in rows[:-1]} <= {"bad_input", "too_large"}
    assert rows[-1]["label"] is not None
