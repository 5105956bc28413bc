"""Token probabilities in the form that OpenAI, vLLM and Ollama share."""

from typing import Any

CHOSEN = -0.1
NEXT = -2.4


def logprob(token: str, alternatives: int) -> dict[str, Any]:
    """The chosen token first among its alternatives; natural logarithms."""
    tops = [token, *(f"{token}~{i}" for i in range(1, alternatives))][:alternatives]
    listed = [_entry(text, CHOSEN if i == 0 else NEXT - i) for i, text in enumerate(tops)]
    return _entry(token, CHOSEN) | {"top_logprobs": listed}


def _entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}
