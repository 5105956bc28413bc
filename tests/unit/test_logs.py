"""What a log shows of secrets, of people's words, and of text that would forge a record."""

import io
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.store.password import Password
from lib.store.settings import read
from lib.web.logs import Redactor

Logged = Callable[..., str]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def logged(redactor: Redactor) -> Iterator[Logged]:
    """`logged(message, *args, exc_info=…)` is what a plain handler writes of it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("a library of anybody's")
    logger.addHandler(handler)
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(redactor.record)

    def log(message: object, *args: object, **more: object) -> str:
        out.seek(0)
        out.truncate()
        logger.warning(message, *args, **more)  # type: ignore[arg-type]
        return out.getvalue()

    yield log
    logging.setLogRecordFactory(before)
    logger.removeHandler(handler)


SECRET = "tr0ub4dor & drei/+ü"


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (f"it is {SECRET}", ()),
        ("it is %s", (SECRET,)),
        ("it is %(it)s", ({"it": SECRET},)),
        ("it is %r", ({"field": [SECRET]},)),
        ("it is %a", (SECRET,)),
        ("at /x?a=tr0ub4dor%%20%%26%%20drei%%2F%%2B%%C3%%BC&b=%s", (1,)),
        ("at /x?a=tr0ub4dor+%%26+drei%%2F%%2B%%C3%%BC&b=%s", (1,)),
        (ValueError(SECRET), ()),
    ],
)
def test_a_secret_we_know_is_hidden_however_it_is_logged(
    redactor: Redactor, logged: Logged, message: object, args: tuple[object, ...]
) -> None:
    """As text, as an argument, inside another value, in an address."""
    assert "tr0ub4dor" in logged(message, *args)

    redactor.hide(SECRET)

    assert "tr0ub4dor" not in logged(message, *args)


def test_a_wrong_placeholder_neither_breaks_the_call_nor_shows_its_values(logged: Logged) -> None:
    assert logged("one %s, two %s", "the value") == "WARNING one %s, two %s\n"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SENTINEL.abc-123",
        "{'authorization': 'Basic SENTINEL=='}",
        "GET /v1beta/models?key=SENTINEL&alt=sse",
        "{'x-goog-api-key': 'SENTINEL'}",
        '{"api_key": "SENTINEL"}',
        "Client(api_key=b'SENTINEL', x=1)",
        "password='SENTINEL with blanks'",
        "/login?token=SENTINEL",
        "postgresql://user:SENTINEL@db.example.org/x",
        "https://SENTINEL@example.org/x",
        "Cookie: a=b; _xsrf=SENTINEL; c=d",
        "set-cookie: login_0a1b2c3d=SENTINEL; HttpOnly",
        "the pair login_0a1b2c3d=SENTINEL was sent",
        "found AIzaSENTINEL0123456789abcdefghijklmnopqrs there",
        "found sk-proj-SENTINEL0123456789 there",
        "found hf_SENTINEL0123456789 there",
        "<Task finished coro=<x()> exception=ValueError('a prompt: SENTINEL')>",
    ],
)
def test_what_looks_like_a_secret_is_hidden_too(logged: Logged, text: str) -> None:
    """Of a key that a library or a person brings along nobody told us."""
    shown = logged(text)

    assert "SENTINEL" not in shown
    assert "…" in shown


@pytest.mark.parametrize(
    "text",
    [
        "gemini/gemini-3.1-flash-lite chat stop",
        "machine 3f2a is gone, its chunks go to the others",
        "1,234 tokens in, 12 out",
        "max_tokens: 2048",
        "Uvicorn running on http://0.0.0.0:8501 (Press CTRL+C to quit)",
        "Grüße, 你好\tand a tab",
    ],
)
def test_everything_else_is_left_as_it_is(redactor: Redactor, logged: Logged, text: str) -> None:
    redactor.hide("another secret", "k")

    assert logged(text) == f"WARNING {text}\n"


def test_a_short_secret_is_hidden_as_a_word_only(redactor: Redactor, logged: Logged) -> None:
    """Hidden within words, a key «k» would make every log unreadable, and so tell of itself."""
    redactor.hide("k")

    assert logged("kept the key (k)") == "WARNING kept the key (…)\n"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\x1b[2K"])
def test_no_value_can_forge_a_record(logged: Logged, end: str) -> None:
    """A record's first line begins at the margin, and no other line does."""
    shown = logged("no such model: %s", f"a{end}ERROR all is lost")

    assert [line for line in shown.splitlines() if line.startswith("ERROR")] == []
    assert "\x1b" not in shown


def failing(text: str) -> Exception:
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ExceptionGroup(text, [ValueError(text)]) from error
    except ExceptionGroup as error:
        return error


def test_a_traceback_tells_kinds_and_places_but_no_words(logged: Logged) -> None:
    """An exception's text may quote a prompt, a row, a provider; its cause's and parts' too."""
    shown = logged("a call failed", exc_info=failing("my dear diary\nERROR forged"))

    assert "diary" not in shown
    assert "forged" not in shown
    assert "in failing\n" in shown
    assert [kind for kind in ("KeyError", "ValueError", "ExceptionGroup") if kind in shown] == [
        "KeyError", "ValueError", "ExceptionGroup",
    ]  # fmt: skip
    assert all(line.startswith("    ") for line in shown.splitlines()[1:])


def test_causes_that_go_round_end(logged: Logged) -> None:
    one, other = ValueError("1"), KeyError("2")
    one.__cause__, other.__cause__ = other, one

    assert "ValueError" in logged("a call failed", exc_info=one)


def test_every_secret_of_the_settings_is_known(redactor: Redactor, logged: Logged) -> None:
    settings = read(
        app_password="the-app-password",
        google_api_key="the-google-key",
        vllm_api_key="the-vllm-key",
        database_url="postgresql://us:the%2Ddb%2Dpass@h/n",
    )
    redactor.hide_settings(settings, Password("the-made-up-one", Path("token"), "the-login-token"))
    told = ["app-password", "google-key", "vllm-key", "made-up-one", "login-token", "db-pass"]

    assert {logged(f"x the-{word} x") for word in told} == {"WARNING x … x\n"}
    assert logged("x the%2Ddb%2Dpass x") == "WARNING x … x\n"


def test_a_record_costs_little(redactor: Redactor) -> None:
    """A call logs one line; it may take tens of microseconds, not milliseconds."""
    redactor.hide(*(f"a secret of number {number}" for number in range(8)))
    line = ("n", logging.INFO, "p", 1, "%s %s %s", ("ollama/gemma3:4b", "chat", "stop"), None)
    best = min(_seconds(lambda: redactor.record(*line)) for _ in range(5))

    assert best < 100e-6


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(500):
        work()
    return (time.perf_counter() - begun) / 500
