"""The JSON API behind its gate, served by a real server on loopback, in front of the fakes."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from lib.store.settings import Settings, read
from lib.web.api import api_mount
from lib.web.connections import Connection, harden
from lib.web.gate import Gate
from lib.web.hosts import Hosts
from lib.web.keyring import Keyring
from lib.web.shell import Shell
from lib.web.throttle import Throttle
from lib.work.app import App, build
from lib.work.jobs import JobDesk
from lib.work.speed_tests import SpeedDesk
from tests.fakes import FakeServer

PASSWORD = "open sesame"
# Models nobody can be asked with, and what every call says of them: (model, status, code).
NOT_ANSWERING = [
    ("nope", 404, "model_missing"),
    ("gemini/gemini-9", 404, "model_missing"),
    ("ollama/nope:1b", 404, "model_missing"),
    ("vllm/nope", 404, "model_missing"),
    ("embedded/smollm2-135m", 503, "not_configured"),
]


class Api(httpx2.Client):
    """A client with the right token; `app` is what it talks to."""

    app: App


@contextlib.contextmanager
def serving(app: Starlette, protocol: type[Connection] = Connection) -> Iterator[str]:
    """`app` on a free loopback port, behind the product's own connections; yields its address."""
    streamlits: Any = {"ws": "websockets-sansio", "ws_max_size": 200_000_000}
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", lifespan="off", **streamlits
    )
    config.load()
    harden(config, protocol)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@contextlib.contextmanager
def api_with(settings: Settings, most_bytes: int = 5_000_000) -> Iterator[Api]:
    app = build(settings)
    gate = Middleware(Gate, Keyring(PASSWORD), Throttle(), True)
    stack = [Middleware(Shell, most_bytes=most_bytes), Middleware(Hosts), gate]
    desk, speed = JobDesk(app), SpeedDesk(app)
    site = Starlette(routes=[api_mount(app, desk, speed)], middleware=stack)
    with serving(site) as url:
        headers = {"Authorization": f"Bearer {PASSWORD}"}
        with Api(base_url=f"{url}/api", headers=headers, timeout=30) as client:
            client.app = app
            yield client
    desk.close()
    speed.close()
    app.close()


def settings_for(fake: FakeServer, tmp: Any, **more: Any) -> Settings:
    """Every provider configured to speak to the fake; the embedded model off."""
    values = {
        "data_dir": tmp,
        "google_api_key": "k",
        "gemini_base_url": fake.url,
        "gemini_grpc_target": fake.grpc_target,
        "ollama_host": fake.url,
        "vllm_base_url": f"{fake.url}/v1",
        "embedded_model": "off",
        "model_timeout_s": 5,
    }
    return read(**{**values, **more})


def events_of(api: Api, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer."""
    with api.stream("POST", "/chat", json={**body, "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


@pytest.fixture(scope="module")
def api(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_with(settings_for(fake, tmp_path_factory.mktemp("api"))) as client:
        yield client


def openai_client(api: Api, **options: Any) -> openai.OpenAI:
    """The official client, which repeats nothing unless it is told to."""
    given = {"api_key": PASSWORD, "max_retries": 0, "timeout": 30, **options}
    return openai.OpenAI(base_url=f"{api.base_url}v1", **given)


@pytest.fixture
def client(api: Api) -> Iterator[openai.OpenAI]:
    with openai_client(api) as client:
        yield client
