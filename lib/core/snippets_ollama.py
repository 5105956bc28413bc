"""A request to Ollama as code: its own client, and its own API by curl."""

from collections.abc import Callable
from typing import Any

from lib.core.chat import Message, Request
from lib.core.snippets_source import (
    Code,
    call,
    comments,
    curl,
    file_names,
    given,
    program,
    python,
    python_bytes,
    reads,
    shell_base64,
)
from lib.core.thinking import named_levels

# That is why the window is always in the code: nothing in an answer tells that it was too small.
_CUT = "Ollama cuts what does not fit into num_ctx without a word, and its own default is small."
_LOOP = """\
for chunk in stream:
    print(chunk.message.content or "", end="", flush=True)
print()
print(f"{chunk.prompt_eval_count} tokens in, {chunk.eval_count} out")"""


def ollama(request: Request, base: str, num_ctx: int | None) -> dict[str, str]:
    """Both sources; `num_ctx` is the window in tokens, None leaves it to the server."""
    options = _options(request, num_ctx)
    rest = {**options, "messages": _messages(request, shell_base64)}
    source = program(
        comments("pip install ollama", *reads(request)),
        "from pathlib import Path" if file_names(request) else "",
        "import ollama",
        f"client = ollama.Client(host={python(base)})",
        f"messages = {python(_messages(request, python_bytes))}",
        f"# {_CUT}\n" + call("stream = client.chat", **{**options, "messages": Code("messages")}),
        _LOOP,
    )
    return {
        "Python (ollama)": source,
        "curl": curl(comments(*reads(request), _CUT), f"{base}/api/chat", "", rest),
    }


def _options(request: Request, num_ctx: int | None) -> dict[str, Any]:
    """All arguments but the messages, which keep their place among them."""
    return given(
        model=request.model,
        messages=[],
        stream=True,
        think=_think(request),
        format=request.json_schema,
        options=given(
            num_ctx=num_ctx,
            num_predict=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            stop=list(request.stop) or None,
        ),
    )


def _think(request: Request) -> bool | str | None:
    if request.thinking in (None, "off"):
        return None if request.thinking is None else False
    return request.thinking if named_levels(request.model) else True


def _messages(request: Request, write: Callable[[str], Code]) -> list[dict[str, Any]]:
    names = file_names(request)

    def said(message: Message) -> dict[str, Any]:
        images = [write(names[media]) for media in message.media] or None
        return given(role=message.role, content=message.text, images=images)

    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *map(said, request.messages)]
