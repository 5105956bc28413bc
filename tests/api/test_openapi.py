"""/api/openapi.json: every call is described with examples, and the description is true."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from lib.core.errors import AppError
from lib.web.openapi import operations
from tests.api import jobs, speedtests
from tests.api.conftest import Api, api_with, settings_for
from tests.api.pictures import picture
from tests.fakes import FakeServer

Spec = dict[str, Any]
CALLS = [
    "list_models", "chat", "vision", "classify", "create_job", "list_jobs", "get_job",
    "get_job_results", "get_job_evaluation", "get_job_manifest", "pause_job", "resume_job",
    "cancel_job", "retry_job", "delete_job", "estimate", "list_claims", "start_speed_test",
    "list_speed_tests", "get_speed_test", "stop_speed_test", "delete_speed_test", "get_usage",
    "get_usage_log", "openai_models", "openai_model", "openai_chat",
]  # fmt: skip


@pytest.fixture(scope="module")
def api(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = settings_for(fake, tmp_path_factory.mktemp("openapi"), monthly_budget_usd=50)
    with api_with(settings) as client:
        yield client


@pytest.fixture(scope="module")
def spec(api: Api) -> Spec:
    return dict(api.get("/openapi.json").json())


def find(spec: Spec, call: str) -> tuple[str, str, Spec]:
    """(method, path, operation) of an operationId."""
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] == call:
                return method, path, operation
    raise AssertionError(f"{call} is not described")


def good(operation: Spec) -> tuple[int, Spec]:
    """Status and description of the answer of a call that went well."""
    found = [(int(s), one) for s, one in operation["responses"].items() if s.startswith("2")]
    assert len(found) == 1
    return found[0]


def misfits(spec: Spec, schema: Spec, value: Any) -> list[str]:
    """What is wrong with a value; a key that is not described is wrong too."""
    described = {"components": closed(spec["components"])}
    validator = Draft202012Validator(described | schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def closed(part: Any) -> Any:
    """The same schemas, allowing no properties but those they name."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: closed(one) for name, one in part.items()}
    if part.get("type") == "object" and "properties" in part:
        found.setdefault("additionalProperties", False)
    return found


def request(api: Api, spec: Spec, call: str, ids: dict[str, str]) -> httpx2.Response:
    """The example of a call, sent; `ids` stand in for those of the example's path, and a file for
    an address that no test may fetch."""
    method, path, operation = find(spec, call)
    sent: dict[str, Any] = {}
    query = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            value = ids.get(parameter["name"], parameter["example"])
            path = path.replace(f"{{{parameter['name']}}}", value)
        elif "example" in parameter:
            query[parameter["name"]] = parameter["example"]
    content = operation.get("requestBody", {}).get("content", {})
    if "example" in content.get("application/json", {}):
        sent["json"] = content["application/json"]["example"]
    if form := content.get("multipart/form-data", {}).get("example"):
        sent["files"] = {"file": ("reviews.csv", form["file"].encode())}
        sent["data"] = {"spec": json.dumps(form["spec"])}
    if call == "vision":
        del query["image_url"]
        sent["files"] = {"image": picture()}
    return api.request(method, path, params=query, **sent)


def job_for(api: Api, call: str) -> str:
    """A job in a state that fits the call."""
    running = call in ("pause_job", "resume_job", "cancel_job")
    texts = [f"{n} #slow=1" if running else f"{n}" for n in range(3)]
    job = jobs.submit(api, jobs.csv_of(*texts, gold=["GOOD"] * 3), gold_column="gold")
    if call == "resume_job":
        jobs.steer(api, job, "pause")
    elif not running:
        jobs.ended(api, job)
    return job


def ids_for(api: Api, path: str, call: str) -> dict[str, str]:
    """What a path's parameters are to name, made for this call."""
    if "{job_id}" in path:
        return {"job_id": job_for(api, call)}
    if "{speedtest_id}" in path:
        return {"speedtest_id": speedtests.start(api)}
    return {}


def test_the_list_of_calls_is_whole(spec: Spec) -> None:
    """A call that is added is added here too, so that the tests below look at it."""
    assert sorted(one["operationId"] for one in operations(spec)) == sorted(CALLS)
    assert spec["servers"] == [{"url": "/api"}]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_described(spec: Spec, call: str) -> None:
    """Summary, text, a tag the document explains, errors in their shape, answer and examples."""
    _, _, operation = find(spec, call)
    _, answer = good(operation)

    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in spec["tags"]}
    assert {"401", "403", "429", "503"} <= operation["responses"].keys()
    for kind, media in answer["content"].items():
        assert media.keys() & {"schema", "itemSchema"}, kind
    assert any("example" in media for media in answer["content"].values())
    for media in operation.get("requestBody", {}).get("content", {}).values():
        assert "schema" in media
    asked = [*operation.get("parameters", ()), *_contents(operation.get("requestBody", {}))]
    assert not asked or any("example" in one for one in asked)


@pytest.mark.parametrize("call", CALLS)
def test_examples_fit_their_schemas(spec: Spec, call: str) -> None:
    """What the document shows is what it describes, errors included."""
    _, _, operation = find(spec, call)
    shown = [*operation.get("parameters", ()), *_contents(operation.get("requestBody", {}))]
    for answer in operation["responses"].values():
        shown += [media for kind, media in answer["content"].items() if kind.endswith("json")]
    for media in shown:
        examples = [one["value"] for one in media.get("examples", {}).values()]
        for example in [*examples, *([media["example"]] if "example" in media else [])]:
            assert misfits(spec, media["schema"], example) == []


@pytest.mark.parametrize("call", CALLS)
def test_the_example_works_and_its_answer_is_as_described(api: Api, spec: Spec, call: str) -> None:
    """Each example, sent to the running API, gets the 2xx it is described with, and nothing in the
    answer is left undescribed."""
    answer = request(api, spec, call, ids_for(api, find(spec, call)[1], call))
    status, described = good(find(spec, call)[2])
    kind = answer.headers["content-type"].partition(";")[0]

    assert answer.status_code == status, answer.text
    assert kind in described["content"]
    if kind == "application/json":
        assert misfits(spec, described["content"][kind]["schema"], answer.json()) == []


def test_events_are_as_described(api: Api, spec: Spec) -> None:
    """Texts, the receipt and an error in mid-stream are the three events the document has."""
    stream = good(find(spec, "chat")[2])[1]["content"]["text/event-stream"]
    event = stream["itemSchema"]["properties"]["data"]["contentSchema"]
    for message in ("one two", "one two three four #pace=0.1 #fault=reset"):
        answer = api.post("/chat", json={"message": message, "stream": True})
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line]

        assert len(events) > 1
        assert [misfits(spec, event, one) for one in events] == [[]] * len(events)
        assert misfits(spec, event, {"text": "x", "odd": 1}) != []


def test_errors_are_as_described(api: Api, spec: Spec) -> None:
    """An error has the documented shape, and its code stands under its status."""
    for call, body in [("chat", {}), ("chat", {"message": "x", "model": "nope"}), ("estimate", {})]:
        method, path, operation = find(spec, call)
        answer = api.request(method, path, json=body)
        media = operation["responses"][str(answer.status_code)]["content"]["application/json"]

        assert misfits(spec, media["schema"], answer.json()) == []
        assert answer.json()["error"]["code"] in media["examples"]


def test_every_error_of_the_tree_is_described_somewhere(spec: Spec) -> None:
    """Each code a caller can meet stands at some call, under the status it comes with."""
    told = set()
    for operation in operations(spec):
        for status, answer in operation["responses"].items():
            examples = answer["content"].get("application/json", {}).get("examples", {})
            told |= {(int(status), code) for code in examples}

    assert {(kind.status, kind.code) for kind in _kinds(AppError)} - told <= {(502, "bad_reply")}


def test_the_login_is_described(spec: Spec) -> None:
    """Every call wants the bearer token, and the text says how it is sent."""
    assert spec["security"] == [{"password": []}]
    assert spec["components"]["securitySchemes"]["password"]["scheme"] == "bearer"
    assert re.search("Authorization: Bearer", spec["info"]["description"])


def _contents(part: Spec) -> list[Spec]:
    return list(part.get("content", {}).values())


def _kinds(kind: type[AppError]) -> Iterator[type[AppError]]:
    """The errors of core: what the web adds has statuses of its own."""
    for one in kind.__subclasses__():
        if one.__module__ == "lib.core.errors":
            if "status" in vars(one) or "code" in vars(one):
                yield one
            yield from _kinds(one)
