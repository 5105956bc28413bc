"""`POST /api/estimate` and `GET /api/claims`."""

import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from lib.core import claims
from lib.core.errors import BadInput
from lib.core.estimate import as_answer
from lib.work import estimates
from lib.work.app import App

EXAMPLE = {
    "tokens_per_month": 100_000_000,
    "input_share": 0.5,
    "input_tokens": 500,
    "api": {"model": "gemini/gemini-3.1-flash-lite"},
    "local": {"model": "gemma3:4b", "engine": "ollama", "gpu": "RTX 3060 12GB"},
    "rental": {"mode": "always_on", "usd_per_hour": 0.25},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}},
    }
}


def estimate_routes(app: App, problems: dict[int | str, dict[str, Any]]) -> APIRouter:
    """Both calls are sums of a few milliseconds, so they run on the event loop."""
    routes = APIRouter()

    @routes.post("/estimate", responses=problems, openapi_extra=_BODY)
    async def estimate(http: Request) -> JSONResponse:
        """Both bills of a month, where they meet, and how they grow with the volume."""
        return JSONResponse(as_answer(estimates.run(app, decoded(await http.body()))))

    @routes.get("/claims", responses=problems)
    async def guide_claims() -> JSONResponse:
        """The guide's claims beside what today's prices and measurements give."""
        return JSONResponse(claims.as_answer(estimates.claims(app)))

    return routes


def decoded(body: bytes) -> object:
    """The JSON in a body; numbers are judged field by field later."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON.") from None
