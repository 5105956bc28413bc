"""The product as a stranger meets it: one running server, its API in this process, bare sockets."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.api.conftest import Api, api_with, settings_for
from tests.attacks.internet import Internet, internet_at_the_wire
from tests.browser.conftest import PASSWORD, Site, start_site, until_healthy
from tests.fakes import FakeServer


@pytest.fixture(scope="package")
def site(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The process that `make run` starts, in front of the fakes, with a login."""
    settings = {
        "APP_PASSWORD": PASSWORD,
        "OLLAMA_HOST": fake.url,
        "EMBEDDED_MODEL": "off",
        "MODEL_TIMEOUT_S": "20",
    }
    running = until_healthy(start_site(tmp_path_factory.mktemp("attacked"), **settings))
    yield running
    running.stop()


@pytest.fixture(scope="package")
def cookie(site: Site) -> str:
    """`name=value` of somebody who is logged in."""
    form = {"password": PASSWORD}
    answer = httpx2.post(f"{site.url}/login", data=form, follow_redirects=False)
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="package")
def internet() -> Iterator[Internet]:
    with internet_at_the_wire() as stand_in:
        yield stand_in


@pytest.fixture(scope="package")
def api(
    fake: FakeServer, internet: Internet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The JSON API in this process, so that names and connections can be watched at the wire."""
    settings = settings_for(fake, tmp_path_factory.mktemp("api"), vllm_base_url="")
    with api_with(settings, most_bytes=settings.max_upload_mb * 2**20) as client:
        yield client
