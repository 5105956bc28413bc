"""The JSON API's answers about jobs and labels, as other programs see them."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from lib.core.evaluation import Evaluation, LabelScore
from lib.store.jobs import Job, State
from lib.web.shapes import ID, ErrorFields, UsageShape, known_id
from lib.work.chats import usage_facts

JobId = Annotated[
    str,
    known_id("job", "GET /api/jobs"),
    Path(description="From POST /api/jobs.", json_schema_extra=ID),
]


class JobMade(BaseModel):
    job_id: str


class JobGone(BaseModel):
    deleted: str


class WaitingShape(BaseModel):
    """What waits at Google, whose Batch API takes up to 24 hours."""

    waiting_rows: int
    batches: int
    oldest: datetime | None = Field(description="when the oldest of them was sent")


class JobShape(BaseModel):
    """Counts are rows, times ISO 8601 in UTC. null is «not known», or «not yet»."""

    job_id: str
    name: str = Field(description="of its file")
    model: str
    state: State
    rows_total: int
    rows_done: int = Field(description="rows with a label or an error")
    rows_failed: int = Field(description="rows with an error")
    calls: int = Field(description="every call to the model, refused and repeated ones too")
    usage: UsageShape
    cost_usd: float | None
    budget_usd: float | None
    rows_per_s: float | None
    eta_s: float | None
    created: datetime
    finished: datetime | None
    error: ErrorFields | None
    batch: WaitingShape | None = Field(None, description="only of jobs whose spec says batch")


class JobsAnswer(BaseModel):
    jobs: list[JobShape]


class ConfusionShape(BaseModel):
    """Rows of `matrix` are the right labels, columns the given ones; the last is «no label»."""

    labels: list[str]
    matrix: list[list[int]]


class EvaluationAnswer(BaseModel):
    """Shares from 0 to 1 over the rows whose gold is one of the labels; null without any."""

    rows: int
    accuracy: float | None
    accuracy_low: float | None = Field(description="Wilson's interval, 95 %")
    accuracy_high: float | None
    macro_f1: float | None
    per_label: dict[str, LabelScore]
    confusion: ConfusionShape
    usd_per_1k_rows: float | None
    usd_per_1k_correct: float | None


class ManifestAnswer(BaseModel):
    """Enough to make the results again. Exact sums of money are texts."""

    job_id: str
    name: str
    spec: dict[str, Any]
    made: datetime
    app: str
    python: str
    packages: dict[str, str]
    file: dict[str, Any]
    prompt: str = Field(description="word for word, {text} in place of a row's text")
    model: dict[str, Any]
    price: dict[str, str] | None
    counts: dict[str, Any]


class LabelsAnswer(BaseModel):
    """A label or null for each text, and the code of its error or null."""

    labels: list[str | None]
    errors: list[str | None]
    confidences: list[float | None]
    usage: UsageShape
    cost_usd: float | None


def job_fields(job: Job) -> dict[str, Any]:
    """A job in the contract's shape; speeds are rows a second, times seconds."""
    waiting = job.waiting
    batch = waiting and {
        "waiting_rows": waiting.rows, "batches": waiting.batches, "oldest": waiting.since,
    }  # fmt: skip
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
        **({"batch": batch} if batch else {}),
    }


def evaluation_fields(found: Evaluation) -> dict[str, Any]:
    """An evaluation in the contract's shape."""
    facts = asdict(found)
    facts["confusion"] = {"labels": facts.pop("labels"), "matrix": facts.pop("matrix")}
    for name in ("usd_per_1k_rows", "usd_per_1k_correct"):
        facts[name] = None if facts[name] is None else float(facts[name])
    return facts
