"""`POST /api/estimate` and `GET /api/claims`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from lib.core import claims
from lib.core.estimate import as_answer
from lib.store import estimate_tables
from lib.web.estimate_schema import EXAMPLE, ClaimsAnswer, EstimateAnswer, estimate_body
from lib.web.json_body import json_body
from lib.web.openapi import BODY, answer, body, problems
from lib.work import estimates
from lib.work.app import App

__all__ = ["EXAMPLE", "estimate_routes"]


def estimate_routes(app: App) -> APIRouter:
    """Both calls are sums of a few milliseconds, so they run on the event loop."""
    routes = APIRouter(tags=["Estimate"])
    models = [f"gemini/{name}" for name in app.prices.models]
    asked = body(
        estimate_body(models, estimate_tables.local_models(), estimate_tables.gpus()),
        example=EXAMPLE,
    )

    @routes.post(
        "/estimate", responses=answer(EstimateAnswer) | problems(*BODY), openapi_extra=asked
    )
    async def estimate(http: Request) -> JSONResponse:
        """Both bills of a month, where they meet, and how they grow with the volume."""
        return JSONResponse(as_answer(estimates.run(app, await json_body(http))))

    @routes.get("/claims", responses=answer(ClaimsAnswer) | problems())
    async def list_claims() -> JSONResponse:
        """The guide's claims beside what today's prices and measurements give."""
        return JSONResponse(claims.as_answer(estimates.claims(app)))

    return routes
