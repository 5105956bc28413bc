"""Gemini's Batch API through google-genai: requests at half the price, answered within a day.

Requests go inline, each with a key of ours: Google was seen to answer in another order than it was
asked (googleapis/python-genai issue 1909), so an answer without its key is nobody's answer.
"""

from collections.abc import Mapping

from google.genai import types

from lib.core.batch import BatchAnswer, BatchState, Unkeyed
from lib.core.chat import Done, Finish, Request, Text, Usage
from lib.core.errors import AppError, BadReply, ModelMissing, NotFound
from lib.providers import gemini_sdk, gemini_wire
from lib.providers.wire import our_errors

PAGE = 100
_KEY = "key"
_STATES = {
    "JOB_STATE_RUNNING": BatchState.RUNNING,
    "JOB_STATE_CANCELLING": BatchState.RUNNING,
    "JOB_STATE_SUCCEEDED": BatchState.SUCCEEDED,
    "JOB_STATE_PARTIALLY_SUCCEEDED": BatchState.SUCCEEDED,
    "JOB_STATE_FAILED": BatchState.FAILED,
    "JOB_STATE_CANCELLED": BatchState.CANCELLED,
    "JOB_STATE_EXPIRED": BatchState.EXPIRED,
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
        if not batch.name:
            raise BadReply(f"{gemini_wire.WHO} took a batch without naming it.")
        return batch.name

    def find(self, display_name: str) -> str | None:
        with our_errors(gemini_wire.WHO, "batches", gemini_sdk.translate):
            listed = self._batches.list(config=types.ListBatchJobsConfig(page_size=PAGE))
            return next((one.name for one in listed if one.display_name == display_name), None)

    def look(self, name: str) -> BatchState:
        state = self._get(name).state
        return _STATES.get(state.name if state else "", BatchState.PENDING)

    def answers(self, name: str) -> dict[str, BatchAnswer | AppError]:
        batch = self._get(name)
        found = (batch.dest and batch.dest.inlined_responses) or []
        keyed = {(one.metadata or {}).get(_KEY, ""): one for one in found}
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

    def _get(self, name: str) -> types.BatchJob:
        with our_errors(gemini_wire.WHO, name, _translate):
            return self._batches.get(name=name)


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


def _answer(one: types.InlinedResponse) -> BatchAnswer | AppError:
    if one.response is None:
        code = (one.error and one.error.code) or 0
        return gemini_wire.error(_HTTP.get(code, code if code >= 400 else 500), "this model")
    text, usage, done = [], Usage(), Done(Finish.INCOMPLETE)
    try:
        for event in gemini_sdk.events([one.response]):
            if isinstance(event, Text):
                text.append(event.text)
            elif isinstance(event, Usage):
                usage = event
            elif isinstance(event, Done):
                done = event
    except AppError as error:
        return error
    return BatchAnswer("".join(text), usage, done.finish, done.version)


def _translate(error: Exception, name: str) -> AppError | None:
    ours = gemini_sdk.translate(error, name)
    if isinstance(ours, ModelMissing):
        return NotFound(f"{gemini_wire.WHO} has no such batch any more.")
    return ours
