"""Results: the input's columns and what came of each row, in four formats and in any state."""

import csv
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.conftest import Api
from tests.api.jobs import (
    LABELS,
    RESULT_COLUMNS,
    column,
    csv_of,
    ended,
    fields,
    refusal,
    run,
    steer,
    submit,
)
from tests.unit.nasty_archives import parquet

FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/",
    "parquet": "application/",
}
TEXTS = ["first GOOD", "second BAD", "", 'third, "quoted" GOOD\nand more']
RISKY = ["=1+1", "+49 30 1", "-x", "@home", "\tx", "\rx", "--5"]
HARMLESS = ["-5", "+1", "-1.5e3", "5", "a=b", " =x", "007"]


@pytest.fixture(scope="module")
def job(api: Api) -> str:
    numbers = [str(n) for n in range(len(TEXTS))]
    return str(run(api, csv_of(*TEXTS, id=numbers))[0]["job_id"])


def fetched(api: Api, job: str, form: str) -> httpx2.Response:
    answer = api.get(f"/jobs/{job}/results", params={"format": form})
    assert answer.status_code == 200, answer.text
    return answer


def read(api: Api, job: str, form: str) -> list[list[Any]]:
    """Header and rows of the results in any format, as a program reads them."""
    data = fetched(api, job, form).content
    if form == "csv":
        return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    if form == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        return [list(row) for row in sheet.iter_rows(values_only=True)]
    if form == "parquet":
        table = pq.read_table(pa.BufferReader(data))
        return [table.column_names, *([*row.values()] for row in table.to_pylist())]
    lines = [json.loads(line) for line in data.decode("utf-8").splitlines()]
    return [list(lines[0]), *([*line.values()] for line in lines)]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_the_inputs_columns_then_its_own(api: Api, job: str, form: str) -> None:
    header, *rows = read(api, job, form)

    assert header == ["text", "id", *RESULT_COLUMNS]
    assert [str(row[1]) for row in rows] == ["0", "1", "2", "3"], "input order"
    assert [row[0] or "" for row in rows] == TEXTS
    nothing = "" if form == "csv" else None
    assert [row[2] for row in rows] == ["GOOD", "BAD", nothing, "GOOD"]
    assert [row[4] for row in rows] == [nothing, nothing, "bad_input", nothing]


@pytest.mark.parametrize(("form", "kind"), FORMATS.items())
def test_a_format_is_a_file_of_its_kind(api: Api, job: str, form: str, kind: str) -> None:
    answer = fetched(api, job, form)

    assert answer.headers["content-type"].startswith(kind)
    assert "attachment" in answer.headers["content-disposition"]
    assert form in answer.headers["content-disposition"]
    assert int(answer.headers["content-length"]) == len(answer.content) > 0


@pytest.mark.parametrize("form", FORMATS)
def test_numbers_are_numbers_and_the_model_is_its_full_id(api: Api, job: str, form: str) -> None:
    header, first, *_ = read(api, job, form)
    row = dict(zip(header, first, strict=True))
    model = api.get("/models").json()["default"]

    assert row["model"] == model
    assert int(row["input_tokens"]) > 0
    assert int(row["output_tokens"]) > 0
    assert 0 < float(row["cost_usd"]) < 0.01
    assert float(row["latency_ms"]) > 0
    if form != "csv":
        for name in ("input_tokens", "output_tokens", "cost_usd", "latency_ms"):
            assert isinstance(row[name], int | float)


def test_csv_is_the_default_and_follows_rfc_4180(api: Api, job: str) -> None:
    answer = api.get(f"/jobs/{job}/results")

    assert answer.content == fetched(api, job, "csv").content
    assert answer.content.startswith(b"text,id,label,")
    assert b'"third, ""quoted"" GOOD\nand more",3,GOOD,,,' in answer.content
    assert answer.content.count(b"\r\n") == 1 + len(TEXTS)


@pytest.mark.parametrize("form", ["", "CSV", "ods", "../csv", "json"])
def test_an_unknown_format_is_bad_input(api: Api, job: str, form: str) -> None:
    answer = api.get(f"/jobs/{job}/results", params={"format": form})

    assert refusal(answer) == (422, "bad_input")
    assert "format" in answer.json()["error"]["message"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_column_of_the_input_keeps_its_name(api: Api, form: str) -> None:
    data = csv_of("named GOOD", label=["mine"], error=["also mine"])
    found = submit(api, data)
    ended(api, found)
    header, row = read(api, found, form)

    assert header[:3] == ["text", "label", "error"]
    assert header[3:6] == ["result_label", "confidence", "result_error"]
    assert header[6:] == list(RESULT_COLUMNS[3:])
    assert row[:4] == ["named GOOD", "mine", "also mine", "GOOD"]


def test_no_cell_becomes_a_formula_and_plain_numbers_stay(api: Api) -> None:
    lines = [json.dumps({"text": text, "=head": "x"}) for text in [*RISKY, *HARMLESS]]
    job = submit(api, "\n".join(lines).encode(), labels=["=GOOD", "BAD"])
    ended(api, job)

    for form in ("csv", "xlsx"):
        header, *rows = read(api, job, form)
        cells = [row[0].replace("\n", "\r") for row in rows]
        assert cells == [f"'{text}" for text in RISKY] + HARMLESS
        assert header[1] == "'=head"
        assert {row[2] for row in rows} == {"'=GOOD"}
    for form in ("jsonl", "parquet"):
        header, *rows = read(api, job, form)
        assert [row[0] for row in rows] == RISKY + HARMLESS
        assert (header[1], {row[2] for row in rows}) == ("=head", {"=GOOD"})


def test_a_workbook_drops_controls_and_cuts_long_cells(api: Api) -> None:
    texts = ["a\x00b\x07c", "y" * 40_000]
    job = submit(api, "\n".join(json.dumps({"text": text}) for text in texts).encode())
    ended(api, job)

    assert [row[0] for row in read(api, job, "xlsx")[1:]] == ["abc", "y" * 32_767]
    assert [row[0] for row in read(api, job, "jsonl")[1:]] == texts


def test_jsonl_keeps_nesting_and_big_integers(api: Api) -> None:
    line = {"text": "deep GOOD", "a": {"b": [1, None, {"c": 1.5}]}, "n": 123456789012345678901234}
    job = submit(api, json.dumps(line).encode())
    ended(api, job)
    (found,) = [json.loads(one) for one in fetched(api, job, "jsonl").text.splitlines()]

    assert {name: found[name] for name in line} == line


def test_parquet_keeps_the_inputs_types(api: Api) -> None:
    columns = {"text": ["typed GOOD"], "small": pa.array([7], pa.int16()), "flag": [True]}
    job = submit(api, parquet(**columns))
    ended(api, job)
    schema = pq.read_schema(pa.BufferReader(fetched(api, job, "parquet").content))

    assert schema.field("small").type == pa.int16()
    assert schema.field("flag").type == pa.bool_()
    assert pa.types.is_floating(schema.field("latency_ms").type)
    assert pa.types.is_integer(schema.field("input_tokens").type)


def test_results_are_there_in_any_state(api: Api) -> None:
    running = submit(api, csv_of("runs #slow=1.5", "and waits"), concurrency=1)
    broke = submit(api, csv_of("broke"), budget_usd=1e-9)
    failed = submit(api, csv_of("bad #fault=bad_key", "not asked"), concurrency=1)
    ended(api, broke, "over_budget")
    ended(api, failed, "failed")

    for job in (running, broke, failed):
        for form in FORMATS:
            header, *rows = read(api, job, form)
            assert header == ["text", *RESULT_COLUMNS]
            assert len(rows) == fields(api, job)["rows_total"]
            nothing = "" if form == "csv" else None
            assert rows[-1][1:] == [nothing] * 8
            assert rows[0][1] == rows[0][3] == nothing
    assert steer(api, running, "cancel").json()["state"] == "cancelled"


def test_columns_of_all_nulls_are_read_again_as_a_job(api: Api, job: str) -> None:
    """Results are files of rows like any other: a second job over them works."""
    for form in FORMATS:
        again = submit(api, fetched(api, job, form).content, labels=LABELS)
        assert ended(api, again)["rows_total"] == len(TEXTS)
        header, *_ = read(api, again, "jsonl")
        assert header.count("result_label") == 1
    assert column([fields(api, job)], "state") == ["done"]


@pytest.mark.parametrize("form", FORMATS)
def test_results_leave_the_room_that_is_kept(
    api: Api, job: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk as good as full: a refusal that says so, nothing left behind, and no 500."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    full = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    answer = api.get(f"/jobs/{job}/results", params={"format": form})

    assert refusal(answer) == (503, "storage_failed")
    assert list(tmp_path.iterdir()) == []
