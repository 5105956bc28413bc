"""POST /api/classify: a small list of texts, labelled while the caller waits."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from lib.core import spec
from lib.core.chat import Usage
from lib.core.errors import BadInput
from lib.core.task import RowResult
from lib.web.spec_schema import SPEC
from lib.work.app import App
from lib.work.chats import usage_facts
from lib.work.classify import Classification

MOST_TEXTS = 1000
FIELDS = ("texts", "labels", "instruction", "examples", "model", "rows_per_request")


def classify_routes(app: App, problems: Any) -> APIRouter:
    routes = APIRouter(responses=problems)
    pool = anyio.CapacityLimiter(8)

    @routes.post("/classify", openapi_extra=_BODY)
    async def classify(http: HttpRequest) -> dict[str, Any]:
        """Label up to 1,000 texts; labels and errors come in their order."""
        begin = partial(_begin, app, await _json(http))
        asked = await anyio.to_thread.run_sync(begin, limiter=pool)
        watch = asyncio.create_task(_stop_with(http, asked))
        try:
            return _answer(await anyio.to_thread.run_sync(asked.run, limiter=pool))
        finally:
            watch.cancel()

    return routes


async def _json(http: HttpRequest) -> Any:
    try:
        return await http.json()
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON.") from None


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


async def _stop_with(http: HttpRequest, asked: Classification) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
    asked.stop()


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


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["texts", "labels"],
                    "properties": {
                        "texts": {"type": "array", "items": {"type": "string"}, "maxItems": 1000},
                        **{name: SPEC[name] for name in FIELDS if name in SPEC},
                    },
                },
                "example": {"texts": ["Great!", "Awful."], "labels": ["GOOD", "BAD"]},
            }
        },
    }
}
