"""Jobs over the JSON API: upload, look, steer, fetch; and small lists answered at once."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any, BinaryIO, cast

import anyio
from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from lib.core import spec
from lib.core.errors import BadInput, TooLarge
from lib.core.evaluation import Evaluation
from lib.store.jobs import Job
from lib.store.result_files import FORMATS
from lib.web.spec_schema import SPEC
from lib.work.app import App
from lib.work.chats import usage_facts
from lib.work.jobs import JobDesk

PART_BYTES = 2**18
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
MOST_SPEC_BYTES = 1_000_000

Run = Callable[..., Awaitable[Any]]


def job_routes(app: App, desk: JobDesk, problems: Any) -> APIRouter:
    routes = APIRouter(responses=problems)
    # Threads of their own, and others for whole files: those may take seconds.
    _add_files(routes, _runner(4), app, desk)
    run = _runner(4)
    _add_looking(routes, run, app, desk)
    _add_steering(routes, run, desk)
    return routes


def _runner(threads: int) -> Run:
    pool = anyio.CapacityLimiter(threads)

    async def run(verb: Callable[..., Any], *args: Any) -> Any:
        return await anyio.to_thread.run_sync(partial(verb, *args), limiter=pool)

    return run


@asynccontextmanager
async def _whole_form(http: HttpRequest) -> AsyncIterator[FormData]:
    try:
        async with http.form(max_files=2, max_fields=5) as form:
            yield form
    except ClientDisconnect:
        raise BadInput("The upload broke off.") from None  # nobody reads it; the log stays clean


def _add_files(routes: APIRouter, run: Run, app: App, desk: JobDesk) -> None:
    @routes.post("/jobs", status_code=202, openapi_extra=_UPLOAD)
    async def create(http: HttpRequest) -> dict[str, str]:
        """Classify a file's rows in the background."""
        async with _whole_form(http) as form:
            file, field = form.get("file"), form.get("spec")
            if not isinstance(file, UploadFile):
                raise BadInput("file: this field is missing.", hint="Send it as multipart form.")
            given: str | bytes | None
            if isinstance(field, UploadFile):  # that is what `curl -F spec=@spec.json` sends
                given = await field.read(MOST_SPEC_BYTES + 1)
            else:
                given = field
            job = await run(_create, app, desk, file, given)
        return {"job_id": job.id}

    @routes.delete("/jobs/{job}")
    async def delete(job: str) -> dict[str, str]:
        """Delete a job with its file and results; its calls stay in the ledger."""
        await run(desk.delete, job)
        return {"deleted": job}

    @routes.get("/jobs/{job}/results", response_class=StreamingResponse)
    async def results(job: str, format: str = "csv") -> Response:
        """The input's columns and what came of each row, in input order."""
        if format not in FORMATS:
            raise BadInput(f"format: one of {', '.join(FORMATS)} is wanted.")
        file: BinaryIO = await run(desk.results, job, format)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="results.{format}"',
            "Content-Length": str(os.fstat(file.fileno()).st_size),
        }
        return StreamingResponse(_parts(file), media_type=KINDS[format], headers=headers)


def _add_looking(routes: APIRouter, run: Run, app: App, desk: JobDesk) -> None:
    @routes.get("/jobs")
    async def jobs() -> dict[str, Any]:
        """Every job, newest first."""
        return {"jobs": [job_fields(job) for job in await run(app.jobs.all)]}

    @routes.get("/jobs/{job}")
    async def one(job: str) -> dict[str, Any]:
        return job_fields(await run(app.jobs.get, job))

    @routes.get("/jobs/{job}/evaluation")
    async def evaluation(job: str) -> dict[str, Any]:
        """How right the labels are, against the gold column."""
        return evaluation_fields(await run(desk.evaluation, job))

    @routes.get("/jobs/{job}/manifest")
    async def manifest(job: str) -> dict[str, Any]:
        """What the results were made with: model, prompt, labels, versions, prices, counts."""
        return cast(dict[str, Any], await run(desk.manifest, job))


def _add_steering(routes: APIRouter, run: Run, desk: JobDesk) -> None:
    @routes.post("/jobs/{job}/pause")
    async def pause(job: str) -> dict[str, Any]:
        """Finish the calls under way and make no others."""
        return job_fields(await run(desk.pause, job))

    @routes.post("/jobs/{job}/resume", openapi_extra=_BUDGET)
    async def resume(job: str, http: HttpRequest) -> dict[str, Any]:
        """Go on; `budget_usd` is the new total."""
        return job_fields(await run(desk.resume, job, _budget(await http.body())))

    @routes.post("/jobs/{job}/cancel")
    async def cancel(job: str) -> dict[str, Any]:
        """End it for good and keep its rows."""
        return job_fields(await run(desk.cancel, job))

    @routes.post("/jobs/{job}/retry")
    async def retry(job: str) -> dict[str, Any]:
        """Ask the failed rows of a finished job again."""
        return job_fields(await run(desk.retry, job))


def _parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(PART_BYTES), b"")


def _create(app: App, desk: JobDesk, file: UploadFile, given: str | bytes | None) -> Job:
    if given is None:
        raise BadInput("spec: this field is missing.", hint="Send it as a text field with JSON.")
    if len(given) > MOST_SPEC_BYTES:
        raise TooLarge("spec: it has more than 1 MB.")
    try:
        asked = spec.parse(json.loads(given))
    except (ValueError, RecursionError):
        raise BadInput("spec: it is not valid JSON.") from None
    name = app.uploads.save(file.file)
    try:
        return desk.create(name, (file.filename or "file")[:200], asked)
    except BaseException:
        app.uploads.delete(name)
        raise


def _budget(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON.") from None
    if not isinstance(given, dict) or set(given) - {"budget_usd"}:
        raise BadInput("body: an object with budget_usd is wanted, or nothing.")
    return spec.usd(given.get("budget_usd"), "budget_usd")


def job_fields(job: Job) -> dict[str, Any]:
    """A job in the contract's shape; speeds are rows a second, times seconds."""
    return {
        "job_id": job.id,
        "name": job.name,
        "model": job.model,
        "state": job.state,
        "rows_total": job.rows_total,
        "rows_done": job.rows_done,
        "rows_failed": job.rows_failed,
        "calls": job.calls,
        "usage": usage_facts(job.usage),
        "cost_usd": None if job.cost_usd is None else float(job.cost_usd),
        "budget_usd": None if job.budget_usd is None else float(job.budget_usd),
        "rows_per_s": job.rows_per_s,
        "eta_s": job.eta_s,
        "created": job.created,
        "finished": job.finished,
        "error": job.error,
    }


def evaluation_fields(found: Evaluation) -> dict[str, Any]:
    facts = asdict(found)
    facts["confusion"] = {"labels": facts.pop("labels"), "matrix": facts.pop("matrix")}
    for name in ("usd_per_1k_rows", "usd_per_1k_correct"):
        facts[name] = None if facts[name] is None else float(facts[name])
    return facts


_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "spec"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "spec": {
                            "type": "object",
                            "required": ["labels"],
                            "properties": SPEC,
                            "example": {"text_column": "text", "labels": ["GOOD", "BAD"]},
                        },
                    },
                },
                "encoding": {"spec": {"contentType": "application/json"}},
            }
        },
    }
}
_BUDGET = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"budget_usd": {"type": "number", "exclusiveMinimum": 0}},
                }
            }
        }
    }
}
