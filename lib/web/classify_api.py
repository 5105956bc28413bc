"""POST /api/classify: a small list of texts, labelled while the caller waits."""

import asyncio
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from lib.core import spec
from lib.core.chat import Usage
from lib.core.errors import BadInput
from lib.core.task import RowResult
from lib.web.attach import stop_at_hang_up
from lib.web.job_shapes import LabelsAnswer
from lib.web.json_body import json_body
from lib.web.openapi import ASKING, answer, body, closed, problems
from lib.web.pool import Pool
from lib.web.spec_schema import SPEC
from lib.work.app import App
from lib.work.chats import usage_facts
from lib.work.classify import Classification

MOST_TEXTS = 1000
FIELDS = ("texts", "labels", "instruction", "examples", "model", "rows_per_request")


def classify_routes(app: App) -> APIRouter:
    routes = APIRouter(tags=["Classify"])
    quick, slow = Pool(8), Pool(8)  # a wrong body does not wait for the lists under way

    @routes.post(
        "/classify", responses=answer(LabelsAnswer) | problems(*ASKING), openapi_extra=body(_BODY)
    )
    async def classify(http: HttpRequest) -> dict[str, Any]:
        """Label up to 1,000 texts; labels and errors come in their order."""
        asked = await quick.run(_begin, app, await json_body(http))
        watch = asyncio.create_task(stop_at_hang_up(http, asked.stop))
        try:
            return _answer(await slow.run(asked.run))
        finally:
            watch.cancel()

    return routes


def _begin(app: App, body: Any) -> Classification:
    if not isinstance(body, dict):
        raise BadInput("The body must be a JSON object.")
    for name in body:
        if name not in FIELDS:
            raise BadInput(f"{name[:100]}: there is no such field.", hint="See /api/docs.")
    texts = body.get("texts")
    if not isinstance(texts, list):
        raise BadInput("texts: a list of texts is wanted.")
    if len(texts) > MOST_TEXTS:
        raise BadInput(f"texts: at most {MOST_TEXTS}.", hint="Send more as a job: POST /api/jobs.")
    for i, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise BadInput(f"texts.{i}: a text is wanted.")
    asked = spec.parse({name: value for name, value in body.items() if name != "texts"})
    return Classification(app, asked, texts)


def _answer(results: list[RowResult]) -> dict[str, Any]:
    usages = [one.usage for one in results]
    usage = Usage(
        _sum([one.input_tokens for one in usages]),
        _sum([one.output_tokens for one in usages]),
        _sum([one.thinking_tokens for one in usages]),
        _sum([one.cached_tokens for one in usages]),
    )
    costs = [one.cost_usd for one in results]
    known = [cost for cost in costs if cost is not None]
    return {
        "labels": [one.label for one in results],
        "errors": [one.error for one in results],
        "confidences": [one.confidence for one in results],
        "usage": usage_facts(usage),
        "cost_usd": float(sum(known, Decimal(0))) if len(known) == len(costs) else None,
    }


def _sum(counts: list[int | None]) -> int | None:
    """None as soon as one count is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


_BODY = closed(
    {
        "texts": {
            "type": "array",
            "items": {"type": ["string", "null"]},
            "maxItems": MOST_TEXTS,
            "description": "One that is null or blank gets the error bad_input, unasked.",
        },
        **{name: SPEC[name] for name in FIELDS if name in SPEC},
    },
    "texts",
    "labels",
)
