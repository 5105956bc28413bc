"""Speed tests over the JSON API: measure a model, look how far it is, stop, delete."""

from typing import Any

from fastapi import APIRouter

from lib.core.errors import NotFound
from lib.web.json_body import JsonRoute
from lib.web.openapi import BODY, CHOICE, answer, problems
from lib.web.pool import Pool
from lib.web.speed_shapes import (
    SpeedBody,
    SpeedTestGone,
    SpeedTestId,
    SpeedTestsAnswer,
    SpeedTestShape,
    speed_fields,
)
from lib.work.speed_tests import SpeedDesk


def speed_routes(desk: SpeedDesk) -> APIRouter:
    routes = APIRouter(tags=["Speed"], route_class=JsonRoute)
    run = Pool(4).run
    one = answer(SpeedTestShape) | problems(NotFound)

    @routes.post(
        "/speedtest",
        status_code=202,
        responses=answer(SpeedTestShape, 202) | problems(*BODY, *CHOICE),
    )
    async def start_speed_test(body: SpeedBody) -> dict[str, Any]:
        """Measure in the background how fast a model reads and writes, at several streams at once.
        One test at a time, of one server; what it asks is counted and paid like any other call."""
        test = await run(desk.start, body.model, body.plan(), body.gpu, body.host)
        return speed_fields(test)

    @routes.get("/speedtests", responses=answer(SpeedTestsAnswer) | problems())
    async def list_speed_tests() -> dict[str, Any]:
        """The newest 1,000 speed tests, newest first."""
        return {"speedtests": [speed_fields(test) for test in await run(desk.all)]}

    @routes.get("/speedtests/{speedtest_id}", responses=one)
    async def get_speed_test(speedtest_id: SpeedTestId) -> dict[str, Any]:
        """How far it is, and the levels it has finished."""
        return speed_fields(await run(desk.get, speedtest_id))

    @routes.post("/speedtests/{speedtest_id}/stop", responses=one)
    async def stop_speed_test(speedtest_id: SpeedTestId) -> dict[str, Any]:
        """End it now and keep the levels it has finished."""
        return speed_fields(await run(desk.stop, speedtest_id))

    @routes.delete(
        "/speedtests/{speedtest_id}", responses=answer(SpeedTestGone) | problems(NotFound)
    )
    async def delete_speed_test(speedtest_id: SpeedTestId) -> dict[str, str]:
        """Delete it; its calls stay in the ledger."""
        await run(desk.delete, speedtest_id)
        return {"deleted": speedtest_id}

    return routes
