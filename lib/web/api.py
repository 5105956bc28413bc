"""The JSON API, mounted at /api: the same verbs the pages use, in the shapes of the contract."""

from functools import partial
from typing import Any

import anyio
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from lib.core.chat import MAX_TOKENS, Media, Message, Request, Source
from lib.core.errors import AppError, BadInput, NotFound
from lib.core.media import read_picture
from lib.web.attach import Attached, refusal_of
from lib.web.classify_api import classify_routes
from lib.web.errors import error_response
from lib.web.estimate_api import estimate_routes
from lib.web.jobs_api import job_routes
from lib.web.shapes import (
    MOST_CHARACTERS,
    MOST_TOKENS,
    ChatAnswer,
    ChatBody,
    ErrorShape,
    model_fields,
    receipt_fields,
)
from lib.work.app import VERSION, App
from lib.work.ask import ask, check_reads, price_of
from lib.work.fetch import fetch_picture
from lib.work.generation import Generation
from lib.work.jobs import JobDesk

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorShape} for status in (401, 402, 404, 413, 422, 429, 502, 503, 504)
}
NO_BUFFERING = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def build_api(app: App, desk: JobDesk) -> FastAPI:
    api = FastAPI(
        title="Gemini or your own GPU",
        version=VERSION,
        docs_url=None,  # ours loads nothing from elsewhere
        redoc_url=None,
        description="Log in with the header Authorization: Bearer <APP_PASSWORD>.",
    )
    _docs(api)
    _answers(api, app)
    api.include_router(estimate_routes(app, PROBLEMS))
    api.include_router(classify_routes(app, PROBLEMS))
    api.include_router(job_routes(app, desk, PROBLEMS))
    _errors(api)
    return api


def _answers(api: FastAPI, app: App) -> None:
    # Its own threads: Streamlit serves files with the shared ones.
    pool = anyio.CapacityLimiter(8)

    @api.get("/models", responses=PROBLEMS)
    async def models() -> dict[str, Any]:
        """Every model there is or could be, and the default one."""
        return await anyio.to_thread.run_sync(partial(_models, app), limiter=pool)

    @api.post("/chat", response_model=ChatAnswer, responses=PROBLEMS)
    async def chat(body: ChatBody, http: HttpRequest) -> Response:
        """Ask a model; with `stream` the answer comes as server-sent events."""
        question = body.request()
        start = partial(_start, app, body.model, question, "api")
        generation = await anyio.to_thread.run_sync(start, limiter=pool)
        return await _answer(generation, http, body.stream)

    @api.post("/vision", response_model=ChatAnswer, responses=PROBLEMS, openapi_extra=_VISION)
    async def vision(http: HttpRequest) -> Response:
        """Ask about a picture: a file, or a public address this server fetches."""
        async with http.form(max_files=1, max_fields=10) as form:
            fields = {**http.query_params, **form}
            upload = fields.get("image")
            data = await upload.read() if isinstance(upload, UploadFile) else None
        start = partial(_see, app, fields, data)
        generation = await anyio.to_thread.run_sync(start, limiter=pool)
        return await _answer(generation, http, stream=False)


def _docs(api: FastAPI) -> None:
    """The description of the API, drawn by Swagger's own page from files of this server."""

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=api.title,
            swagger_favicon_url="data:,",
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
        )

    api.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))


def _models(app: App) -> dict[str, Any]:
    default = app.models.default()
    listed = [model_fields(info, price_of(app, info)) for info in app.models.all()]
    return {"models": listed, "default": default.id if default else None}


def _start(app: App, model: str | None, request: Request, source: Source) -> Generation:
    choice = app.models.find(model)
    check_reads(app, choice.info, request)  # refused here, the answer has a proper status
    return Generation(
        lambda line: ask(app, choice, request, source, line), app.settings.model_timeout_s
    )


def _see(app: App, fields: dict[str, Any], data: bytes | None) -> Generation:
    prompt, url, model = (_text(fields, name) for name in ("prompt", "image_url", "model"))
    limit = _max_tokens(_text(fields, "max_tokens"))
    if not prompt:
        raise BadInput("prompt: this field is missing.")
    app.models.find(model)
    picture = _picture(url, data)
    said = Message("user", prompt, (picture,))
    return _start(app, model, Request("", (said,), max_tokens=limit), "vision")


def _picture(url: str | None, data: bytes | None) -> Media:
    if data is not None:
        return read_picture(data)
    if url:
        return fetch_picture(url)
    raise BadInput("image: this field is missing.", hint="Send a file as image, or an image_url.")


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        if value and len(value) > MOST_CHARACTERS:
            raise BadInput(f"{name}: the text is too long.")
        return value or None
    raise BadInput(f"{name}: a text is wanted here, not a file.")


def _max_tokens(given: str | None) -> int:
    if given is None:
        return MAX_TOKENS
    if not (given.isascii() and given.isdigit() and len(given) < 9 and int(given) > 0):
        raise BadInput(f"max_tokens: a whole number from 1 to {MOST_TOKENS} is wanted.")
    return min(int(given), MOST_TOKENS)


async def _answer(generation: Generation, http: HttpRequest, stream: bool) -> Response:
    attached = Attached(generation, http)
    if stream:
        await attached.begun()
        return StreamingResponse(
            attached.events(), media_type="text/event-stream", headers=NO_BUFFERING
        )
    await attached.finished()
    if refusal := refusal_of(generation):
        raise refusal
    assert generation.receipt is not None
    return JSONResponse({"response": generation.text, **receipt_fields(generation.receipt)})


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
    if problem["type"] == "json_invalid":
        return BadInput("The body is not valid JSON.")
    path = [str(part) for part in problem["loc"] if part != "body"]
    return BadInput(f"{'.'.join(path) or 'body'}: {problem['msg']}.")


_VISION = {
    "parameters": [
        {"name": "image_url", "in": "query", "schema": {"type": "string", "format": "uri"}},
        {"name": "prompt", "in": "query", "schema": {"type": "string"}},
    ],
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "prompt": {"type": "string"},
                        "model": {"type": "string"},
                        "max_tokens": {"type": "integer", "default": MAX_TOKENS},
                    },
                }
            }
        }
    },
}
