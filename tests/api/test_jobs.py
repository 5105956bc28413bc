"""Jobs from outside: the shape of a job, the list, what is asked, how an answer becomes a label."""

import json
from datetime import UTC, datetime

import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    LABELS,
    calls_of,
    column,
    csv_of,
    ended,
    fields,
    post,
    refusal,
    rows_of,
    run,
    steer,
    submit,
)
from tests.fakes import FakeServer

ODD_TEXTS = (
    " leading and trailing  ", "tab\there", "two\r\nlines\n", 'quotes "\' \\ back', "<b>&amp;</b>",
    "=1+1", "0", "null", "ünï 漢字 🎉 \u200b", "\u2028", "{\"id\": 1, \"text\": \"x\"}",
    "long " * 4000,
)  # fmt: skip
MODELS = ("gemini/gemini-3.1-flash-lite", "ollama/gemma3:4b", "vllm/Qwen/Qwen3-4B")


def test_a_job_has_the_fields_of_the_contract(api: Api) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    found, rows = run(api, csv_of("shape GOOD", "shape BAD"))

    assert found.keys() >= {
        "job_id", "state", "rows_total", "rows_done", "rows_failed", "calls", "usage", "cost_usd",
        "rows_per_s", "eta_s", "created", "finished", "error",
    }  # fmt: skip
    counts = ("rows_total", "rows_done", "rows_failed", "calls")
    assert [found[name] for name in counts] == [2, 2, 0, 2]
    assert found["usage"].keys() == {
        "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "total_tokens"
    }  # fmt: skip
    usage = found["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert found["cost_usd"] > 0
    assert found["rows_per_s"] > 0
    assert (found["eta_s"], found["error"]) == (None, None)
    created, finished = (datetime.fromisoformat(found[name]) for name in ("created", "finished"))
    assert before <= created <= finished <= datetime.now(UTC)
    assert column(rows, "label") == ["GOOD", "BAD"]
    assert column(rows, "model") == [found["model"]] * 2
    assert api.get(f"/jobs/{found['job_id']}").json() == found


def test_jobs_are_listed_newest_first(api: Api) -> None:
    jobs = [submit(api, csv_of(f"listed {n}")) for n in range(3)]
    for job in jobs:
        ended(api, job)

    listed = api.get("/jobs").json()
    assert list(listed) == ["jobs"]
    assert column(listed["jobs"], "job_id")[:3] == jobs[::-1]
    assert listed["jobs"][0] == fields(api, jobs[2])


@pytest.mark.parametrize("job", ["nope", "18ea74912831458d8799516ba80e", "%00", "'--", "x" * 3000])
def test_an_unknown_job_is_not_found_by_any_call(api: Api, job: str) -> None:
    looks = [api.get(f"/jobs/{job}{rest}") for rest in ("", "/results", "/evaluation")]
    steps = [steer(api, job, verb) for verb in ("pause", "resume", "cancel", "retry")]

    assert [refusal(answer) for answer in looks + steps] == [(404, "not_found")] * 7


def test_without_the_password_no_call_answers(api: Api) -> None:
    job = submit(api, csv_of("behind the gate"))
    nobody = {"Authorization": ""}
    gets = ("/jobs", f"/jobs/{job}", f"/jobs/{job}/results", f"/jobs/{job}/evaluation")
    posts = ["/jobs", "/classify"]
    posts += [f"/jobs/{job}/{verb}" for verb in ("pause", "resume", "cancel", "retry")]
    answers = [api.get(path, headers=nobody) for path in gets]
    answers += [api.post(path, headers=nobody) for path in posts]

    assert {refusal(answer) for answer in answers} == {(401, "unauthorized")}
    ended(api, job)


def test_the_calls_are_in_the_description_of_the_api(api: Api) -> None:
    paths = api.get("/openapi.json").json()["paths"]

    assert {"get", "post"} <= paths["/jobs"].keys()
    for rest in ("", "/results", "/evaluation"):
        assert "get" in paths["/jobs/{job_id}" + rest]
    for verb in ("pause", "resume", "cancel", "retry"):
        assert "post" in paths["/jobs/{job_id}/" + verb]
    form = paths["/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"].keys() == {"file", "spec"}
    assert "202" in paths["/jobs"]["post"]["responses"]
    assert "post" in paths["/classify"]


def test_a_file_over_the_limit_is_too_large(api: Api) -> None:
    answer = post(api, b"text\n" + b"x" * 6_000_000, {"text_column": "text", "labels": LABELS})

    assert refusal(answer) == (413, "too_large")


@pytest.mark.parametrize("name", ["x" * 255, "../../etc/passwd", "\u202e.csv", "no ending"])
def test_no_name_of_a_file_does_harm(api: Api, name: str) -> None:
    found = ended(api, submit(api, csv_of("a name"), name=name))

    assert found["rows_done"] == 1
    assert len(found["name"]) <= 200


@pytest.mark.parametrize("model", MODELS)
def test_a_prompt_holds_the_text_unchanged(api: Api, fake: FakeServer, model: str) -> None:
    texts = [f"{text} for {model}" for text in ODD_TEXTS]
    lines = "\n".join(json.dumps({"text": text}) for text in texts).encode()
    found, rows = run(api, lines, model=model)

    assert found["rows_failed"] == 0
    assert [fake.texts.get(text) for text in texts] == [1] * len(texts)
    assert column(rows, "model") == [model] * len(texts)
    assert column(rows, "text") == texts


@pytest.mark.parametrize("model", MODELS)
def test_every_row_of_a_pack_follows_its_id(api: Api, fake: FakeServer, model: str) -> None:
    texts = [f"{text} packed for {model}" for text in ODD_TEXTS]
    lines = "\n".join(json.dumps({"text": text}) for text in texts).encode()
    found, _ = run(api, lines, model=model, rows_per_request=5, concurrency=1)

    assert (found["rows_failed"], found["calls"]) == (0, 3)
    assert [fake.texts.get(text) for text in texts] == [1] * len(texts)


SAID = {
    "GOOD": "GOOD", "good": "GOOD", "_GOOD_": "GOOD", '"GOOD"': "GOOD", "'Good'": "GOOD",
    "**good**": "GOOD", "`GOOD`": "GOOD", "GOOD.": "GOOD", '**"bad"**.': "BAD", "“Bad”": "BAD",
    "very_bad": "very bad", "VERY_BAD.": "very bad",
    "GOOD_BAD": None, "not_GOOD": None, "GOOD!": None, "GOOD,": None, "G": None, "GOODBAD": None,
    "Label:_GOOD": None,
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_is_a_label_or_an_error(api: Api, model: str) -> None:
    """Blanks, quotes, marks, a final stop and case apart it must equal exactly one label."""
    texts = [f"said #say={said}" for said in SAID]
    labels = [*LABELS, "very bad"]
    _, rows = run(api, csv_of(*texts), labels=labels, model=model)

    assert dict(zip(SAID, column(rows, "label"), strict=True)) == SAID
    errors = [None if label else "bad_reply" for label in SAID.values()]
    assert column(rows, "error") == errors


def test_labels_come_back_as_the_spec_writes_them(api: Api) -> None:
    labels = ["It's *odd*", "Straße.", "  padded  ", "ÉTÉ"]
    said = ["it's_*ODD*", "STRASSE", "PADDED", "été"]
    _, rows = run(api, csv_of(*(f"as written #say={one}" for one in said)), labels=labels)

    assert column(rows, "label") == labels


@pytest.mark.parametrize("fault", ["missing", "twice", "stranger", "shuffle", "invalid"])
def test_a_spoilt_item_is_asked_again_and_never_shifts_the_others(
    api: Api, fake: FakeServer, fault: str
) -> None:
    texts = [f"{fault} {n} {LABELS[n % 2]}" for n in range(12)]
    texts[4] += f" #pack={fault}"
    _, rows = run(api, csv_of(*texts), rows_per_request=6, concurrency=1)

    assert column(rows, "label") == [LABELS[n % 2] for n in range(12)]
    assert column(rows, "error") == [None] * 12
    again = fault not in ("stranger", "shuffle")
    assert [fake.texts[text] for text in texts] == [1 + (n == 4 and again) for n in range(12)]


def test_packs_survive_a_call_that_fails_as_a_whole(api: Api) -> None:
    """Refused, cut off, broken or invalid as a whole: its rows are asked again."""
    faults = ("safety", "cut", "broken_json", "bad_request", "no_candidates", "unavailable")
    wanted, jobs = ["GOOD", "BAD", "GOOD"], []
    for model in MODELS:
        texts = [f"{fault} in {model} {n} {wanted[n]}" for fault in faults for n in range(3)]
        texts[::3] = [f"{text} #once={text.split()[0]}" for text in texts[::3]]
        jobs.append(submit(api, csv_of(*texts), rows_per_request=3, model=model))

    for job in jobs:
        found = ended(api, job)
        assert column(rows_of(api, job), "label") == wanted * len(faults)
        assert found["calls"] == len(calls_of(api, job)) > len(faults)


def test_confidence_is_a_probability_where_the_server_gives_one(api: Api) -> None:
    sure = [run(api, csv_of("sure GOOD"), model=model)[1][0]["confidence"] for model in MODELS]

    assert sure[0] is None
    assert sure[1:] == pytest.approx([0.9048374, 0.9048374])


def test_examples_instruction_and_descriptions_reach_the_model(api: Api, fake: FakeServer) -> None:
    labels = [{"name": "GOOD", "description": "pleases the reader"}, "BAD"]
    examples = [{"text": "shown before", "label": "BAD"}]
    for pack in (1, 2):
        texts = [f"with all {pack}", f"and more {pack}"]
        asked = {"labels": labels, "examples": examples, "instruction": "Judge the mood."}
        run(api, csv_of(*texts), rows_per_request=pack, model="ollama/gemma3:4b", **asked)
        sent = json.dumps(fake.asked[-1].body)

        for part in ("pleases the reader", "shown before", "Judge the mood.", "GOOD", "BAD"):
            assert part in sent


def test_a_deleted_job_is_gone_and_its_calls_stay(api: Api) -> None:
    found, _ = run(api, csv_of("to be deleted"))
    job = found["job_id"]

    assert api.delete(f"/jobs/{job}").status_code == 200
    assert refusal(api.get(f"/jobs/{job}")) == (404, "not_found")
    assert job not in column(api.get("/jobs").json()["jobs"], "job_id")
    assert [call["source"] for call in calls_of(api, job)] == ["job"]
    assert refusal(api.delete(f"/jobs/{job}")) == (404, "not_found")


def test_rows_are_read_while_the_job_runs(api: Api) -> None:
    job = submit(api, csv_of("slow GOOD #slow=0.5"))

    assert rows_of(api, job)[0].keys() >= {"text", "label", "error"}
    assert fields(api, job)["state"] in ("queued", "running")
    assert ended(api, job)["rows_done"] == 1
