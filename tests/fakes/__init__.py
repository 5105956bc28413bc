"""One fake server that speaks Gemini (REST and gRPC), Ollama and OpenAI/vLLM, with faults."""

from tests.fakes.calls import Call
from tests.fakes.server import FakeServer

__all__ = ["Call", "FakeServer"]
