"""`GET /api/models`, `POST /api/chat`, `POST /api/vision`: what there is to ask, and asking."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from lib.core.chat import MAX_TOKENS, Media, Message, Request, Source
from lib.core.errors import BadInput, BlockedUrl
from lib.web.attach import Attached, begin, refusal_of
from lib.web.json_body import JsonRoute, check_form
from lib.web.openapi import ASKING, answer, body, events, problems
from lib.web.pool import Pool
from lib.web.shapes import (
    EVENTS,
    MOST_CHARACTERS,
    MOST_TOKENS,
    ChatAnswer,
    ChatBody,
    ModelsAnswer,
    model_fields,
    receipt_fields,
)
from lib.work.app import App
from lib.work.ask import price_of
from lib.work.fetch import fetch_picture
from lib.work.generation import Generation
from lib.work.pictures import read_picture

_CHAT = answer(ChatAnswer)
_CHAT[200]["content"] = events(
    contentMediaType="application/json",
    contentSchema={
        "anyOf": [{"$ref": f"#/components/schemas/{shape.__name__}"} for shape in EVENTS]
    },
)
_FIELDS: dict[str, dict[str, Any]] = {
    "prompt": {"type": "string", "maxLength": MOST_CHARACTERS},
    "image_url": {"type": "string", "description": "Not looked at when a file is sent."},
    "model": {"type": "string"},
    "max_tokens": {
        "type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "default": MAX_TOKENS,
    },
}  # fmt: skip
_PICTURE = {"type": "string", "format": "binary"}
_VISION = body(
    {"type": "object", "properties": {"image": _PICTURE, **_FIELDS}},
    "multipart/form-data",
    encoding={"image": {"contentType": "image/png, image/jpeg, image/webp, image/gif"}},
)
_VISION["requestBody"]["required"] = False
_VISION["parameters"] = [
    {"name": name, "in": "query", "schema": schema} for name, schema in _FIELDS.items()
]


def chat_routes(app: App) -> APIRouter:
    routes = APIRouter(route_class=JsonRoute)
    quick, slow = Pool(8), Pool(8)  # pictures are fetched and decoded apart from all else

    @routes.get("/models", tags=["Models"], responses=answer(ModelsAnswer) | problems())
    async def list_models() -> dict[str, Any]:
        """Every model there is or could be, and the default one."""
        return await quick.run(_models, app)

    @routes.post("/chat", tags=["Chat"], responses=_CHAT | problems(*ASKING))
    async def chat(body: ChatBody, http: HttpRequest) -> Response:
        """Ask a model. With `stream` the answer comes as server-sent events: texts, then what it
        took, or the error that broke it. Hanging up stops the model."""
        generation = await quick.run(_start, app, body.model, body.request(), "api")
        return await _answer(generation, http, body.stream)

    @routes.post(
        "/vision",
        tags=["Chat"],
        responses=answer(ChatAnswer) | problems(*ASKING, BlockedUrl),
        openapi_extra=_VISION,
    )
    async def vision(http: HttpRequest) -> Response:
        """Ask about a picture: a file, or a public address this server fetches. All but the file
        may stand in the query or in the form; a prompt and a picture are needed."""
        check_form(http)
        async with http.form(max_files=1, max_fields=10) as form:
            fields = _fields(http.query_params) | _fields(form)
            upload = form.get("image")
            data = await upload.read() if isinstance(upload, UploadFile) else None
        generation = await slow.run(_see, app, fields, data)
        return await _answer(generation, http, stream=False)

    return routes


def _models(app: App) -> dict[str, Any]:
    default = app.models.default()
    listed = [model_fields(info, price_of(app, info)) for info in app.models.all()]
    return {"models": listed, "default": default.id if default else None}


def _start(app: App, model: str | None, request: Request, source: Source) -> Generation:
    return begin(app, app.models.find(model), request, source)


async def _answer(generation: Generation, http: HttpRequest, stream: bool) -> Response:
    attached = Attached(generation, http)
    if stream:
        return await attached.streamed()
    await attached.finished()
    if refusal := refusal_of(generation):
        raise refusal
    assert generation.receipt is not None
    return JSONResponse({"response": generation.text, **receipt_fields(generation.receipt)})


def _see(app: App, fields: dict[str, str], data: bytes | None) -> Generation:
    if "prompt" not in fields:
        raise BadInput("prompt: this field is missing.")
    model = fields.get("model")
    app.models.find(model)
    picture = _picture(fields.get("image_url"), data)
    said = Message("user", fields["prompt"], (picture,))
    limit = int(fields.get("max_tokens", MAX_TOKENS))
    return _start(app, model, Request("", (said,), max_tokens=limit), "vision")


def _picture(url: str | None, data: bytes | None) -> Media:
    if data is not None:
        return read_picture(data)
    if url:
        return fetch_picture(url)
    raise BadInput("image: this field is missing.", hint="Send a file as image, or an image_url.")


def _fields(given: Mapping[str, str | UploadFile]) -> dict[str, str]:
    """The fields of a query or a form, each checked; an empty text is none."""
    found = {}
    for name, value in given.items():
        if name not in _FIELDS:
            continue
        if not isinstance(value, str):
            raise BadInput(f"{name}: a text is wanted here, not a file.")
        if len(value) > MOST_CHARACTERS:
            raise BadInput(f"{name}: the text is too long.")
        if name == "max_tokens" and not _is_limit(value):
            raise BadInput(f"max_tokens: a whole number from 1 to {MOST_TOKENS} is wanted.")
        if value:
            found[name] = value
    return found


def _is_limit(text: str) -> bool:
    plain = text.isascii() and text.isdigit() and len(text) < 9  # bounded before it is read
    return plain and 1 <= int(text) <= MOST_TOKENS
