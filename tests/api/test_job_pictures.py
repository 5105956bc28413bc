"""A ZIP of pictures: a row for each, in archive order; a broken one fails alone."""

import base64
import io
import struct
import zipfile
from typing import Any

import pytest
from PIL import Image

from tests.api.conftest import Api
from tests.api.jobs import LABELS, column, ended, post, refusal, rows_of, submit
from tests.fakes import FakeServer
from tests.unit.pictures import png_header, saved

MODELS = ("gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b", "vllm/Qwen/Qwen2.5-VL-3B-Instruct")


def picture(kind: str = "PNG", shade: int = 0, **options: Any) -> bytes:
    return saved(Image.new("RGB", (12, 9), (shade % 256, 40, 90)), kind, **options)


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in entries:
            file.writestr(name, data)
    return out.getvalue()


def submitted(api: Api, data: bytes, **spec: Any) -> str:
    return submit(api, data, "photos.zip", **{"text_column": None, **spec})


def sent_pictures(body: dict[str, Any]) -> list[bytes]:
    """The pictures in one request to Ollama."""
    images = [image for message in body["messages"] for image in message.get("images") or ()]
    return [base64.b64decode(image) for image in images]


@pytest.mark.parametrize("model", MODELS)
def test_pictures_are_rows_in_archive_order(api: Api, model: str) -> None:
    entries = [
        ("z last.png", picture("PNG", 1)),
        ("a/b/first.jpg", picture("JPEG", 2)),
        ("__MACOSX/a/b/._first.jpg", b"\0\5\x16\7"),
        ("notes.txt", b"not a picture"),
        ("sub/", b""),
        ("ünï 漢.webp", picture("WEBP", 3)),
        ("moving.gif", picture("GIF", 4)),
    ]
    job = submitted(api, archive(*entries), model=model)
    found, rows = ended(api, job), rows_of(api, job)

    assert column(rows, "file") == ["z last.png", "a/b/first.jpg", "ünï 漢.webp", "moving.gif"]
    assert next(iter(rows[0])) == "file"
    assert column(rows, "label") == ["GOOD"] * 4
    assert (found["rows_total"], found["rows_failed"], found["calls"]) == (4, 0, 4)


def test_each_call_holds_its_own_picture(api: Api, fake: FakeServer) -> None:
    made = [picture("PNG", shade) for shade in range(10, 14)]
    before = len(fake.asked)
    names = [(f"{n}.png", data) for n, data in enumerate(made)]
    ended(api, submitted(api, archive(*names), model="ollama/gemma3:4b", concurrency=1))
    sent = [sent_pictures(call.body) for call in fake.asked[before:]]

    shades = [[Image.open(io.BytesIO(one)).getpixel((0, 0))[0] for one in call] for call in sent]
    assert shades == [[10], [11], [12], [13]]


def test_a_gif_is_sent_as_a_png_and_a_photo_turned_upright(api: Api, fake: FakeServer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    before = len(fake.asked)
    entries = [("a.gif", picture("GIF", 20)), ("b.jpg", picture("JPEG", 21, exif=exif))]
    ended(api, submitted(api, archive(*entries), model="ollama/gemma3:4b", concurrency=1))
    gif, photo = (
        Image.open(io.BytesIO(one))
        for call in fake.asked[before:]
        for one in sent_pictures(call.body)
    )

    assert gif.format == "PNG"
    assert photo.size == (9, 12)


def test_equal_pictures_are_asked_once(api: Api) -> None:
    same = picture("PNG", 30)
    job = submitted(api, archive(("a.png", same), ("b.png", picture("PNG", 31)), ("c.png", same)))
    found, rows = ended(api, job), rows_of(api, job)

    assert (found["calls"], found["rows_done"]) == (2, 3)
    assert column(rows, "label") == ["GOOD"] * 3
    assert (rows[2]["input_tokens"], rows[2]["cost_usd"]) == (0, 0)


def test_a_known_picture_is_not_asked_again(api: Api) -> None:
    data = archive(("a.png", picture("PNG", 35)))
    calls = [ended(api, submitted(api, data, reuse=True))["calls"] for _ in range(2)]

    assert calls == [1, 0]


def test_a_broken_picture_fails_alone(api: Api) -> None:
    good = picture("PNG", 40)
    turned = bytearray(archive(("whole.png", good), ("crc.png", picture("PNG", 41)), method=0))
    place = turned.index(b"crc.png") + 60
    turned[place] ^= 0xFF
    entries = [
        ("a.png", good), ("b.png", b"no picture at all"), ("c.jpg", picture("JPEG", 42)[:80]),
        ("d.png", b""), ("e.png", png_header(100_000, 100_000)), ("f.png", picture("PNG", 43)),
    ]  # fmt: skip
    jobs = submitted(api, archive(*entries)), submitted(api, bytes(turned))
    found, rows = ended(api, jobs[0]), rows_of(api, jobs[0])

    assert column(rows, "label") == ["GOOD", None, None, None, None, "GOOD"]
    assert column(rows, "error")[1:4] == ["bad_input"] * 3
    assert column(rows, "error")[4] in ("too_large", "bad_input")
    assert (found["state"], found["rows_failed"], found["calls"]) == ("done", 4, 2)
    assert found["cost_usd"] > 0
    ended(api, jobs[1])
    assert column(rows_of(api, jobs[1]), "error") == [None, "bad_input"]


def encrypted(data: bytes) -> bytes:
    """The flag that says so, in the entry's header and in the directory."""
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(mark) + offset
        data = data[:at] + struct.pack("<H", 1) + data[at + 2 :]
    return data


ONE = ("a.png", picture("PNG", 50))
WRONG = {
    "encrypted": encrypted(archive(ONE)),
    "climbing": archive(ONE, ("../b.png", b"x")),
    "climbing inside": archive(ONE, ("a/../../b.png", b"x")),
    "absolute": archive(ONE, ("/etc/b.png", b"x")),
    "drive": archive(ONE, ("C:/b.png", b"x")),
    "backslash": archive(ONE, ("..\\b.png", b"x")),
    "bomb": archive(ONE, ("b.png", bytes(20_000_000))),
    "no picture": archive(("a.txt", b"x")),
    "empty": archive(),
    "cut": archive(ONE)[:-30],
    "many": archive(*((f"{n}.png", b"") for n in range(20_001)), method=0),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_archive_out_of_bounds_is_refused(api: Api, name: str) -> None:
    answer = post(api, WRONG[name], {"labels": LABELS}, "photos.zip")

    assert refusal(answer) in ((422, "bad_input"), (413, "too_large"))


@pytest.mark.parametrize("spec", [{}, {"text_column": None}])
def test_a_zip_needs_no_text_column(api: Api, spec: dict[str, Any]) -> None:
    answer = post(api, archive(ONE), {"labels": LABELS, **spec}, "not-even.csv")

    assert answer.status_code == 202
    ended(api, answer.json()["job_id"])


@pytest.mark.parametrize("change", [{"text_column": "text"}, {"gold_column": "truth"}])
def test_a_column_a_zip_does_not_have_is_named(api: Api, change: dict[str, Any]) -> None:
    answer = post(api, archive(ONE), {"labels": LABELS, **change})

    assert refusal(answer) == (422, "bad_input")
    assert next(iter(change)) in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", ["ollama/llama3.2:3b", "vllm/Qwen/Qwen3-4B"])
def test_a_model_that_cannot_see_is_told_at_the_post(api: Api, model: str) -> None:
    answer = post(api, archive(ONE), {"labels": LABELS, "model": model})

    assert refusal(answer) == (422, "unsupported")
    assert model in answer.json()["error"]["message"]


def test_results_of_pictures_come_in_every_format(api: Api) -> None:
    job = submitted(api, archive(ONE, ("=b.png", picture("PNG", 60))))
    ended(api, job)

    for form in ("csv", "xlsx", "jsonl", "parquet"):
        answer = api.get(f"/jobs/{job}/results", params={"format": form})
        assert answer.status_code == 200
        assert len(answer.content) > 20
    text = api.get(f"/jobs/{job}/results").text
    assert text.startswith("file,label,")
    assert "\r\n'=b.png,GOOD," in text
