"""What answers tell the browser: policies, framing, what may be stored, and no more than that."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lib.web.headers import policy_for
from lib.web.shell import Shell
from tests.api.conftest import Api
from tests.api.doors import call


async def answer(request: Request) -> Response:
    if request.url.path.endswith("broken"):
        raise RuntimeError
    if request.url.path.endswith("strict"):
        return Response(headers={"Content-Security-Policy": "default-src 'none'"})
    if request.url.path.endswith("kept.js"):
        return Response(headers={"ETag": "abc"})
    return JSONResponse({})


def site() -> Starlette:
    shell = Middleware(Shell, most_bytes=1000)
    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET"])], middleware=[shell])


def headers_of(path: str, **scope: str) -> dict[str, str]:
    return call(site(), path, **scope)[1]


@pytest.mark.parametrize("path", ["/", "/classify", "/static/a.js", "/api/models", "/broken"])
def test_every_answer_carries_the_policies(path: str) -> None:
    """Pages, files, API and crashes alike: nothing foreign is run, sent to, framed or sniffed."""
    headers = headers_of(path)
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )

    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["script-src"].startswith("'self' 'sha256-")
    assert "unsafe" not in policy["script-src"]
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=(self)" in headers["permissions-policy"]
    assert "geolocation=()" in headers["permissions-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-dns-prefetch-control"] == "off"


def test_a_stricter_answer_stays_as_it_is() -> None:
    """What an answer says itself is said once."""
    assert headers_of("/strict")["content-security-policy"] == "default-src 'none'"


def test_files_of_people_are_shut_in() -> None:
    """An uploaded SVG that is opened by itself runs no script and has no origin."""
    policy = headers_of("/media/abc.svg")["content-security-policy"]

    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_answers_of_the_api_are_never_stored() -> None:
    """No copy of an answer stays in a browser or a proxy; Swagger's own files may."""
    assert headers_of("/api/models")["cache-control"] == "no-store"
    assert "cache-control" not in headers_of("/api/swagger/kept.js")
    assert "cache-control" not in headers_of("/")


def test_tls_is_asked_for_only_over_tls() -> None:
    """Said over plain http it would mean nothing; the subdomains of a shared name are not ours."""
    assert "strict-transport-security" not in headers_of("/")
    assert headers_of("/", scheme="https")["strict-transport-security"] == "max-age=86400"


def test_the_policy_names_the_scripts_of_the_page() -> None:
    """Inline scripts run by their content, as CSP level 2 wants it, and no others."""
    policy = policy_for("<p>x</p><script>\nalert(1)\n</script><script src='a.js'></script>")

    # printf '\nalert(1)\n' | openssl dgst -sha256 -binary | base64
    assert "script-src 'self' 'sha256-J8+4/wmqNoqVGih0Xof49bzVEIwR8aHhR5HvZK1wlzY=';" in policy


def test_the_real_api_says_so_too(api: Api) -> None:
    """Models, the description and its page over a real connection; the page names its script."""
    models, docs = api.get("/models"), api.get("/docs")

    assert models.headers["cache-control"] == docs.headers["cache-control"] == "no-store"
    assert models.headers["x-frame-options"] == "SAMEORIGIN"
    assert docs.headers["content-security-policy"] == policy_for(docs.text)
    assert docs.headers["content-security-policy"] != models.headers["content-security-policy"]
