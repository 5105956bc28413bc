"""What a dialect must know to answer a generation over HTTP, and the driver that does it."""

import json
import time
from abc import ABC, abstractmethod
from typing import Any

from tests.fakes.scenario import ENDS, ERRORS, RETRY_AFTER_S, Ask, Step
from tests.fakes.wire import Line, Reply

PING_S = 0.1
WRONG_DIRECTIVE = 418
HTML_500 = "<html><body><h1>500</h1><p>SECRET-IN-HTML at /srv/internal</p></body></html>"
HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
BROKEN = '{"broken": [{"half'


class Talk(ABC):
    """One generation call in one dialect."""

    dialect: str
    content_type = "text/event-stream"
    sse = True
    headers: dict[str, str] = {}  # noqa: RUF012 (read only; sent with a 200)

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    @abstractmethod
    def refusal(self) -> Reply | None:
        """An error that stands whatever the directives say: bad key, unknown model, bad input."""

    @abstractmethod
    def error(self, fault: str) -> Reply:
        """The dialect's own form of an error in ERRORS."""

    @abstractmethod
    def payloads(self, step: Step) -> list[Any]:
        """The JSON values one step of a stream consists of; a str goes out as it is."""

    @abstractmethod
    def whole(self, thoughts: str, text: str, last: Step | None) -> Any:
        """The answer in one piece; `last` is None when the end is missing."""

    def frame(self, step: Step) -> bytes:
        if step.kind == "broken":
            return self.wrap(BROKEN, step).encode()
        texts = (p if isinstance(p, str) else dumps(p) for p in self.payloads(step))
        return "".join(self.wrap(text, step) for text in texts).encode()

    def wrap(self, text: str, step: Step) -> str:
        return f"data: {text}\n\n"


def answer(line: Line, talk: Talk) -> None:
    """Do what the request's directives say."""
    refusal = talk.refusal()
    if refusal:
        return line.whole(refusal)
    try:
        ask = line.let_in(talk.ask)
        if isinstance(ask, str):
            return line.whole(talk.error(ask))
        talk.ask, _ = ask, ask.steps  # computed here, so that a mistyped directive is loud
    except ValueError as error:
        return line.whole(Reply(WRONG_DIRECTIVE, {"error": {"message": str(error)}}))
    return _obey(line, talk)


def _obey(line: Line, talk: Talk) -> None:
    scenario = talk.ask.scenario
    line.wait(scenario.slow_s)
    if scenario.fault == "hang":
        return line.hang()
    if scenario.fault in ERRORS:
        return line.whole(common_error(scenario.fault) or talk.error(scenario.fault))
    if talk.ask.gpu:
        with talk.ask.gpu.reading(talk.ask.prompt_tokens, line.wait):
            return _speak(line, talk)
    return _speak(line, talk)


def _speak(line: Line, talk: Talk) -> None:
    if talk.ask.stream:
        return _stream(line, talk)
    return _plain(line, talk)


def retry_after(fault: str) -> dict[str, str]:
    """The header that tells a refused client when to come back."""
    return {"Retry-After": str(RETRY_AFTER_S[fault])} if fault in RETRY_AFTER_S else {}


def common_error(fault: str) -> Reply | None:
    """What a proxy in front of the server would say, in no dialect at all."""
    pages = {"html500": Reply(500, HTML_500), "gateway": Reply(502, HTML_502)}
    return pages.get(fault)


def _stream(line: Line, talk: Talk) -> None:
    line.start(talk.content_type, talk.headers)
    if talk.sse:
        _keep_alive(line, talk.ask.scenario.keepalive_s)
    due = time.monotonic()
    steps = talk.ask.steps
    for step in steps:
        # Against a fixed time table, so that many streams at once do not drift.
        line.wait(due - time.monotonic())
        due += talk.ask.pace_s
        if step.kind == "hang":
            line.hang()
        elif step.kind == "reset":
            line.reset(talk.frame(step))
        else:
            line.chunk(talk.frame(step), last=step is steps[-1])
    line.end()


def _keep_alive(line: Line, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        line.chunk(b": ping\n\n")
        line.wait(min(PING_S, left))


def _plain(line: Line, talk: Talk) -> None:
    ask = talk.ask
    line.wait(ask.pace_s * max(0, len(ask.steps) - 1))
    last = ask.steps[-1] if ask.steps else None
    kind = last.kind if last else ""
    if kind == "hang":
        return line.hang()
    if kind == "error":
        return line.whole(talk.error("unavailable"))
    data = dumps(fold(talk)).encode()
    if kind == "reset":
        return line.reset_plain(data)
    if kind == "broken":
        data = data[: len(data) // 2]
    return line.plain(200, "application/json", data, talk.headers)


def fold(talk: Talk) -> Any:
    """The steps of a stream as one answer."""
    steps = talk.ask.steps
    joined = {
        kind: "".join(step.text for step in steps if step.kind == kind)
        for kind in ("thought", "text")
    }
    last = next((step for step in steps if step.kind in ENDS | {"blocked", "empty"}), None)
    return talk.whole(joined["thought"], joined["text"], last)


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
