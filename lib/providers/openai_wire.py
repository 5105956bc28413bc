"""One OpenAI-compatible server, through openai's client: vLLM's dialect and llama.cpp's."""

import base64
from collections.abc import Generator
from contextlib import closing
from typing import Any, Literal

import openai

from lib.core.chat import Event, Media, Message, Request
from lib.core.errors import AppError, BadReply, Unreachable
from lib.core.thinking import named_levels
from lib.providers.line import Line
from lib.providers.openai_events import events
from lib.providers.wire import (
    client2,
    from_status,
    our_errors,
    retry_after_s,
    transport_error,
)

COUNT_S = 5.0  # longest wait for a count: somebody is about to send the prompt

# How a server is told that the answer is one of a few texts: in vLLM's field, in the one it had
# before 0.12, or as a JSON string, which comes in quotes but is understood by every such server.
ChoiceForm = Literal["structured_outputs", "guided_choice", "response_format"]


class OpenAIWire:
    """`base_url` ends in /v1. `who` names the server in errors, never its address."""

    def __init__(
        self,
        who: str,
        base_url: str,
        key: str | None,
        timeout_s: float,
        choice_form: ChoiceForm = "response_format",
    ) -> None:
        self._who, self._choice_form = who, choice_form
        self._http = client2(timeout_s)
        self.client = openai.OpenAI(
            base_url=base_url,
            api_key=key or "none",
            organization="",
            project="",
            max_retries=0,  # a repeat is the job's decision and a ledger row of its own
            http_client=self._http,
        )

    def stream(self, request: Request) -> Generator[Event, None, None]:
        with our_errors(self._who, request.model, self._translate):
            answer: Any = self.client.chat.completions.create(
                **_arguments(request, self._choice_form)
            )
            if not request.stream:
                yield from events(iter([answer]), self._who)
                return
            with closing(answer):
                yield from events(iter(answer), self._who)

    def count(self, request: Request, path: str, field: str) -> int | None:
        """Tokens of the prompt, asked at `path` and answered in `field`; None: no such call."""
        body = {
            "model": request.model,
            "messages": _messages(request),
            "add_generation_prompt": True,
            **_thinking(request),
        }
        with Line(COUNT_S).held(), our_errors(self._who, request.model, self._translate):
            try:
                answer: Any = self.client.post(path, cast_to=object, body=body)
            except openai.APIStatusError as error:
                if error.status_code in (404, 405):
                    return None
                raise
        counted = answer.get(field) if isinstance(answer, dict) else None
        return counted if isinstance(counted, int) else None

    def list(self) -> list[Any]:
        """The server's models, as its own objects."""
        with our_errors(self._who, "", self._translate):
            return list(self.client.models.list())

    def close(self) -> None:
        self.client.close()

    def _translate(self, error: Exception, model: str) -> AppError | None:
        if isinstance(error, openai.APIStatusError):
            wait_s = retry_after_s(error.response.headers)
            return from_status(error.status_code, self._who, model, wait_s)
        if isinstance(error, openai.APIConnectionError):
            return transport_error(error.__cause__ or error, self._who) or Unreachable(
                f"{self._who} does not answer, or the connection broke."
            )
        if isinstance(error, openai.APIError):  # an error event in mid-stream
            return BadReply(f"{self._who} broke off with an error.")
        return None


def _arguments(request: Request, choice_form: ChoiceForm) -> dict[str, Any]:
    arguments = {
        "model": request.model,
        "messages": _messages(request),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "logprobs": True if request.logprobs else None,
        "top_logprobs": request.logprobs or None,
        "response_format": _format(request, choice_form),
        "extra_body": _choice(request, choice_form) | _thinking(request) | _length(request) or None,
        "stream": request.stream,
        # Without it a stream carries no usage at all.
        "stream_options": {"include_usage": True} if request.stream else None,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _format(request: Request, choice_form: ChoiceForm) -> dict[str, Any] | None:
    schema = request.json_schema
    if request.choices and choice_form == "response_format":
        schema = {"type": "string", "enum": list(request.choices)}
    if schema is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _choice(request: Request, choice_form: ChoiceForm) -> dict[str, Any]:
    if not request.choices or choice_form == "response_format":
        return {}
    choices = list(request.choices)
    if choice_form == "guided_choice":
        return {"guided_choice": choices}
    return {"structured_outputs": {"choice": choices}}


def _thinking(request: Request) -> dict[str, Any]:
    """A switch of the chat template; gpt-oss knows levels instead, and none of them is off."""
    if request.thinking is None:
        return {}
    if named_levels(request.model) and request.thinking != "off":
        return {"reasoning_effort": request.thinking}
    return {"chat_template_kwargs": {"enable_thinking": request.thinking != "off"}}


def _length(request: Request) -> dict[str, Any]:
    """vLLM and llama.cpp both call it so."""
    return {"ignore_eos": True} if request.ignore_eos else {}


def _messages(request: Request) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *map(_message, request.messages)]


def _message(message: Message) -> dict[str, Any]:
    if not message.media:
        return {"role": message.role, "content": message.text}
    text = [{"type": "text", "text": message.text}] if message.text else []
    return {"role": message.role, "content": [*map(_part, message.media), *text]}


def _part(media: Media) -> dict[str, Any]:
    """Media travel inside the request, never as an address the server would fetch itself."""
    data = base64.b64encode(media.data).decode()
    if media.modality == "audio":
        kind = media.mime.partition("/")[2]
        return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
    kind = f"{media.modality}_url"
    return {"type": kind, kind: {"url": f"data:{media.mime};base64,{data}"}}
