"""Estimates over the dated tables: what the API and the page both ask for."""

from datetime import UTC, date, datetime

from lib.core.assumptions import Assumptions
from lib.core.claims import Claim
from lib.core.estimate import Estimate, estimate
from lib.core.estimate_input import parse
from lib.store import claims_table, estimate_tables
from lib.work.app import App


def today() -> date:
    return datetime.now(UTC).date()


def run(app: App, body: object) -> Estimate:
    """The estimate of a body as `POST /api/estimate` takes it; BadInput names the wrong field."""
    return of(app, parse(body))


def of(app: App, assumptions: Assumptions) -> Estimate:
    gpus, models = estimate_tables.gpus(), estimate_tables.local_models()
    return estimate(assumptions, gpus, models, app.prices, today())


def claims(app: App) -> tuple[Claim, ...]:
    """The guide's claims, recomputed at today's prices."""
    return claims_table.claims(app.prices, today())
