"""Gemini's Batch API through google-genai: requests at half the price, answered within a day.

Requests go inline, each with a key of ours: Google was seen to answer in another order than it was
asked (googleapis/python-genai issue 1909), so an answer without its key is nobody's answer.

Batches are read from Google's JSON as it is: the SDK's own types refuse a whole batch for one odd
value in one of its answers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from google.genai import types

from lib.core.batch import BatchAnswer, BatchState, Unkeyed
from lib.core.chat import Done, Finish, Request, Text, Usage
from lib.core.errors import AppError, BadReply, ModelMissing, NotFound
from lib.core.heard import whole
from lib.providers import gemini_sdk, gemini_wire
from lib.providers.wire import our_errors

PAGE, MOST_PAGES = 100, 10  # of the list of batches; Google keeps a hundred of them
_KEY = "key"
_NAME = re.compile(r"batches/[\w-]+", re.ASCII)
_STATES = {
    "RUNNING": BatchState.RUNNING,
    "CANCELLING": BatchState.RUNNING,
    "SUCCEEDED": BatchState.SUCCEEDED,
    "PARTIALLY_SUCCEEDED": BatchState.SUCCEEDED,
    "FAILED": BatchState.FAILED,
    "CANCELLED": BatchState.CANCELLED,
    "EXPIRED": BatchState.EXPIRED,
}
# A request's own error has a code of google.rpc.Code; ours go by HTTP's.
_HTTP = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 14: 503, 16: 401}


class GeminiBatch:
    """A `Batching`. `base_url` is the REST root, None Google's."""

    def __init__(self, key: str, base_url: str | None, timeout_s: float) -> None:
        self._connection = gemini_sdk.Connection(key, base_url, timeout_s)
        self._batches = self._connection.client.batches

    def submit(self, model: str, requests: Mapping[str, Request], display_name: str) -> str:
        with our_errors(gemini_wire.WHO, model, gemini_sdk.translate):
            batch = self._batches.create(
                model=model,
                src=[_inlined(key, request) for key, request in requests.items()],
                config=types.CreateBatchJobConfig(display_name=display_name),
            )
        if not _is_name(batch.name):
            raise BadReply(f"{gemini_wire.WHO} took a batch without naming it.")
        return str(batch.name)

    def find(self, display_name: str) -> str | None:
        with our_errors(gemini_wire.WHO, "batches", gemini_sdk.translate):
            ours = (
                batch.get("name")
                for batch in self._listed()
                if _at(batch, "metadata", "displayName") == display_name
            )
            return next((name for name in ours if _is_name(name)), None)

    def look(self, name: str) -> BatchState:
        state = str(_at(self._get(name), "metadata", "state")).removeprefix("BATCH_STATE_")
        return _STATES.get(state.removeprefix("JOB_STATE_"), BatchState.PENDING)

    def answers(self, name: str) -> dict[str, BatchAnswer | AppError]:
        found = _at(self._get(name), "metadata", "output", *["inlinedResponses"] * 2) or []
        if not isinstance(found, list):
            raise BadReply(f"{gemini_wire.WHO} sent something that cannot be read.")
        keys = [_at(one, "metadata", _KEY) for one in found]
        keyed = {key: one for key, one in zip(keys, found, strict=True) if isinstance(key, str)}
        if not found or "" in keyed or len(keyed) < len(found):
            raise Unkeyed(
                f"{gemini_wire.WHO} ended a batch without saying which answer is whose.",
                hint="Run these rows as a job without batch.",
            )
        return {key: _answer(one) for key, one in keyed.items()}

    def cancel(self, name: str) -> None:
        with our_errors(gemini_wire.WHO, name, _translate):
            self._batches.cancel(name=name)

    def delete(self, name: str) -> None:
        with our_errors(gemini_wire.WHO, name, _translate):
            self._batches.delete(name=name)

    def close(self) -> None:
        self._connection.close()

    def _get(self, name: str) -> dict[str, Any]:
        with our_errors(gemini_wire.WHO, name, _translate):
            return self._ask(name)

    def _listed(self) -> Iterator[dict[str, Any]]:
        page: object = ""
        for _ in range(MOST_PAGES):
            told = self._ask(f"batches?{urlencode({'pageSize': PAGE, 'pageToken': page})}")
            found = told.get("operations")
            yield from (one for one in found or () if isinstance(one, dict))
            page = told.get("nextPageToken")
            if not page:
                return

    def _ask(self, path: str) -> dict[str, Any]:
        """What Google answers, as it is; the SDK has no call for that, hence the private name."""
        answer = json.loads(self._connection.client._api_client.request("get", path, {}).body or "")
        if not isinstance(answer, dict):
            raise BadReply(f"{gemini_wire.WHO} sent something that cannot be read.")
        return answer


def _is_name(said: object) -> bool:
    return isinstance(said, str) and _NAME.fullmatch(said) is not None


def _at(value: Any, *path: str) -> Any:
    """What stands at a path of names; None where there is no such thing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _inlined(key: str, request: Request) -> types.InlinedRequest:
    options = gemini_sdk.config(request)
    if request.json_schema is not None:
        # The batch endpoint was seen to answer responseJsonSchema with JSON of another shape, and
        # responseSchema as asked (crmne/ruby_llm issue 894).
        options.response_json_schema = None
        options.response_schema = types.Schema.model_validate(request.json_schema)
    return types.InlinedRequest(
        contents=[gemini_sdk.content(message) for message in request.messages],
        config=options,
        metadata={_KEY: key},
    )


def _answer(one: dict[str, Any]) -> BatchAnswer | AppError:
    response = one.get("response")
    if not isinstance(response, dict):
        code = whole(_at(one, "error", "code"), 599) or 0
        return gemini_wire.error(_HTTP.get(code, code if code >= 400 else 500), "this model")
    text, usage, done = [], Usage(), Done(Finish.INCOMPLETE)
    try:
        for event in gemini_sdk.events([_response(response)]):
            if isinstance(event, Text):
                text.append(event.text)
            elif isinstance(event, Usage):
                usage = event
            elif isinstance(event, Done):
                done = event
    except AppError as error:
        return error
    return BatchAnswer("".join(text), usage, done.finish, done.version)


def _response(said: dict[str, Any]) -> types.GenerateContentResponse:
    """An answer as the SDK has it; one that only counts oddly is an answer nobody counted."""
    for left_out in ((), ("usageMetadata",)):
        kept = {name: value for name, value in said.items() if name not in left_out}
        with suppress(ValueError, TypeError, AttributeError):
            return types.GenerateContentResponse._from_response(response=kept, kwargs={})
    raise BadReply(f"{gemini_wire.WHO} sent something that cannot be read.")


def _translate(error: Exception, name: str) -> AppError | None:
    ours = gemini_sdk.translate(error, name)
    if isinstance(ours, ModelMissing):
        return NotFound(f"{gemini_wire.WHO} has no such batch any more.")
    return ours
