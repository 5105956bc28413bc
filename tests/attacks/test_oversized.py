"""Too much of everything: refused with the contract's error, soon, and in little memory."""

import gzip
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.attacks.sockets import get, statuses
from tests.attacks.test_addresses import refused
from tests.attacks.test_requests import LOGIN
from tests.browser.conftest import PASSWORD, Site
from tests.unit.builders import OLLAMA
from tests.unit.pictures import saved

BEARER = {"Authorization": f"Bearer {PASSWORD}"}
JSON = {"Content-Type": "application/json"}
MB = 2**20
SOON_S = 6.0
DEEP = 200_000


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": OLLAMA, "message": "hi", **fields}).encode()


def classify(**fields: Any) -> bytes:
    return json.dumps({"texts": ["a"], "labels": ["A", "B"], **fields}).encode()


def completion(**fields: Any) -> bytes:
    said = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": OLLAMA, "messages": said, **fields}).encode()


def words(count: int) -> list[str]:
    return [f"w{n}" for n in range(count)]


SAID = {"role": "user", "content": "a"}
CALLS: dict[str, tuple[str, bytes]] = {
    "deep lists": ("chat", b"[" * DEEP),
    "deep objects": ("chat", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep in a field": ("estimate", b'{"api":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "deep texts": ("classify", b'{"texts":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "deep messages": ("v1/chat/completions", b'{"messages":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "a million keys": ("chat", json.dumps(dict.fromkeys(words(10**6), 0)).encode()),
    "a million keys, estimate": ("estimate", json.dumps(dict.fromkeys(words(10**6), 0)).encode()),
    "a million keys, classify": ("classify", classify(**dict.fromkeys(words(10**6), 0))),
    "a key of 10 MB": ("chat", chat(**{"k" * 10 * MB: 1})),
    "a number of a million digits": ("chat", b'{"message":"a","max_tokens":' + b"9" * 10**6 + b"}"),
    "a fraction of a million digits": ("estimate", b'{"input_share":0.' + b"1" * 10**6 + b"}"),
    "an endless exponent": ("chat", b'{"message":"a","temperature":1e' + b"9" * 10**6 + b"}"),
    "no number": ("estimate", b'{"tokens_per_month":NaN,"input_tokens":Infinity}'),
    "a text of 11 MB": ("chat", chat(message="a" * 11 * MB)),
    "a prompt of 11 MB": ("chat", chat(system_prompt="a" * 11 * MB)),
    "a model of 10 MB": ("chat", chat(model="a" * 10 * MB)),
    "10,001 messages": ("chat", chat(messages=[SAID] * 10_001)),
    "a million messages": ("v1/chat/completions", completion(messages=[SAID] * 500_000)),
    "1,001 texts": ("classify", classify(texts=["a"] * 1_001)),
    "a million texts": ("classify", classify(texts=words(10**6))),
    "100,000 labels": ("classify", classify(labels=words(100_000))),
    "a label of 10 MB": ("classify", classify(labels=["A", "b" * 10 * MB])),
    "100,000 examples": (
        "classify", classify(examples=[{"text": "a", "label": "A"}] * 100_000)
    ),
    "half a character": ("chat", b'{"message":"\\ud800"}'),
    "no UTF-8": ("chat", b'{"message":"\xff\xfe"}'),
    "UTF-32": ("chat", '{"message":""}'.encode("utf-32")),
    "packed": ("chat", gzip.compress(chat())),
    "nothing": ("chat", b""),
    "blanks": ("chat", b" " * 19 * MB),
}  # fmt: skip


def post(site: Site, call: str, body: Any, **headers: str) -> httpx2.Response:
    fields = {**BEARER, **JSON, **headers}
    return httpx2.post(f"{site.url}/api/{call}", content=body, headers=fields, timeout=60)


def memory_mb(site: Site, name: str) -> int:
    """VmRSS, what the process holds, or VmHWM, the most it held since `forget_peak`."""
    lines = Path(f"/proc/{site.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(name))


def forget_peak(site: Site) -> None:
    Path(f"/proc/{site.process.pid}/clear_refs").write_text("5")


@pytest.mark.parametrize("case", CALLS)
def test_too_much_is_refused_soon(site: Site, case: str) -> None:
    """422 or 413 in the contract's shape; meanwhile the server answers others."""
    call, body = CALLS[case]
    forget_peak(site)
    before, started = memory_mb(site, "VmRSS"), time.monotonic()
    answer = post(site, call, body)

    assert refused(answer) in ((422, "bad_input"), (413, "too_large"), (404, "model_missing"))
    assert len(answer.content) < 2_000
    assert time.monotonic() - started < SOON_S
    assert memory_mb(site, "VmHWM") - before < 300


def in_pieces(size: int) -> Any:
    """A body that does not say its length."""
    yield from (b" " * MB for _ in range(size // MB))


LARGE = 30 * MB
UNSAID = {
    "said": (b" " * LARGE, {}),
    "in pieces": (in_pieces, {}),
    "in other letters": (b" " * LARGE, {"Content-Type": "application/JSON"}),
    "in pieces, other letters": (in_pieces, {"Content-Type": "APPLICATION/JSON; charset=utf-8"}),
    "as text": (b" " * LARGE, {"Content-Type": "text/plain"}),
    "as nothing": (b" " * LARGE, {"Content-Type": ""}),
    "as a form": (b"a=" + b"a" * LARGE, {"Content-Type": "application/x-www-form-urlencoded"}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAID)
@pytest.mark.parametrize("call", ["chat", "classify", "estimate", "v1/chat/completions"])
def test_the_bound_of_json_holds_whatever_it_is_called(site: Site, call: str, case: str) -> None:
    """30 MB are too much for a call that takes JSON, and are never all held and parsed."""
    body, headers = UNSAID[case]
    forget_peak(site)
    before = memory_mb(site, "VmRSS")
    answer = post(site, call, body(LARGE) if callable(body) else body, **headers)

    assert refused(answer) in ((413, "too_large"), (422, "bad_input"))
    assert memory_mb(site, "VmHWM") - before < 150


def form(parts: list[tuple[str, bytes]]) -> bytes:
    """A multipart body; a part is what follows `form-data;` and its content."""
    made = (b'--x\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n' % (said.encode(), data)
            for said, data in parts)  # fmt: skip
    return b"".join(made) + b"--x--\r\n"


PARTS: dict[str, list[tuple[str, bytes]]] = {
    "10,000 fields": [(f'name="f{n}"', b"a") for n in range(10_000)],
    "10,000 files": [(f'name="f{n}"; filename="a"', b"a") for n in range(10_000)],
    "a field of 20 MB": [('name="prompt"', b"a" * 20 * MB)],
    "a spec of 20 MB": [('name="file"; filename="a"', b"a\n"), ('name="spec"', b" " * 20 * MB)],
    "a spec file of 20 MB": [
        ('name="file"; filename="a"', b"a\n"), ('name="spec"; filename="b"', b" " * 20 * MB)
    ],
    "a name of 1 MB": [(f'name="{"a" * MB}"', b"a")],
    "a file name of 1 MB": [(f'name="image"; filename="{"a" * MB}"', b"a")],
    "many heads": [("name=a" + "\r\nX: y" * 100_000, b"a")],
    "no name": [("", b"a")] * 100,
}  # fmt: skip


@pytest.mark.parametrize("call", ["vision", "jobs"])
@pytest.mark.parametrize("case", PARTS)
def test_a_form_has_bounds_too(site: Site, call: str, case: str) -> None:
    """Fields, files, names and heads of a form are counted while they are read."""
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    started = time.monotonic()

    assert refused(post(site, call, form(PARTS[case]), **kind)) in (
        (422, "bad_input"), (413, "too_large")
    )  # fmt: skip
    assert time.monotonic() - started < SOON_S


@pytest.mark.parametrize("size", [8_000, 60_000, 1_000_000])
def test_a_long_query_is_bounded(site: Site, size: int) -> None:
    """As an id, a query or a path it is not found, refused, or simply not looked at."""
    for path in ("/api/jobs?a=", "/api/jobs/", "/api/vision?image_url=", "/api/models?x="):
        answer = get(site, path + "a" * size, LOGIN)

        assert set(statuses(answer)) <= {200, 400, 404, 405, 414, 422, 431}
        assert len(answer) < 20_000


def test_many_large_pictures_at_once_take_the_memory_of_one(site: Site) -> None:
    """A picture of 0.8 MB may take 400 MB; four at once must not take 1.6 GB."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.new("RGB", (10_000, 5_000)), "JPEG", exif=exif)
    form = {"prompt": "x", "model": OLLAMA}
    forget_peak(site)
    before, found = memory_mb(site, "VmRSS"), list[int]()

    def send() -> None:
        files = {"image": data}
        url = f"{site.url}/api/vision"
        answer = httpx2.post(url, data=form, files=files, headers=BEARER, timeout=60)
        found.append(answer.status_code)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert found == [200] * 4
    assert memory_mb(site, "VmHWM") - before < 1000


def test_the_server_is_as_it_was(site: Site) -> None:
    """After all that it answers at once, and its log holds no traceback."""
    started = time.monotonic()

    assert httpx2.get(f"{site.url}/healthz").status_code == 200
    assert time.monotonic() - started < 1
    assert "Traceback" not in site.log
