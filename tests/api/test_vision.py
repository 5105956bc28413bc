"""/api/vision: a picture as a file or by address, in the guide's form."""

import base64
import io
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any

import pytest
from PIL import Image

from tests.api.conftest import Api
from tests.api.pictures import picture
from tests.fakes import FakeServer
from tests.unit.builders import EVERYONE, OLLAMA

SEES = OLLAMA


def ask(api: Api, data: bytes, model: str = SEES, **fields: str):
    form = {"prompt": "what is this", "model": model, **fields}
    return api.post("/vision", data=form, files={"image": ("a.bin", data)})


def sent_picture(fake: FakeServer) -> Image.Image:
    data = fake.asked[-1].body["messages"][-1]["images"][0]
    return Image.open(io.BytesIO(base64.b64decode(data)))


@EVERYONE
def test_a_file_and_a_prompt_give_an_answer(api: Api, model: str) -> None:
    """Every provider that sees answers about an uploaded picture."""
    answer = ask(api, picture(), model)

    assert answer.status_code == 200
    assert answer.json()["response"] == "what is this"
    assert answer.json()["usage"]["input_tokens"] == 13
    assert api.app.ledger.rows()[-1]["source"] == "vision"


def test_the_default_model_serves(api: Api) -> None:
    """Without a model the default one is asked."""
    answer = api.post("/vision", data={"prompt": "hi"}, files={"image": picture()})

    assert answer.json()["model"] == "gemini/gemini-3.1-flash-lite"


@pytest.mark.parametrize(("kind", "sent"), [("JPEG", "JPEG"), ("WEBP", "WEBP"), ("GIF", "PNG")])
def test_what_is_sent_fits_the_models(api: Api, fake: FakeServer, kind: str, sent: str) -> None:
    """JPEG and WebP go as they are, a GIF as a PNG of its first frame."""
    assert ask(api, picture(kind)).status_code == 200
    assert sent_picture(fake).format == sent


def test_a_turned_picture_is_sent_upright(api: Api, fake: FakeServer) -> None:
    """The camera's EXIF turn is carried out before the model sees the picture."""
    assert ask(api, picture("JPEG", (8, 6), turned=6)).status_code == 200
    assert sent_picture(fake).size == (6, 8)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "bad_input"),
        (b"<html>no picture</html>", 422, "bad_input"),
        (picture()[:40], 422, "bad_input"),
        (b"GIF89a\x08\x00\x06\x00<script>alert(1)</script>", 422, "bad_input"),
    ],
)
def test_what_is_no_picture_is_refused(api: Api, data: bytes, status: int, code: str) -> None:
    """Files are judged by their content."""
    answer = ask(api, data)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "image" in answer.json()["error"]["message"]


def test_a_huge_picture_is_refused_before_it_is_decoded(api: Api) -> None:
    """Over 50 megapixels is 413, however small the file."""
    out = io.BytesIO()
    Image.new("1", (8000, 8000)).save(out, "PNG")
    answer = ask(api, out.getvalue())

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("model", ["ollama/llama3.2:3b", "vllm/Qwen/Qwen3-4B"])
def test_a_model_that_cannot_see_says_so(api: Api, fake: FakeServer, model: str) -> None:
    """Refused before anything is sent."""
    before = len(fake.asked)
    answer = ask(api, picture(), model)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unsupported")
    assert len(fake.asked) == before


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://localhost:8501/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "http://0x7f.1/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://no-such-name.invalid/",
    ],
)
def test_addresses_that_are_not_public_are_blocked(api: Api, url: str) -> None:
    """The guide's query form never reaches inside, and tells nothing of what is there."""
    params = {"image_url": url, "prompt": "x", "model": SEES}
    answer = api.post("/vision", params=params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "blocked_url")


@pytest.mark.parametrize(
    ("form", "files", "named"),
    [
        ({"model": SEES}, {"image": picture()}, "prompt"),
        ({"prompt": "x"}, {}, "image"),
        ({"prompt": "x", "max_tokens": "many"}, {"image": picture()}, "max_tokens"),
        ({"image": "text", "prompt": "x"}, {}, "image"),
    ],
)
def test_missing_fields_are_named(api: Api, form, files, named: str) -> None:
    """Bad input says which field."""
    answer = api.post("/vision", data=form, files=files or None)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith(named)


def test_nonsense_forms_are_bad_input(api: Api) -> None:
    """A broken multipart body never makes the server fail."""
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answers = [
        api.post("/vision", content=b"--x\r\nbroken", headers=kind),
        api.post("/vision", content=b"", headers=kind),
        api.post("/vision", content=b"\x00" * 100, headers={"content-type": "multipart/form-data"}),
        api.post("/vision"),
    ]

    assert {a.status_code for a in answers} == {422}
    assert {a.json()["error"]["code"] for a in answers} == {"bad_input"}


def test_slow_addresses_hold_up_nobody_else(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While eight names are being looked up, every thread for pictures, a chat is answered."""
    asked, go_on, look_up = Semaphore(0), Event(), socket.getaddrinfo

    def slow(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "slow.example":
            return look_up(host, *rest, **more)
        asked.release()
        go_on.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    query = {"prompt": "x", "image_url": "http://slow.example/a.png"}
    with ThreadPoolExecutor(8) as threads:
        slow_ones = [threads.submit(api.post, "/vision", params=query) for _ in range(8)]
        try:
            assert all(asked.acquire(timeout=10) for _ in slow_ones)
            answer = api.post("/chat", json={"message": "hi", "model": SEES}, timeout=5)
        finally:
            go_on.set()

    assert answer.status_code == 200
    assert {one.result().json()["error"]["code"] for one in slow_ones} == {"blocked_url"}
