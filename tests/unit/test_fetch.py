"""The fetch of a picture by URL judges every hop, and goes where it has judged."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from lib.core.chat import Media
from lib.core.errors import BadInput, BlockedUrl
from tests.unit.builders import tls_contexts
from tests.unit.picture_site import PNG, Site, redirect, send, serving


def test_a_picture_comes_back_and_nothing_of_us_goes_out(site: Site, monkeypatch: Any) -> None:
    """The picture is read by content; the request carries the name asked for and no secrets."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site.replies["/a?b=%20c"] = send(Content_Type="text/plain", Set_Cookie="a=b")
    media = site.fetch(
        f"http://Name.Example.:{site.port}/a?b=%20c#d", resolve=lambda *_: ["127.0.0.1"]
    )

    assert media == Media("image/png", PNG)
    assert set(site.seen[0]) == {"path", "host", "accept", "accept-encoding", "user-agent"}
    assert site.seen[0]["host"] == f"name.example:{site.port}"


def test_each_hop_is_looked_up_once_and_reached_where_it_was_judged(site: Site) -> None:
    """A resolver that answers «private» the second time changes nothing: there is no second."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if asked.count(host) == 1 else ["10.0.0.1"]

    site.replies |= {"/": redirect(f"http://two.example:{site.port}/x"), "/x": send()}

    assert site.fetch(f"http://one.example:{site.port}/", resolve=rebinding).data == PNG
    assert asked == ["one.example", "two.example"]
    site.replies["/"] = redirect("/x")
    asked.clear()
    with pytest.raises(BlockedUrl):
        site.fetch(f"http://one.example:{site.port}/", resolve=rebinding)


def test_a_dead_address_is_passed_over_for_a_living_one(site: Site) -> None:
    """Of several judged addresses the first that answers is used, as with IPv6 gone."""
    site.replies["/"] = send()
    url, addresses = f"http://name.example:{site.port}/", ["::1", "127.0.0.2", "127.0.0.1"]

    assert site.fetch(url, resolve=lambda *_: addresses, forbidden=lambda _: False).data == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_without_cookies(site: Site, status: int) -> None:
    """Three redirects of any kind, relative ones too, lead to the picture; no cookie is kept."""
    for path, target in {"/": "/1", "/1": f"{site.base}/2", "/2": "?3"}.items():
        site.replies[path] = send(b"", status, Location=target, Set_Cookie="a=b")
    site.replies["/2?3"] = send()

    assert site.fetch("/").data == PNG
    assert not any("cookie" in request for request in site.seen)


def test_more_than_three_redirects_are_blocked(site: Site) -> None:
    """A chain of four and a loop end as a blocked address after four requests."""
    site.replies |= {f"/{n}": redirect(f"/{n + 1}") for n in range(4)}
    site.replies |= {"/4": send(), "/loop": redirect("/loop")}
    for path in ("/0", "/loop"):
        site.seen.clear()
        with pytest.raises(BlockedUrl, match="redirects more than 3 times"):
            site.fetch(path)

        assert len(site.seen) == 4


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/", "//10.0.0.1/x", "http://[::1]/", "file:///etc/passwd",
     "ftp://8.8.8.8/", "http://2130706433/", "http://a:b@8.8.8.8/", "http://127.0.0.1\\@8.8.8.8/",
     "\thttp://8.8.8.8/", "http://[", "http://\xff\xfe/", "https:///x", "http://localhost/"],
)  # fmt: skip
def test_a_redirect_is_judged_like_the_first_address(site: Site, location: str) -> None:
    """A redirect to a forbidden address, scheme or spelling is blocked; the message hides it."""
    site.replies["/"] = redirect(location)
    with pytest.raises(BlockedUrl) as caught:
        site.fetch("/", forbidden=lambda address: address != "127.0.0.1" or len(site.seen) > 0)

    assert str(caught.value) == "image_url: this does not lead to a public http or https address."
    assert len(site.seen) == 1


def test_tls_holds_the_judged_address_to_the_name_asked_for(tmp_path: Path) -> None:
    """The certificate must be trusted and carry the URL's name, though an address is dialled."""
    trusting, server = tls_contexts("right.example", tmp_path)
    with serving(server) as site:
        site.replies["/"] = send()

        def ask(name: str, tls: ssl.SSLContext | None) -> Media:
            url = f"https://{name}:{site.port}/"
            return site.fetch(url, resolve=lambda *_: ["127.0.0.1"], tls=tls)

        assert ask("right.example.", trusting).data == PNG
        for name, tls in (
            ("wrong.example", trusting),
            ("127.0.0.1", trusting),
            ("right.example", None),
        ):
            with pytest.raises(BadInput, match="did not answer"):
                ask(name, tls)
