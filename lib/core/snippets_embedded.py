"""A request to the built-in model as code: it has no address, so this app's own JSON API."""

from typing import Any

from lib.core.chat import Request
from lib.core.options import to_fields
from lib.core.snippets_source import comments, curl, file_names, given, program, python

TAKES = frozenset({"system", "max_tokens", "temperature"})  # what POST /api/chat takes of a request
_KEY = "YOUR_APP_PASSWORD"
_HEADERS = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
_LOOP = """\
with urlopen(request) as answer:
    for line in answer:
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line.removeprefix(b"data: "))
        print(event.get("text", ""), end="", flush=True)
print()
print(event.get("usage", event))"""


def embedded(request: Request, base: str) -> dict[str, str]:
    """Both sources. What /api/chat does not take is left out, and a comment names it."""
    url, body, notes = f"{base}/api/chat", _body(request), comments(*_left_out(request))
    source = program(
        notes,
        "import json\nfrom urllib.request import Request, urlopen",
        f"body = {python(body)}",
        f"headers = {python(_HEADERS)}",
        f"request = Request({python(url)}, json.dumps(body).encode(), headers)",
        _LOOP,
    )
    return {"Python": source, "curl": curl(notes, url, f"Authorization: Bearer {_KEY}", body)}


def _body(request: Request) -> dict[str, Any]:
    # The API refuses a message without text, which is all that is left of one of files only.
    said = [{"role": m.role, "content": m.text} for m in request.messages if m.text]
    alone = len(request.messages) == 1
    asked = {"message": request.messages[0].text} if alone else {"messages": said}
    return given(
        model=f"embedded/{request.model}",
        **asked,
        system_prompt=request.system or None,
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        stream=True,
    )


def _left_out(request: Request) -> list[str]:
    names = [name for name in to_fields(request) if name not in TAKES]
    names += ["media"] if file_names(request) else []
    return [f"Left out, since POST /api/chat does not take it: {', '.join(names)}"] if names else []
