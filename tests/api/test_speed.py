"""Speed tests over the API: what they answer, refuse, keep and cost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import NOT_ANSWERING, Api, api_with, settings_for
from tests.api.jobs import refusal, until
from tests.api.speedtests import SHORT, ended, fields, idle, start
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA

# A call takes so long that whoever looks sees it run.
SLOW = {"latency_s": 0.3}
UNKNOWN = ["0" * 28, "nope", "%00", "a b"]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with (
        FakeServer(**SLOW) as fake,
        api_with(settings_for(fake, tmp_path_factory.mktemp("slow"))) as client,
    ):
        yield client


def test_a_test_from_start_to_end(api: Api) -> None:
    """202 with the whole object; then the level of each number of streams, with every figure."""
    idle(api)
    answer = api.post("/speedtest", json=SHORT | {"gpu": "RTX 3060 12GB"})
    begun = answer.json()
    found = ended(api, begun["speedtest_id"])

    assert answer.status_code == 202
    assert begun["state"] == "running"
    assert begun["levels"] == []
    assert begun.keys() == found.keys()
    assert found["state"] == "done"
    assert (found["model"], found["engine"]) == (OLLAMA, "Ollama")
    assert (found["gpu"], found["quantisation"]) == ("RTX 3060 12GB", "Q4_K_M")
    assert begun["host"] == found["host"] == api.app.settings.ollama_host[0]
    assert (found["input_tokens"], found["output_tokens"]) == (64, 16)
    assert found["error"] is None
    assert found["finished"] >= found["created"]
    assert [level["streams"] for level in found["levels"]] == found["streams"] == [1, 2]
    for level in found["levels"]:
        assert level["served"] <= level["streams"]
        assert level["calls"] == level["streams"] * level["rounds"]
        for rate in (level["answer_tok_s"], level["prompt_tok_s"]):
            if rate["low"] is not None:  # null where a busy machine left one round to measure
                assert rate["low"] <= rate["value"] <= rate["high"]
        assert 0 < level["ttft_p50_ms"] <= level["ttft_p95_ms"]


def test_tests_are_listed_newest_first(api: Api) -> None:
    """Each whole, as it stands alone."""
    older, newer = start(api), start(api)
    ended(api, newer)
    listed = api.get("/speedtests").json()["speedtests"]

    assert [one["speedtest_id"] for one in listed[:2]] == [newer, older]
    assert listed[0] == fields(api, newer)


def test_streams_are_those_that_suit_the_server(slow: Api) -> None:
    """Left out, so is everything else: the first model that costs nothing, though Gemini's are
    listed before it, 1 to 8 streams, 512 tokens in, 128 out."""
    idle(slow)
    begun = slow.post("/speedtest", json={}).json()
    slow.post(f"/speedtests/{begun['speedtest_id']}/stop")
    vllm = slow.post("/speedtest", json={"model": "vllm/Qwen/Qwen2.5-VL-3B-Instruct"}).json()
    slow.post(f"/speedtests/{vllm['speedtest_id']}/stop")

    assert (begun["model"], begun["streams"]) == (OLLAMA, [1, 2, 4, 8])
    assert (begun["input_tokens"], begun["output_tokens"]) == (512, 128)
    assert vllm["streams"] == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"streams": []}, "streams"),
        ({"streams": [0]}, "streams.0"),
        ({"streams": [1, 65]}, "streams.1"),
        ({"streams": [1.5]}, "streams.0"),
        ({"streams": "1"}, "streams"),
        ({"streams": list(range(1, 10))}, "streams"),
        ({"input_tokens": 15}, "input_tokens"),
        ({"input_tokens": True}, "input_tokens"),
        ({"output_tokens": 4097}, "output_tokens"),
        ({"output_tokens": "128"}, "output_tokens"),
        ({"gpu": "x" * 101}, "gpu"),
        ({"host": 1}, "host"),
        ({"host": "x" * 301}, "host"),
        ({"host": "http://127.0.0.1"}, "host"),
        ({"host": "http://10.0.0.2:11434", "model": OLLAMA}, "host"),
        ({"model": 1}, "model"),
        ({"stream": [1]}, "stream"),
        ([], "body"),
    ],
)
def test_a_wrong_body_names_its_field(api: Api, body: Any, field: str) -> None:
    """Nothing is begun; the message begins with the field."""
    before = len(api.get("/speedtests").json()["speedtests"])
    answer = api.post("/speedtest", json=body)

    assert refusal(answer) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith(f"{field}:")
    assert len(api.get("/speedtests").json()["speedtests"]) == before


def test_one_of_several_servers(fake: FakeServer, tmp_path: Path) -> None:
    """The one that was named is measured; one that lacks the model is refused."""
    with FakeServer() as second:
        del second.ollama.installed["llama3.2:3b"]
        settings = settings_for(fake, tmp_path, ollama_host=f"{fake.url},{second.url}")
        with api_with(settings) as api:
            found = ended(api, start(api, host=second.url, streams=[1]))
            lacking = {"model": "ollama/llama3.2:3b", "host": second.url}
            refused = api.post("/speedtest", json=SHORT | lacking)

    assert (found["state"], found["host"]) == ("done", second.url)
    assert len(second.asked) == found["calls"]
    assert refusal(refused) == (422, "bad_input")
    assert refused.json()["error"]["message"].startswith("host: ")


@pytest.mark.parametrize(("model", "status", "code"), NOT_ANSWERING)
def test_a_model_that_cannot_be_asked(api: Api, model: str, status: int, code: str) -> None:
    """Says at once what every other call says of it."""
    assert refusal(api.post("/speedtest", json={"model": model})) == (status, code)


def test_one_at_a_time(slow: Api) -> None:
    """A second one is refused while one runs, with what to do."""
    test = start(slow)
    answer = slow.post("/speedtest", json=SHORT)
    slow.post(f"/speedtests/{test}/stop")

    assert refusal(answer) == (503, "busy")
    assert "stop" in answer.json()["error"]["hint"]


def test_a_stopped_test_ends_at_once(slow: Api) -> None:
    """It says so, and stopping it again changes nothing."""
    test = start(slow)
    until(lambda: fields(slow, test)["now"], "the first round")
    stopped = slow.post(f"/speedtests/{test}/stop")

    assert stopped.status_code == 200
    assert stopped.json()["state"] == "stopped"
    assert stopped.json()["now"] is None
    assert slow.post(f"/speedtests/{test}/stop").json() == fields(slow, test) == stopped.json()


def test_a_deleted_test_is_gone(api: Api) -> None:
    """Its calls stay in the ledger."""
    test = start(api)
    calls = ended(api, test)["calls"]
    gone = api.delete(f"/speedtests/{test}")

    assert gone.json() == {"deleted": test}
    assert api.get(f"/speedtests/{test}").status_code == 404
    made = [row for row in api.app.ledger.rows() if row["source"] == "speedtest"]
    assert len(made) >= calls


@pytest.mark.parametrize("test", UNKNOWN)
def test_an_unknown_test_is_not_found(api: Api, test: str) -> None:
    """Whatever stands in the path, for every verb."""
    answers = [
        api.get(f"/speedtests/{test}"),
        api.post(f"/speedtests/{test}/stop"),
        api.delete(f"/speedtests/{test}"),
    ]

    assert [refusal(answer) for answer in answers] == [(404, "not_found")] * 3


def test_what_it_costs_counts_against_the_budget(fake: FakeServer, tmp_path: Path) -> None:
    """A test that could exceed the month's budget fails and says so; it is a call like others."""
    settings = settings_for(fake, tmp_path, monthly_budget_usd="0.0001")
    with api_with(settings) as api:
        found = ended(api, start(api, model=GEMINI, input_tokens=2000))

    assert found["state"] == "failed"
    assert found["error"]["code"] == "over_budget"
    assert found["error"]["hint"]
    assert found["levels"] == []
