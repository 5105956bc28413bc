"""Gemini's Batch API as REST has it: batches that take time, and may expire, fail or be cancelled.

Directives in any text of a batch: `#takes=SECONDS` overrides how long it takes; `#batch=FAULT` (see
FAULTS) spoils the first batch with that very text. Requests obey their own directives (scenario);
answers come in another order than they were asked, as Google's were seen to.
"""

import itertools
import re
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.fakes.calls import Register
from tests.fakes.gemini import GeminiTalk, known, read_ask
from tests.fakes.gemini_errors import BAD_KEY, gemini_error
from tests.fakes.scenario import ERRORS, Ask
from tests.fakes.talk import fold
from tests.fakes.wire import Reply

AT_CREATION = frozenset({"rate_limited", "quota", "bad_request", "unavailable"})
# `lost`: it is made, but the client is told of an error; `late`: the client is told LATE_S later.
# `unkeyed`: answers lack their metadata. `clings`: it may not be cancelled.
FAULTS = AT_CREATION | {"lost", "late", "expired", "failed", "stuck", "unkeyed", "clings"}
LATE_S = 0.5
PATH = re.compile(r"/(?:v1|v1beta)/(?:models/([^/:]+):batchGenerateContent|batches(?:/([^/:]+))?)")
CANCEL = ":cancel"
USUAL_S = 0.05
_FAULT = re.compile(r"#batch=(\S+)")
_TAKES = re.compile(r"#takes=(\S+)")
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
_RPC = {400: 3, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}


@dataclass
class Kept:
    """A batch; `asks` are its requests with their metadata. Times are `time.monotonic()`."""

    name: str
    display_name: str
    model: str
    asks: list[tuple[Ask, dict[str, Any]]]
    fault: str
    takes_s: float
    created: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    output: list[dict[str, Any]] | None = None

    @property
    def state(self) -> str:
        if self.cancelled:
            return "CANCELLED"
        age_s = time.monotonic() - self.created
        if self.fault == "stuck" or age_s < self.takes_s:
            return "PENDING" if age_s < self.takes_s / 2 else "RUNNING"
        return {"expired": "EXPIRED", "failed": "FAILED"}.get(self.fault, "SUCCEEDED")


class GeminiBatches:
    """What the fake knows of batches. `made` and `cancelled` are display names, in order."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._seen: set[str] = set()
        self._numbers = itertools.count(1)
        self.made: list[str] = []
        self.cancelled: list[str] = []

    @property
    def names(self) -> list[str]:
        """Names of the batches that were not deleted."""
        with self._lock:
            return list(self._kept)

    def generation(self, *_request: Any) -> None:
        """No path of this API answers at once."""

    def look_up(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        match = PATH.fullmatch(path.removesuffix(CANCEL))
        if headers.get("x-goog-api-key") == BAD_KEY:
            return _refused("bad_key")
        if match is None:
            return _refused("missing")
        model, name = match.groups()
        if model:
            with self._lock:
                fault, reply = self._create(unquote(model), body["batch"])
            time.sleep(LATE_S if fault == "late" else 0)
            return reply
        with self._lock:
            if name is None:
                return self._list(headers[":path"])
            kept = self._kept.get(f"batches/{name}")
            if kept is None:
                return _refused("missing")
            if path.endswith(CANCEL):
                return self._cancel(kept)
            if headers[":method"] == "DELETE":
                del self._kept[kept.name]
                return Reply(200, {})
            return Reply(200, self._operation(kept))

    def _create(self, model: str, batch: dict[str, Any]) -> tuple[str, Reply]:
        asks = [
            (read_ask(model, one["request"], stream=False), one.get("metadata", {}))
            for one in batch["inputConfig"]["requests"]["requests"]
        ]
        texts = " ".join(text for ask, _ in asks for text in ask.texts)
        fault = self._fault(asks)
        if fault in AT_CREATION or not known(model):
            return fault, _refused(fault or "missing", model)
        takes = _TAKES.search(texts)
        name = f"batches/fake-{next(self._numbers)}"
        takes_s = float(takes[1]) if takes else USUAL_S
        kept = Kept(name, batch["displayName"], model, asks, fault, takes_s)
        self._kept[name] = kept
        self.made.append(kept.display_name)
        told = _refused("unavailable") if fault == "lost" else Reply(200, self._operation(kept))
        return fault, told

    def _fault(self, asks: list[tuple[Ask, dict[str, Any]]]) -> str:
        new = {ask.last for ask, _ in asks} - self._seen
        self._seen |= new
        fault = next((found[1] for text in new if (found := _FAULT.search(text))), "")
        if fault and fault not in FAULTS:
            raise ValueError(f"the fake knows no fault of batches {fault!r}")
        return fault

    def _list(self, path: str) -> Reply:
        """Newest first, in pages."""
        given = parse_qs(path.partition("?")[2])
        first, size = int(given.get("pageToken", ["0"])[0]), int(given.get("pageSize", ["10"])[0])
        found = list(self._kept.values())[::-1]
        page = [self._operation(kept) for kept in found[first : first + size]]
        more = {"nextPageToken": str(first + size)} if first + size < len(found) else {}
        return Reply(200, {"operations": page} | more)

    def _cancel(self, kept: Kept) -> Reply:
        if kept.fault == "clings":
            return _refused("bad_request")
        if kept.state in ("PENDING", "RUNNING"):
            kept.cancelled = True
            self.cancelled.append(kept.display_name)
        return Reply(200, {})

    def _operation(self, kept: Kept) -> dict[str, Any]:
        state = kept.state
        now, count = datetime.now(UTC).isoformat().replace("+00:00", "Z"), str(len(kept.asks))
        metadata: dict[str, Any] = {
            "@type": f"{_TYPE}GenerateContentBatch",
            "model": f"models/{kept.model}",
            "displayName": kept.display_name,
            "createTime": now,
            "updateTime": now,
            "batchStats": {"requestCount": count},
            "state": f"BATCH_STATE_{state}",
            "name": kept.name,
        }
        made: dict[str, Any] = {"name": kept.name, "metadata": metadata}
        if state in ("PENDING", "RUNNING"):
            return made
        if state != "SUCCEEDED":
            return made | {"done": True, "error": {"code": 1, "message": "It did not end well."}}
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": self._output(kept)}}
        answer = {"@type": f"{_TYPE}GenerateContentBatchOutput"} | metadata["output"]
        return made | {"done": True, "response": answer}

    def _output(self, kept: Kept) -> list[dict[str, Any]]:
        """The answers, made when they are first looked at."""
        if kept.output is None:
            kept.output = [self._answered(*one, kept.fault) for one in reversed(kept.asks)]
        return kept.output

    def _answered(self, ask: Ask, metadata: dict[str, Any], fault: str) -> dict[str, Any]:
        made = {} if fault == "unkeyed" else {"metadata": metadata}
        ask = replace(ask, fresh=self._register.note(row.text for row in ask.rows))
        if ask.scenario.fault in ERRORS:
            error = gemini_error(ask.scenario.fault, ask.model)["error"]
            return made | {"error": {"code": _RPC[error["code"]], "message": error["message"]}}
        return made | {"response": fold(GeminiTalk(ask, {}, "", {}, "v1beta"))}


def _refused(fault: str, model: str = "") -> Reply:
    body = gemini_error(fault, model)
    return Reply(body["error"]["code"], body)
