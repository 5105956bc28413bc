"""OpenAI's dialect under /api/v1, so that any client of theirs can be pointed at this server."""

import time
from dataclasses import replace
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from lib.core.errors import Unsupported
from lib.web.attach import Attached, begin, refusal_of
from lib.web.json_body import json_body
from lib.web.openai_messages import opened
from lib.web.openai_request import Asked, parse, thinking_for
from lib.web.openai_schema import ANSWERS, BODY, PROBLEMS, ModelList, ModelShape
from lib.web.openai_shapes import Chunks, Heading, completion, model_object
from lib.web.pool import Pool
from lib.work.app import App
from lib.work.generation import Generation

ModelName = Annotated[str, Path(min_length=1, max_length=200)]


def openai_routes(app: App) -> APIRouter:
    """Models and chat completions; everything else of OpenAI's API is 404."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI dialect"])
    created = int(time.time())  # no provider says when a model was made
    quick, slow = Pool(8), Pool(8)  # pictures are fetched and decoded apart from all else

    @routes.get("/models", response_model=ModelList, responses=PROBLEMS)
    async def openai_models() -> dict[str, Any]:
        """The models that can be asked now, the default one first."""
        listed = await quick.run(app.models.all)
        data = [model_object(info, created) for info in listed if info.available]
        return {"object": "list", "data": data}

    @routes.get("/models/{model:path}", response_model=ModelShape, responses=PROBLEMS)
    async def openai_model(model: ModelName) -> dict[str, Any]:
        """One model, by its id or by a name that only one of them has."""
        choice = await quick.run(app.models.find_listed, model)
        return model_object(choice.info, created)

    @routes.post("/chat/completions", responses=ANSWERS, openapi_extra=BODY)
    async def openai_chat(http: HttpRequest) -> Response:
        """Ask a model as OpenAI's clients do; what cannot be honoured is refused by name."""
        asked = await quick.run(parse, await json_body(http))
        threads = slow if asked.has_files else quick
        heading, generation = await threads.run(_begin, app, asked)
        attached = Attached(generation, http, Chunks(heading, asked.include_usage))
        if asked.stream:
            return await attached.streamed()
        await attached.finished()
        if refusal := refusal_of(generation):
            raise refusal
        return JSONResponse(completion(heading, generation))

    return routes


def _begin(app: App, asked: Asked) -> tuple[Heading, Generation]:
    """Read what goes along and ask; blocks while pictures are fetched."""
    choice = app.models.find(asked.model)
    info, wanted = choice.info, asked.options
    if wanted.json_schema and "json_schema" not in info.takes:
        raise Unsupported(
            f"response_format: {info.id} cannot be held to a form.",
            "Leave the field out, or choose another model.",
        )
    request = replace(
        wanted, messages=tuple(opened(asked.said)), thinking=thinking_for(info, wanted.thinking)
    )
    generation = begin(app, choice, request, "api")
    return Heading(f"chatcmpl-{uuid4().hex}", int(time.time()), info.id), generation
