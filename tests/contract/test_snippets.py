"""«Get code» by running it: every snippet sends what our own adapter sends, and prints the answer.

For the built-in model the snippets call this app's API. It stands in front of the fake here, with a
model of the fake in the built-in one's place, since that cannot tell what it was asked.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media, Message, Provider, Request
from lib.core.errors import ModelMissing
from lib.core.snippets import files, snippets
from lib.providers.gemini import Gemini
from lib.providers.ollama import Ollama
from lib.providers.ollama_wire import window
from lib.providers.vllm import VLLM
from tests.api.conftest import PASSWORD, Api, api_with, settings_for
from tests.contract.conftest import FLASH, PICTURE, QWEN, last_usage, text_of
from tests.contract.engine import LABEL, NEEDS_WEIGHTS
from tests.fakes import Call, FakeServer

NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]
MODELS = {"gemini": FLASH, "ollama": "qwen3.5:4b", "vllm": QWEN, "embedded": QWEN}
KEYS = {
    "YOUR_GOOGLE_API_KEY": "k",
    "YOUR_VLLM_API_KEY": "k",
    "YOUR_APP_PASSWORD": PASSWORD,
    f"embedded/{QWEN}": f"vllm/{QWEN}",
}

PHOTO = Media(
    "image/jpeg", b"\xff\xd8\xff" + bytes(range(256))
)  # its base64 has + and /, and wraps
SOUND = Media("audio/wav", b"RIFF\xff\xfe\xfd\xfcWAVE")
FILM = Media("video/mp4", b"\0\0\0 ftypisom")
PDF = Media("application/pdf", b"%PDF-1.7 not a real one")
SCHEMA = {
    "type": "object",
    "properties": {"first_word": {"type": "string"}, 'it\'s "good" $(x)': {"type": "boolean"}},
    "required": ["first_word"],
}
OPTIONS: dict[str, Any] = {
    "system": "Be brief. Don't $HOME.",
    "max_tokens": 300,
    "temperature": 0.25,
    "top_p": 0.9,
    "seed": 7,
    "stop": ("END", "it's\n"),
    "json_schema": SCHEMA,
    "thinking": "off",
    "media_resolution": "high",
}
NASTY = [
    "",
    "'''\"\"\" \\ \\\\ \\n {0} {x} {{y}} %s %(x)s $HOME ${HOME} \r\n\t\b\f\v\0\x1b[31m\x7f\x85\xa0",
    "first\nJSON\nthird\nEOF\n",
    " leading, trailing and 日本語 👩‍🚀 \u202e\u2028\ufeff \U000e0001 ",
    "x" * 50_000 + "\n" * 1000 + "long, \"quoted\" and 'cut'\\ " * 2000,
]
INJECTION = (
    "#tokens=3 '; touch owned; $(touch owned) `touch owned` \" && touch owned #\ntouch owned"
)
CASES = ["plain", "options", "files", "nasty"]


def question(provider: str, case: str) -> Request:
    """One of the requests all providers are asked."""
    plain = Request(MODELS[provider], (Message("user", "one two three"),))
    if case == "options":
        return replace(plain, **OPTIONS)
    if case == "files":
        others = () if provider == "ollama" else (SOUND, FILM, PDF)
        said = (
            Message("user", "What is this?", (PICTURE, *others)),
            Message("assistant", "A fake."),
            Message("user", "", (PHOTO,)),
            Message("assistant", "Another one."),
            Message("user", "And \nthese?", (PHOTO, PICTURE)),
        )
        return replace(plain, messages=said, thinking="low")
    if case == "nasty":
        said = tuple(Message("assistant", f"{text}.") for text in NASTY)
        return replace(plain, messages=(*said, Message("user", INJECTION)), system=NASTY[1])
    return plain


def taken(provider: str, request: Request) -> Request:
    """The request without what the app's API does not take."""
    if provider != "embedded":
        return request
    said = tuple(replace(message, media=()) for message in request.messages if message.text)
    bare = Request(request.model, said, system=request.system, max_tokens=request.max_tokens)
    return replace(bare, temperature=request.temperature)


def adapter(provider: str, fake: FakeServer) -> Provider:
    if provider == "gemini":
        return Gemini("k", fake.url, 10, [])
    return Ollama([fake.url], 10) if provider == "ollama" else VLLM([f"{fake.url}/v1"], "k", 10)


@pytest.fixture(scope="module")
def api(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = settings_for(fake, tmp_path_factory.mktemp("api"), vllm_api_key="k")
    with api_with(settings) as client:
        yield client


def site(api: Api) -> str:
    """The app's own address, without /api."""
    return str(api.base_url).rstrip("/").removesuffix("/api")


@pytest.fixture
def bases(fake: FakeServer, api: Api) -> dict[str, str]:
    """Each provider's address, as the snippets take it."""
    return {
        "gemini": fake.url,
        "ollama": fake.url,
        "vllm": f"{fake.url}/v1",
        "embedded": site(api),
    }


def sources(provider: str, request: Request, base: str) -> tuple[str, str]:
    """The Python and the shell source, with true keys in place of the placeholders."""
    tokens = window(request, 262_144) if provider == "ollama" else None
    python, curl = snippets(provider, request, base, tokens).values()
    for placeholder, value in KEYS.items():
        python, curl = python.replace(placeholder, value), curl.replace(placeholder, value)
    return python, curl


def run(command: list[str], source: str, request: Request, folder: Path) -> str:
    """What a source prints; it finds its files in its folder, and leaves nothing there."""
    (folder / "snippet").write_text(source, encoding="utf-8", newline="")
    for name, media in files(request).items():
        (folder / name).write_bytes(media.data)
    before = set(folder.iterdir())
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
    done = subprocess.run(
        [*command, "snippet"], cwd=folder, env=environment, capture_output=True, timeout=60
    )

    assert done.returncode == 0, done.stderr.decode()
    assert set(folder.iterdir()) == before
    return done.stdout.decode()


def sent(call: Call) -> Any:
    """A call as (path, key, body) without what only its spelling tells apart."""
    key = call.headers.get("authorization") or call.headers.get("x-goog-api-key")
    return call.path.replace("/v1beta/", "/v1/"), call.query, key, _body(call.body)


def _body(value: Any, name: str = "") -> Any:
    """Google reads either name of a field, either alphabet; Ollama's client drops what is empty."""
    if name in ("responseJsonSchema", "format", "response_format"):
        return value
    if isinstance(value, list):
        return [_body(one) for one in value]
    if name == "data":
        return base64.b64decode(value, altchars="-_" if set(value) & {"-", "_"} else None)
    if not isinstance(value, dict):
        return value
    left_out = {"role"} if name == "systemInstruction" else set()
    named = {re.sub("_(.)", lambda m: m[1].upper(), key): key for key in value}
    return {
        new: _body(value[old], new)
        for new, old in named.items()
        if new not in left_out and value[old] not in ([], "")
    }


def said(provider: str, printed: str) -> str:
    """The answer's text in what curl prints."""
    lines = [line.removeprefix("data: ") for line in printed.splitlines()]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return "".join(_text(provider, event) for event in events)


def _text(provider: str, event: dict[str, Any]) -> str:
    if provider == "gemini":
        parts = event["candidates"][0]["content"].get("parts", [])
        return "".join(part["text"] for part in parts)
    if provider == "ollama":
        return event["message"]["content"]
    if provider == "vllm":
        return "".join(choice["delta"].get("content", "") for choice in event["choices"])
    return event.get("text", "")


def asked_by_us(provider: str, request: Request, fake: FakeServer) -> tuple[Any, str, int]:
    """What our adapter sends for a request, the answer it gets, and the tokens of the prompt."""
    with closing(adapter(provider, fake)) as ours:
        events = list(ours.stream(taken(provider, request)))
    usage = last_usage(events)
    assert usage is not None
    assert usage.input_tokens is not None
    return sent(fake.asked[-1]), text_of(events), usage.input_tokens


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("provider", MODELS)
def test_python_asks_as_we_do(
    provider: str, case: str, fake: FakeServer, bases: dict[str, str], tmp_path: Path
) -> None:
    """The Python source sends what our adapter sends, prints the text as it is, then the counts."""
    request = question(provider, case)
    expected, text, tokens = asked_by_us(provider, request, fake)
    source, _ = sources(provider, request, bases[provider])

    printed = run([sys.executable], source, request, tmp_path)

    assert sent(fake.asked[-1]) == expected
    assert printed.startswith(f"{text}\n")
    assert re.search(rf"\b{tokens}\b", printed.removeprefix(text))


@NEEDS_CURL
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("shell", SHELLS)
def test_curl_asks_as_we_do(
    shell: str, provider: str, case: str, fake: FakeServer, bases: dict[str, str], tmp_path: Path
) -> None:
    """The shell source sends what our adapter sends; no text in it is run or expanded."""
    request = question(provider, case)
    expected, text, _ = asked_by_us(provider, request, fake)
    _, source = sources(provider, request, bases[provider])

    printed = run([shell], source, request, tmp_path)

    assert sent(fake.asked[-1]) == expected
    assert said(provider, printed) == text


@NEEDS_CURL
@pytest.mark.parametrize("level", ["off", "low", "high"])
@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "gptoss:20b"])
@pytest.mark.parametrize("provider", ["ollama", "vllm"])
def test_levels_that_are_words(
    provider: str, model: str, level: Any, fake: FakeServer, bases: dict[str, str], tmp_path: Path
) -> None:
    """A model with named levels of thinking is told them as our adapter tells them."""
    request = replace(question(provider, "plain"), model=model, thinking=level)
    with closing(adapter(provider, fake)) as ours, pytest.raises(ModelMissing):  # the fake has none
        list(ours.stream(request))
    expected = sent(fake.asked[-1])

    _, source = sources(provider, request, bases[provider])
    run(["sh"], source, request, tmp_path)

    assert sent(fake.asked[-1]) == expected


@NEEDS_CURL
@NEEDS_WEIGHTS
def test_the_built_in_model_answers(fake: FakeServer, tmp_path: Path) -> None:
    """Both sources get an answer out of the built-in model through the app's API."""
    request = Request(LABEL, (Message("user", "Name three fruits."),), max_tokens=8, temperature=0)
    settings = settings_for(fake, tmp_path / "data", embedded_model=None, model_timeout_s=60)
    folder = tmp_path / "snippets"
    folder.mkdir()

    with api_with(settings) as api:
        python, curl = sources("embedded", request, site(api))
        printed = run([sys.executable], python, request, folder)
        text = said("embedded", run(["sh"], curl, request, folder))

    assert text
    assert printed.startswith(f"{text}\n")
    assert "'output_tokens': " in printed
