"""The JSON API, mounted at /api: the same verbs the pages use, in the shapes of the contract."""

import re

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from lib.core.errors import AppError, BadInput, NotFound
from lib.web.chat_api import chat_routes
from lib.web.classify_api import classify_routes
from lib.web.errors import error_response
from lib.web.estimate_api import estimate_routes
from lib.web.headers import policy_for
from lib.web.jobs_api import job_routes
from lib.web.methods import Methods
from lib.web.openai_api import openai_routes
from lib.web.openapi import ABOUT, TAGS, Described, problems
from lib.web.speed_api import speed_routes
from lib.web.usage_api import usage_routes
from lib.work.app import VERSION, App
from lib.work.jobs import JobDesk
from lib.work.speed_tests import SpeedDesk


def api_mount(app: App, desk: JobDesk, speed: SpeedDesk) -> Mount:
    """The API at /api. Every path below it is the API's, also with a line's end in it, which
    Starlette's pattern would leave to the pages."""
    mount = Mount("/api", build_api(app, desk, speed))
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


class _Api(Described):
    """An API whose crashes are answered by the Shell."""

    def build_middleware_stack(self) -> ASGIApp:
        outermost = super().build_middleware_stack()
        assert isinstance(outermost, ServerErrorMiddleware)  # it would answer them in plain text
        return outermost.app


def build_api(app: App, desk: JobDesk, speed: SpeedDesk) -> FastAPI:
    api = _Api(
        title="Gemini or your own GPU",
        version=VERSION,
        description=ABOUT,
        openapi_tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,  # ours loads nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect loses bodies, and names the host as the caller did
        strict_content_type=False,  # as json_body
    )
    api.add_middleware(Methods)
    _docs(api)
    api.include_router(chat_routes(app))
    api.include_router(classify_routes(app))
    api.include_router(job_routes(app, desk))
    api.include_router(estimate_routes(app))
    api.include_router(speed_routes(speed))
    api.include_router(usage_routes(app, problems(BadInput)), tags=["Usage"])
    api.include_router(openai_routes(app))
    _errors(api)
    return api


def _docs(api: FastAPI) -> None:
    """The description of the API, drawn by Swagger's own page from files of this server."""

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=api.title,
            swagger_favicon_url="data:,",
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
        )
        page.headers["Content-Security-Policy"] = policy_for(bytes(page.body).decode())
        return page

    api.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))


def _errors(api: FastAPI) -> None:
    @api.exception_handler(AppError)
    async def ours(_: HttpRequest, error: AppError) -> Response:
        return error_response(error)

    @api.exception_handler(RequestValidationError)
    async def wrong_field(_: HttpRequest, error: RequestValidationError) -> Response:
        return error_response(_bad_field(error))

    @api.exception_handler(HTTPException)
    async def routing(http: HttpRequest, error: HTTPException) -> Response:
        if error.status_code == 404:
            return error_response(NotFound("There is no such call."))
        problem = BadInput("The request's body cannot be read.")
        if error.status_code == 405:
            problem = BadInput(f"{http.method} is not a method of this call.")
        answer = error_response(problem)
        answer.status_code = 405 if error.status_code == 405 else problem.status
        return answer


def _bad_field(error: RequestValidationError) -> BadInput:
    """The first wrong field by its dotted name; the input itself is not repeated."""
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    return BadInput(f"{'.'.join(path) or 'body'}: {problem['msg']}.")
