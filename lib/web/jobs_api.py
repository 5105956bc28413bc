"""Jobs over the JSON API: upload, look, steer, fetch; and small lists answered at once."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Literal, cast

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from lib.core import spec
from lib.core.errors import BadInput, NotFound, OverBudget, TooLarge
from lib.store.jobs import Job
from lib.web.job_shapes import (
    EvaluationAnswer,
    JobGone,
    JobId,
    JobMade,
    JobsAnswer,
    JobShape,
    ManifestAnswer,
    evaluation_fields,
    job_fields,
)
from lib.web.json_body import decoded, json_body
from lib.web.openapi import BODY, CHOICE, Responses, answer, body, closed, problems
from lib.web.pieces import Run, streamed
from lib.web.pool import Pool
from lib.web.spec_schema import JOB, USD
from lib.work.app import App
from lib.work.jobs import JobDesk

PART_BYTES = 2**18
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
Format = Literal["csv", "xlsx", "jsonl", "parquet"]
_TEXT, _BINARY = {"type": "string"}, {"type": "string", "format": "binary"}
_FILES: Responses = {
    200: {
        "content": {
            "text/csv": {"schema": _TEXT},
            KINDS["xlsx"]: {"schema": _BINARY},
            KINDS["jsonl"]: {"schema": _TEXT},
            KINDS["parquet"]: {"schema": _BINARY},
        }
    }
}
MOST_SPEC_BYTES = 1_000_000


def job_routes(app: App, desk: JobDesk) -> APIRouter:
    routes = APIRouter(tags=["Jobs"])
    # Threads of their own, and others for whole files: those may take seconds.
    files, run = Pool(4).run, Pool(4).run
    _add_files(routes, files, app, desk)
    _add_results(routes, files, desk)
    _add_looking(routes, run, app, desk)
    _add_steering(routes, run, desk)
    return routes


@asynccontextmanager
async def _whole_form(http: HttpRequest) -> AsyncIterator[FormData]:
    try:
        async with http.form(max_files=2, max_fields=5) as form:
            yield form
    except ClientDisconnect:
        raise BadInput("The upload broke off.") from None  # nobody reads it; the log stays clean


def _add_files(routes: APIRouter, run: Run, app: App, desk: JobDesk) -> None:
    @routes.post(
        "/jobs",
        status_code=202,
        responses=answer(JobMade, 202) | problems(*BODY, *CHOICE),
        openapi_extra=_UPLOAD,
    )
    async def create_job(http: HttpRequest) -> dict[str, str]:
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

    @routes.delete("/jobs/{job_id}", responses=answer(JobGone) | problems(NotFound))
    async def delete_job(job_id: JobId) -> dict[str, str]:
        """Delete a job with its file and results; its calls stay in the ledger."""
        await run(desk.delete, job_id)
        return {"deleted": job_id}


def _add_results(routes: APIRouter, run: Run, desk: JobDesk) -> None:
    pieces = Pool(4)  # a file that is being sent does not wait for one that is being made

    @routes.get(
        "/jobs/{job_id}/results",
        response_class=StreamingResponse,
        responses=_FILES | problems(NotFound, BadInput),
    )
    async def get_job_results(job_id: JobId, format: Format = "csv") -> Response:
        """The input's columns and what came of each row, in input order; in any state."""
        file: BinaryIO = await run(desk.results, job_id, format)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="results.{format}"',
            "Content-Length": str(os.fstat(file.fileno()).st_size),
        }
        parts = await streamed(pieces.run, _parts(file))
        return StreamingResponse(parts, media_type=KINDS[format], headers=headers)


def _add_looking(routes: APIRouter, run: Run, app: App, desk: JobDesk) -> None:
    @routes.get("/jobs", responses=answer(JobsAnswer) | problems())
    async def list_jobs() -> dict[str, Any]:
        """Every job, newest first."""
        return {"jobs": [job_fields(job) for job in await run(app.jobs.all)]}

    @routes.get("/jobs/{job_id}", responses=answer(JobShape) | problems(NotFound))
    async def get_job(job_id: JobId) -> dict[str, Any]:
        """How far it is, and what it took so far."""
        return job_fields(await run(app.jobs.get, job_id))

    @routes.get(
        "/jobs/{job_id}/evaluation",
        responses=answer(EvaluationAnswer) | problems(NotFound, BadInput),
    )
    async def get_job_evaluation(job_id: JobId) -> dict[str, Any]:
        """How right the labels are, against the gold column."""
        return evaluation_fields(await run(desk.evaluation, job_id))

    @routes.get("/jobs/{job_id}/manifest", responses=answer(ManifestAnswer) | problems(NotFound))
    async def get_job_manifest(job_id: JobId) -> dict[str, Any]:
        """What the results were made with: model, prompt, labels, versions, prices, counts."""
        return cast(dict[str, Any], await run(desk.manifest, job_id))


def _add_steering(routes: APIRouter, run: Run, desk: JobDesk) -> None:
    steered = answer(JobShape) | problems(NotFound, BadInput)

    @routes.post("/jobs/{job_id}/pause", responses=steered)
    async def pause_job(job_id: JobId) -> dict[str, Any]:
        """Finish the calls under way and make no others."""
        return job_fields(await run(desk.pause, job_id))

    @routes.post(
        "/jobs/{job_id}/resume",
        responses=answer(JobShape) | problems(NotFound, OverBudget, *BODY, *CHOICE),
        openapi_extra=_BUDGET,
    )
    async def resume_job(job_id: JobId, http: HttpRequest) -> dict[str, Any]:
        """Go on; `budget_usd` is the new total."""
        budget = _budget(await json_body(http)) if (await http.body()).strip() else None
        return job_fields(await run(desk.resume, job_id, budget))

    @routes.post("/jobs/{job_id}/cancel", responses=steered)
    async def cancel_job(job_id: JobId) -> dict[str, Any]:
        """End it for good and keep its rows."""
        return job_fields(await run(desk.cancel, job_id))

    @routes.post("/jobs/{job_id}/retry", responses=steered)
    async def retry_job(job_id: JobId) -> dict[str, Any]:
        """Ask the failed rows of a finished job again."""
        return job_fields(await run(desk.retry, job_id))


def _parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(PART_BYTES), b"")


def _create(app: App, desk: JobDesk, file: UploadFile, given: str | bytes | None) -> Job:
    if given is None:
        raise BadInput("spec: this field is missing.", hint="Send it as a text field with JSON.")
    if len(given) > MOST_SPEC_BYTES:
        raise TooLarge("spec: it has more than 1 MB.")
    try:
        asked = spec.parse(decoded(given))
    except (ValueError, RecursionError):
        raise BadInput("spec: it is not valid JSON.") from None
    name = app.uploads.save(file.file)
    try:
        return desk.create(name, (file.filename or "file")[:200], asked)
    except BaseException:
        app.uploads.delete(name)
        raise


def _budget(given: Any) -> Any:
    if not isinstance(given, dict) or set(given) - {"budget_usd"}:
        raise BadInput("body: an object with budget_usd is wanted, or nothing.")
    return spec.usd(given.get("budget_usd"), "budget_usd")


_UPLOAD = body(
    closed({"file": _BINARY, "spec": JOB}, "file", "spec"),
    "multipart/form-data",
    encoding={"spec": {"contentType": "application/json"}},
)
_BUDGET = body(closed({"budget_usd": USD}))
_BUDGET["requestBody"]["required"] = False
