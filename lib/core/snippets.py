"""The present request as code that runs: Python and curl for every provider; pure values.

What goes on the wire is what our own adapters send, always as a stream. `choices`, `logprobs` and
`raw` are left out: only jobs use them.
"""

import re

from lib.core.chat import Media, Request
from lib.core.snippets_embedded import embedded
from lib.core.snippets_gemini import gemini
from lib.core.snippets_ollama import ollama
from lib.core.snippets_source import file_names
from lib.core.snippets_vllm import vllm


def snippets(
    provider: str, request: Request, base_url: str | None = None, num_ctx: int | None = None
) -> dict[str, str]:
    """Source text by language, in the order to show; ValueError for an unknown provider.

    The sources read `files(request)` from the folder they run in, and hold placeholders for keys.
    `base_url` replaces the provider's usual address; a name and password in it become placeholders
    too. `num_ctx` is Ollama's window in tokens; None leaves it to the server.
    """
    base = re.sub(r"^(\w+://)?[^/]*@", r"\1YOUR_USER:YOUR_PASSWORD@", base_url or "").rstrip("/")
    if provider == "gemini":
        return gemini(request, base or None)
    if provider == "ollama":
        return ollama(request, base or "http://127.0.0.1:11434", num_ctx)
    if provider == "vllm":
        return vllm(request, base or "http://127.0.0.1:8000/v1")
    if provider == "embedded":
        return embedded(request, base or "http://127.0.0.1:8501")
    raise ValueError(f"no code is known for {provider}")


def files(request: Request) -> dict[str, Media]:
    """The files the sources read, by name; what occurs twice is one file."""
    return {name: media for media, name in file_names(request).items()}
