"""The real client libraries, pointed at a fake; each ask is a stream of text pieces.

Closing one of the generators hangs up, but for the retired SDK over REST, which has no way to.
"""

import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Any

import grpc
import ollama
import openai
from google import genai

from tests.fakes.server import FakeServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    import google.generativeai as retired
    from google.ai.generativelanguage_v1beta import GenerativeServiceClient
    from google.ai.generativelanguage_v1beta.services.generative_service import transports

GEMINI = "gemini-3.1-flash-lite"
OLLAMA = "gemma3:4b"
VLLM = "Qwen/Qwen3-4B"
TIMEOUT_S = 5

Pieces = Generator[str, None, None]


def genai_client(fake: FakeServer, key: str = "k") -> genai.Client:
    return genai.Client(
        api_key=key, http_options={"base_url": fake.url, "timeout": TIMEOUT_S * 1000}
    )


def openai_client(fake: FakeServer, key: str = "x") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{fake.url}/v1", api_key=key, max_retries=0, timeout=TIMEOUT_S)


def retired_model(fake: FakeServer, over_grpc: bool) -> Any:
    retired.configure(api_key="k", transport="rest", client_options={"api_endpoint": fake.url})
    model = retired.GenerativeModel(GEMINI)
    if over_grpc:
        channel = grpc.insecure_channel(fake.grpc_target)
        transport = transports.GenerativeServiceGrpcTransport(channel=channel)
        model._client = GenerativeServiceClient(transport=transport)
    return model


def ask_genai(fake: FakeServer, text: str) -> Pieces:
    client = genai_client(fake)  # it closes itself once nothing holds it
    for chunk in client.models.generate_content_stream(model=GEMINI, contents=text):
        yield chunk.text or ""


def ask_retired(fake: FakeServer, text: str, over_grpc: bool) -> Pieces:
    model = retired_model(fake, over_grpc)
    options = {"timeout": TIMEOUT_S, "retry": None}
    for chunk in model.generate_content(text, stream=True, request_options=options):
        yield "".join(part.text for part in chunk.parts)


def ask_ollama(fake: FakeServer, text: str) -> Pieces:
    client = ollama.Client(fake.url, timeout=TIMEOUT_S)
    for chunk in client.chat(OLLAMA, [{"role": "user", "content": text}], stream=True):
        yield chunk.message.content or ""


def ask_openai(fake: FakeServer, text: str) -> Pieces:
    messages: Any = [{"role": "user", "content": text}]
    client = openai_client(fake)
    stream = client.chat.completions.create(model=VLLM, messages=messages, stream=True)
    with closing(stream) as chunks:
        for chunk in chunks:
            yield (chunk.choices[0].delta.content or "") if chunk.choices else ""


ASKS: dict[str, Callable[[FakeServer, str], Pieces]] = {
    "genai": ask_genai,
    "retired_rest": partial(ask_retired, over_grpc=False),
    "retired_grpc": partial(ask_retired, over_grpc=True),
    "ollama": ask_ollama,
    "openai": ask_openai,
}
