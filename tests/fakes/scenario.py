"""What the fake is asked to do: directives like `#fault=cut` in the last user text, and the steps
they lead to. The steps are the same in every dialect.

Directives: slow, pace, keepalive (seconds), tokens, think, cached (counts), paragraph (words in
each), fault (see FAULTS), reasoning (the name of the OpenAI delta field: reasoning or
reasoning_content), and those of rows to be labelled (see labels). Of a pack's rows only the latter
count.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tests.fakes.gpu import Gpu
from tests.fakes.labels import ROW_FAULTS, Row, choices_of, pack_answer, read_pack, read_row
from tests.fakes.sample import document

# Answered with an error status before anything else is sent.
ERRORS = frozenset(
    {"rate_limited", "quota", "bad_key", "missing", "bad_request"}
    | {"unavailable", "busy", "gateway", "timeout504", "internal", "html500", "throttled"}
)
# The seconds after which a refused client is asked to come back, where it is told so.
RETRY_AFTER_S = {"rate_limited": 37, "quota": 37, "busy": 37, "throttled": 1}
FAULTS = ERRORS | (
    {"broken_json", "safety", "prompt_blocked", "no_candidates", "max_tokens", "length_empty"}
    | {"cut", "reset", "mid_error", "no_usage", "hang", "hang_mid"}
)
ENDS = frozenset({"stop", "length", "safety"})
EMPTY_LENGTH_THOUGHTS = 5
MEDIA_TOKENS = 10

_DIRECTIVE = re.compile(
    r"\s*#(slow|pace|tokens|paragraph|think|cached|keepalive|fault|reasoning)=(\S+)"
)
_ROW_DIRECTIVE = re.compile(r"\s*#(say|pack|once)=\S+")


@dataclass(frozen=True, slots=True)
class Scenario:
    """The directives of one request; `text` is the user's text without them."""

    text: str = ""
    slow_s: float = 0.0
    pace_s: float = 0.0
    keepalive_s: float = 0.0
    tokens: int | None = None
    paragraph: int = 0
    think: int = 0
    cached: int = 0
    fault: str = ""
    reasoning_field: str = "reasoning"

    @property
    def words(self) -> list[str]:
        """The answer, a word with its leading space each; "ok" when there is nothing to echo."""
        if self.tokens is not None:
            return in_paragraphs(numbered("w", self.tokens), self.paragraph)
        return split_words(self.text or "ok")


def parse(text: str) -> Scenario:
    """Read the directives. Raises ValueError for a fault that does not exist, or a bad number."""
    found = dict(_DIRECTIVE.findall(text))
    fault = found.get("fault", "")
    _check(fault, FAULTS)
    return Scenario(
        text=_ROW_DIRECTIVE.sub("", _DIRECTIVE.sub("", text)).strip(),
        slow_s=float(found.get("slow", 0)),
        pace_s=float(found.get("pace", 0)),
        keepalive_s=float(found.get("keepalive", 0)),
        tokens=int(found["tokens"]) if "tokens" in found else None,
        paragraph=int(found.get("paragraph", 0)),
        think=int(found.get("think", 0)),
        cached=int(found.get("cached", 0)),
        fault=fault,
        reasoning_field=found.get("reasoning", "reasoning"),
    )


def _check(fault: str, known: frozenset[str]) -> None:
    if fault and fault not in known:
        raise ValueError(f"the fake knows no fault {fault!r}")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the server does.

    `kind` is thought, text, an end (stop, length, safety), blocked, empty, error, broken, reset or
    hang. `thoughts` and `words` are the tokens said up to and with this step.
    """

    kind: str
    text: str = ""
    index: int = 0
    thoughts: int = 0
    words: int = 0


@dataclass(frozen=True)
class Ask:
    """A request as every dialect has it. `texts` are all texts, system included; `media` are
    modalities ("IMAGE", ...); `schema` is a JSON schema, `choices` the only allowed answers;
    `fresh` are those texts of `rows` that no call before had; `limit` is how many tokens were asked
    for, which only a `gpu` obeys."""

    model: str
    last: str
    texts: tuple[str, ...]
    media: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    choices: tuple[str, ...] = ()
    stream: bool = False
    fresh: frozenset[str] = frozenset()
    limit: int | None = None
    gpu: Gpu | None = None

    @cached_property
    def _pack(self) -> tuple[tuple[Row, ...], str]:
        return read_pack(self.last, self.schema)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """What is to be labelled: the rows of a pack, else the whole last text."""
        return self._pack[0] or (read_row(self.last),)

    @cached_property
    def scenario(self) -> Scenario:
        rows, rest = self._pack
        scenario = parse(rows[0].text if len(rows) == 1 else rest)
        for row in self.rows:
            _check(row.once, FAULTS | ROW_FAULTS)
            if row.once in FAULTS and row.text in self.fresh:
                return replace(scenario, fault=row.once)
        return scenario

    @cached_property
    def text_tokens(self) -> int:
        """Words of all messages as they were sent, directives included."""
        return sum(len(text.split()) for text in self.texts)

    @cached_property
    def prompt_tokens(self) -> int:
        return self.text_tokens + MEDIA_TOKENS * len(self.media)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return script(self.scenario, self._words())

    def _words(self) -> list[str]:
        if self._pack[0] and self.schema:
            return split_words(pack_answer(self.rows, self.schema, self.fresh))
        row, in_quotes = self.rows[0], choices_of(self.schema)
        label = row.said(self.choices or in_quotes, row.text in self.fresh)
        if in_quotes:
            return split_words(json.dumps(label, ensure_ascii=False))
        if self.choices or row.say or row.once in ROW_FAULTS:
            return split_words(label)
        if self.schema is not None:
            return split_words(document(self.schema, self.scenario.text or "ok"))
        if self.gpu and self.limit and self.scenario.tokens is None:
            return numbered("w", self.limit)
        return self.scenario.words

    @property
    def pace_s(self) -> float:
        """Seconds between two pieces of a stream."""
        return self.gpu.pace_s if self.gpu else self.scenario.pace_s


def script(scenario: Scenario, words: list[str]) -> tuple[Step, ...]:
    """The steps of one answer, its fault built in."""
    half = words[: max(1, len(words) // 2)]
    said, end = {
        "cut": (half, ""),
        "reset": (half, "reset"),
        "mid_error": (half, "error"),
        "broken_json": (half, "broken"),
        "hang_mid": (words[:2], "hang"),
        "max_tokens": (half, "length"),
        "length_empty": ([], "length"),
        "safety": ([], "safety"),
        "prompt_blocked": ([], "blocked"),
        "no_candidates": ([], "empty"),
    }.get(scenario.fault, (words, "stop"))
    thoughts = numbered("t", 0 if end in ("blocked", "empty") else scenario.think)
    hidden = EMPTY_LENGTH_THOUGHTS if scenario.fault == "length_empty" and not thoughts else 0
    steps = [Step("thought", t, i, thoughts=i + 1) for i, t in enumerate(thoughts)]
    counted = len(thoughts) + hidden
    for text in said:
        words_so_far = len(steps) - len(thoughts) + 1
        steps.append(Step("text", text, len(steps), counted, words_so_far))
    if end:
        steps.append(Step(end, " never" * (end == "reset"), len(steps), counted, len(said)))
    return tuple(steps)


def numbered(letter: str, count: int) -> list[str]:
    return [f"{' ' if i else ''}{letter}{i + 1}" for i in range(count)]


def in_paragraphs(words: list[str], size: int) -> list[str]:
    """A blank line before every `size`th word; 0 leaves them one paragraph."""
    return [
        f"\n\n{word.lstrip()}" if size and i and i % size == 0 else word
        for i, word in enumerate(words)
    ]


def split_words(text: str) -> list[str]:
    """Pieces that give the text again when joined; each holds one word."""
    return re.findall(r"\s*\S+", text)
