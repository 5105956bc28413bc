"""The fake server, asked by the real client libraries in every dialect."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import ollama
import openai
import pytest
from google import genai

from tests.fakes import FakeServer
from tests.fakes.clients import (
    ASKS,
    GEMINI,
    OLLAMA,
    VLLM,
    Pieces,
    ask_openai,
    ask_retired,
    genai_client,
    openai_client,
)

TEXT = "grüße und 日本 hello"
HANGING_UP = [name for name in ASKS if name != "retired_rest"]
Ask = Callable[[str], Pieces]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(params=ASKS)
def ask(request: pytest.FixtureRequest, fake: FakeServer) -> Ask:
    """Send one text as a stream; gives the pieces of the answer."""
    return partial(ASKS[request.param], fake)


def test_echo(ask: Ask) -> None:
    """Every dialect echoes the text word by word, even when characters are split on the wire."""
    pieces = [piece for piece in ask(f"{TEXT} #pace=0.001") if piece]

    assert pieces == ["grüße", " und", " 日本", " hello"]


def test_cut(ask: Ask) -> None:
    """A cut stream ends without an error and without the second half."""
    assert "".join(ask(f"{TEXT} #fault=cut")) == "grüße und"


@pytest.mark.parametrize("fault", ["rate_limited", "quota", "unavailable", "html500", "reset"])
def test_errors(ask: Ask, fault: str) -> None:
    """An error fault reaches the client's user as an exception."""
    with pytest.raises(Exception, match=r".") as caught:
        list(ask(f"a b c d #fault={fault}"))

    assert "the fake knows no" not in str(caught.value)


@pytest.mark.parametrize("ask", HANGING_UP, indirect=True)
def test_hang_up_is_noticed(ask: Ask, fake: FakeServer) -> None:
    """A client that closes while the fake is silent is noticed within half a second."""
    answer = ask("a b c d #fault=hang_mid")
    next(answer)
    call = fake.calls[-1]
    answer.close()

    assert fake.wait_idle(0.5)
    assert call.hung_up


def test_timeout_is_a_hang_up(fake: FakeServer) -> None:
    """A client that gives up before the first byte is a hang-up too."""
    with pytest.raises(httpx.ReadTimeout):
        ollama.Client(fake.url, timeout=0.2).chat(
            "gemma3:4b", [{"role": "user", "content": "a #slow=5"}]
        )

    assert fake.wait_idle(0.5)
    assert fake.calls[-1].hung_up


def test_gemini_usage_and_thoughts(fake: FakeServer) -> None:
    """Thoughts and cached tokens are counted as Google counts them."""
    client = genai_client(fake)
    answer = client.models.generate_content(model=GEMINI, contents="a b #think=3 #cached=2")
    usage = answer.usage_metadata

    assert answer.text == "a b"
    assert usage is not None
    assert usage.model_dump(include={"prompt_token_count", "total_token_count"}) == {
        "prompt_token_count": 4,
        "total_token_count": 9,
    }
    assert (usage.thoughts_token_count, usage.cached_content_token_count) == (3, 2)


def test_gemini_pictures(fake: FakeServer) -> None:
    """A picture costs ten tokens and is listed apart."""
    part = genai.types.Part.from_bytes(data=b"x", mime_type="image/png")
    client = genai_client(fake)
    usage = client.models.generate_content(model=GEMINI, contents=[part, "a b"]).usage_metadata

    assert usage is not None
    assert usage.prompt_token_count == 12
    assert [d.modality for d in usage.prompt_tokens_details or []] == ["TEXT", "IMAGE"]


def test_gemini_errors_carry_details(fake: FakeServer) -> None:
    """The daily quota, and the key "bad", are told apart by Google's details."""
    client = genai_client(fake, "bad")
    with pytest.raises(genai.errors.ClientError, match="API_KEY_INVALID"):
        client.models.generate_content(model=GEMINI, contents="a")
    with pytest.raises(Exception, match="PerDay") as caught:
        list(ask_retired(fake, "a #fault=quota", over_grpc=True))

    assert "37" in str(caught.value.details)


def test_structured_answers(fake: FakeServer) -> None:
    """A request with a schema gets JSON that fits it; vLLM's choice gets the first choice."""
    schema = {
        "type": "object",
        "properties": {"label": {"enum": ["x", "y"]}, "notes": {"type": "array"}},
    }
    question: Any = [{"role": "user", "content": "hello you"}]
    local = ollama.Client(fake.url).chat("gemma3:4b", question, format=schema)
    chosen = openai_client(fake).chat.completions.create(
        model=VLLM,
        messages=question,
        extra_body={"structured_outputs": {"choice": ["spam", "ham"]}},
    )

    assert local.message.content == '{"label": "x", "notes": ["hello you"]}'
    assert chosen.choices[0].message.content == "spam"


def test_openai_extras(fake: FakeServer) -> None:
    """Usage comes only when asked for, with log probabilities and reasoning beside the text."""
    chunks = list(
        openai_client(fake).chat.completions.create(
            model=VLLM,
            messages=[{"role": "user", "content": "a b #think=1"}],
            stream=True,
            stream_options={"include_usage": True},
            logprobs=True,
            top_logprobs=2,
        )
    )
    delta = chunks[1].choices[0].delta.model_extra
    logprobs = chunks[2].choices[0].logprobs

    assert delta == {"reasoning": "t1"}
    assert logprobs is not None
    assert logprobs.content is not None
    assert [top.token for top in logprobs.content[0].top_logprobs] == ["a", "a~1"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


def test_model_lists(fake: FakeServer) -> None:
    """Both owners of /v1/models get their own list; Ollama tells what its models can do."""
    client = genai_client(fake)
    names = [model.name for model in client.models.list()]
    local = ollama.Client(fake.url)

    assert f"models/{GEMINI}" in names
    assert VLLM in [model.id for model in openai_client(fake).models.list()]
    assert local.show("llama3.2:3b").capabilities == ["completion"]
    assert "gemma3:4b" in [model.model for model in local.list().models]


def test_refusals(fake: FakeServer) -> None:
    """Unknown models, pictures for a text model and a bad key get the provider's own status."""
    local = ollama.Client(fake.url)
    picture: Any = [{"role": "user", "content": "a", "images": [b"x"]}]
    with pytest.raises(ollama.ResponseError) as missing:
        local.chat("nope", picture)
    with pytest.raises(ollama.ResponseError) as blind:
        local.chat("llama3.2:3b", picture)
    with pytest.raises(openai.AuthenticationError):
        openai_client(fake, "bad").models.list()

    assert (missing.value.status_code, blind.value.status_code) == (404, 400)


def test_ollama_cuts_long_prompts(fake: FakeServer) -> None:
    """A prompt longer than num_ctx is cut silently, to half the window and two."""
    question = [{"role": "user", "content": "w " * 100}]
    answer = ollama.Client(fake.url).chat("gemma3:4b", question, options={"num_ctx": 64})

    assert answer.prompt_eval_count == 34


def test_many_streams_keep_their_pace() -> None:
    """Twenty streams of a hundred words a second run side by side."""
    with FakeServer() as fake, ThreadPoolExecutor(20) as pool:
        client = httpx.Client(base_url=fake.url, timeout=10)
        question = {"role": "user", "content": "#tokens=100 #slow=0.5 #pace=0.01"}
        body = {"model": OLLAMA, "messages": [question]}
        asked = [pool.submit(client.post, "/api/chat", json=body) for _ in range(20)]
        done = [ask.result().text.splitlines() for ask in asked]
    times = [call.finished - call.started for call in fake.calls if call.finished]

    assert fake.max_in_flight == 20
    assert [len(lines) for lines in done] == [101] * 20
    assert min(times) >= 1.5
    assert max(times) < 3.0


def test_closing_with_hanging_calls() -> None:
    """Closing takes less than a second, and nothing answers on the port after it."""
    with ThreadPoolExecutor(4) as pool:
        with FakeServer() as fake:
            asks = [
                pool.submit(lambda: list(ask_openai(fake, "a #fault=hang"))),
                pool.submit(lambda: list(ask_retired(fake, "a #fault=hang", over_grpc=True))),
            ]
            while fake.in_flight < 2:
                time.sleep(0.01)
            closing = time.monotonic()
        closed = time.monotonic()
        errors = [ask.exception() for ask in asks]
    port = int(fake.url.rpartition(":")[2])

    assert closed - closing < 1.0
    assert all(errors)
    assert not any(call.hung_up for call in fake.calls)
    assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
