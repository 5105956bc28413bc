"""Errors under /api/v1: the client's own exceptions, OpenAI's shape, from every layer."""

import httpx2
import openai
import pytest
from huggingface_hub.errors import HfHubHTTPError

from tests.api.conftest import NOT_ANSWERING, Api, api_with, openai_client, settings_for
from tests.api.openai_clients import (
    COMPLETIONS,
    HELLO,
    error_of,
    hugging_face_client,
    said,
)
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "status", "code", "kind"),
    [
        ("rate_limited", 429, "rate_limited", openai.RateLimitError),
        ("quota", 429, "quota_exhausted", openai.RateLimitError),
        ("bad_key", 502, "auth_failed", openai.InternalServerError),
        ("missing", 404, "model_missing", openai.NotFoundError),
        ("bad_request", 422, "bad_input", openai.UnprocessableEntityError),
        ("unavailable", 502, "unreachable", openai.InternalServerError),
        ("html500", 502, "bad_reply", openai.InternalServerError),
        ("hang", 504, "timed_out", openai.InternalServerError),
    ],
)
def test_a_providers_fault_is_the_clients_exception(
    client: openai.OpenAI,
    fault: str,
    status: int,
    code: str,
    kind: type[openai.APIStatusError],
    streamed: bool,
) -> None:
    """Streamed or not, as long as no word was said; nothing of the provider shows through."""
    messages = said(f"x #fault={fault}")
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=GEMINI, messages=messages, stream=streamed)

    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert "SECRET" not in caught.value.response.text
    assert "127.0.0.1" not in caught.value.response.text


def test_a_client_is_told_when_to_come_back(api: Api) -> None:
    """In the header that OpenAI's clients obey."""
    body = {"model": GEMINI, "messages": said("x #fault=rate_limited")}
    answer = api.post(COMPLETIONS, json=body)

    assert answer.headers["retry-after"] == "37"
    assert error_of(answer)["type"] == "rate_limit_error"
    assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize("fault", ["quota", "bad_key"])
def test_a_client_does_not_repeat_what_cannot_help(api: Api, fake: FakeServer, fault: str) -> None:
    """OpenAI's client repeats every 429 and 5xx twice, unless it is told not to."""
    before = len(fake.asked)
    with openai_client(api, max_retries=2) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model=GEMINI, messages=said(f"x #fault={fault}"))

    assert len(fake.asked) == before + 1


@pytest.mark.parametrize(("model", "status", "code"), NOT_ANSWERING)
def test_models_that_cannot_answer(
    client: openai.OpenAI, model: str, status: int, code: str
) -> None:
    """A model that is not there is told from a provider that is not set up."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, messages=HELLO)

    assert (caught.value.status_code, caught.value.code) == (status, code)


def test_a_wrong_key_is_an_authentication_error(api: Api) -> None:
    """The gate's refusal is readable for the client, too."""
    wrong = openai_client(api, api_key="wrong")
    with wrong, pytest.raises(openai.AuthenticationError) as caught:
        wrong.models.list()

    assert caught.value.code == "unauthorized"
    assert caught.value.type == "authentication_error"
    assert "APP_PASSWORD" in caught.value.message
    assert caught.value.response.headers["www-authenticate"] == "Bearer"


def test_the_budget_refuses_before_anything_is_sent(fake: FakeServer, tmp_path) -> None:
    """402 is no exception of its own, but has its status and code; the client does not repeat."""
    settings = settings_for(fake, tmp_path, monthly_budget_usd="0.001")
    with api_with(settings) as api, openai_client(api) as client:
        asked = len(fake.asked)
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=GEMINI, messages=HELLO, max_tokens=2000)

    assert (caught.value.status_code, caught.value.code) == (402, "over_budget")
    assert caught.value.type == "insufficient_quota"
    assert len(fake.asked) == asked


def test_a_body_over_the_limit_is_too_large(api: Api, client: openai.OpenAI) -> None:
    """The shell's refusal is in OpenAI's shape as well."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=GEMINI, messages=said("x" * 6_000_000))

    assert (caught.value.status_code, caught.value.code) == (413, "too_large")


def test_hugging_faces_client_says_what_is_wrong(api: Api) -> None:
    """Its exception carries our message."""
    with hugging_face_client(api) as hub, pytest.raises(HfHubHTTPError) as caught:
        hub.chat_completion(HELLO, model="nope")

    assert caught.value.response.status_code == 404
    assert "nope" in str(caught.value)


def test_other_paths_keep_our_own_shape(api: Api) -> None:
    """The dialect is that of the path."""
    ours = httpx2.get(f"{api.base_url}models")
    theirs = httpx2.get(f"{api.base_url}v1/models")

    assert (ours.status_code, theirs.status_code) == (401, 401)
    assert set(ours.json()["error"]) == {"code", "message", "hint"}
    assert error_of(theirs)["code"] == "unauthorized"
