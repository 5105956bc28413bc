"""No spelling of an address makes this server connect to anything that is not public."""

from typing import Any

import httpx2
import pytest

from tests.api.conftest import Api
from tests.attacks.internet import PUBLIC, Internet
from tests.unit.builders import OLLAMA
from tests.unit.picture_site import PNG, send

# Each means this machine to some resolver, browser or library.
THIS_MACHINE = """
127.0.0.1 127.1 127.0.1 127.255.255.254 0.0.0.0 0 1 2130706433 017700000001 0x7f000001 0X7F000001
0x7f.1 0x7f.0.0.1 0177.1 0177.0.0.1 0177.0x0.0.1 127.0.0.0x1 127.000.000.001 00127.0.0.1 127.0.0.1.
4294967297 0x17f000001 0x7f000001. 127.1. localhost LOCALHOST localhost. localhost.localdomain
ip6-localhost [::1] [::] [0:0:0:0:0:0:0:1] [0000::1] [::0001] [::127.0.0.1] [::ffff:127.0.0.1]
[::ffff:7f00:1] [::FFFF:7F00:0001] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0:127.0.0.1]
[64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::]
[2001::80ff:fffe] [::1%25lo] [::1%lo] [::1%251] [fe80::5efe:127.0.0.1] [v1.::1]
１２７.0.0.1 ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 ⓛocalhost ｌｏｃａｌｈｏｓｔ ٠x7f.1
127%2e0%2e0%2e1 %31%32%37.0.0.1 %6cocalhost 127.0.0.1%00 127.0.0.1%2f 127.0.0.1%23 localhost%0a
""".split()  # noqa: SIM905
# What a machine in a cloud, a cluster or an office has next to it.
NEIGHBOURS = """
169.254.169.254 169.254.170.2 0xA9FEA9FE 2852039166 0251.0376.0251.0376 169.16689662
169.254.43518 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [fd00:ec2::254] [fd20:ce::254] [fe80::1]
[fe80::1%25eth0] 168.63.129.16 100.100.100.200 192.0.0.192 10.0.0.1 172.16.0.1
172.31.255.254 192.168.1.1 10.1 0xa.1
100.64.0.1 198.18.0.1 224.0.0.251 255.255.255.255 240.0.0.1 [fc00::1] [fd12:3456::1] [ff02::1]
[2001:db8::1] [64:ff9b::169.254.169.254] [2002:a9fe:a9fe::] metadata.google.internal metadata
metadata.google.internal. printer.local kubernetes.default.svc db.internal router.lan
""".split()  # noqa: SIM905
NAMES = {
    "metadata.google.internal": "169.254.169.254", "metadata": "169.254.169.254",
    "printer.local": "192.168.1.9", "kubernetes.default.svc": "10.96.0.1",
    "db.internal": "10.0.0.7", "router.lan": "192.168.1.1",
    "localhost.localdomain": "127.0.0.1", "ip6-localhost": "::1",
}  # fmt: skip
# PORT is where this machine listens; public.example is what its name says.
URLS = """
http://public.example@127.0.0.1:PORT/ http://a:b@127.0.0.1:PORT/ http://127.0.0.1:PORT@public.example/
http://public.example:80@127.0.0.1:PORT/ http://@127.0.0.1:PORT/ http://a@b@127.0.0.1:PORT/
http://public.example%40127.0.0.1:PORT/ http://public.example%00@127.0.0.1:PORT/
http://public.example\\@127.0.0.1:PORT/ http://127.0.0.1:PORT\\@public.example/
http://127.0.0.1:PORT\\.public.example/ http:\\\\127.0.0.1:PORT\\ http:/\\127.0.0.1:PORT/
http:127.0.0.1:PORT/ http:/127.0.0.1:PORT/ http:///127.0.0.1:PORT/ http:////127.0.0.1:PORT/
//127.0.0.1:PORT/ ///127.0.0.1:PORT/ 127.0.0.1:PORT localhost:PORT /a.png a.png ?a #a
http://127.0.0.1:PORT#@public.example/ http://127.0.0.1:PORT?@public.example/
http://[127.0.0.1]:PORT/ http://[::1]x:PORT/
http://[::1:PORT/ http://::1:PORT/ http://[[::1]]:PORT/ http://127.0.0.1::PORT/
http://127.0.0.1:0PORT/ http://127.0.0.1:+PORT/ http://127.0.0.1:PORT:80/ http://127.0.0.1:PORTx/
http://public.example:0/ http://public.example:65536/ http://public.example:-1/
http://public.example:８０/ http://public.example:99999999999/ http://public..example/ http://.public.example/
http://*.public.example/ http://public.example,127.0.0.1:PORT/ http://public.example;127.0.0.1/
http://public.example^127.0.0.1/ http://public.example|127.0.0.1/ http://{127.0.0.1}:PORT/
HTTP://127.0.0.1:PORT/ hTTps://127.0.0.1:PORT/ url:http://127.0.0.1:PORT/ http+unix://127.0.0.1:PORT/
file:///etc/passwd file://localhost/etc/passwd file:/etc/passwd file:etc/passwd
ftp://127.0.0.1:PORT/a.png sftp://127.0.0.1:PORT/ tftp://127.0.0.1:PORT/a gopher://127.0.0.1:PORT/_GET
dict://127.0.0.1:PORT/d ldap://127.0.0.1:PORT/ ldaps://127.0.0.1:PORT/ telnet://127.0.0.1:PORT/
smb://127.0.0.1/a ws://127.0.0.1:PORT/ wss://127.0.0.1:PORT/ jar:http://127.0.0.1:PORT!/a
netdoc:///etc/passwd php://filter/resource=/etc/passwd expect://id phar:///a unix:///run/docker.sock
data:image/png;base64,iVBORw0KGgo= javascript:alert(1) blob:http://127.0.0.1:PORT/a about:blank
view-source:http://127.0.0.1:PORT/ mailto:a@public.example cid:a chrome://version httpſ://127.0.0.1:PORT/
""".split()  # noqa: SIM905
WITH_BLANKS = [
    " http://127.0.0.1:PORT/", "http://127.0.0.1:PORT/ ", "ht\ttp://127.0.0.1:PORT/", "\nhttp://public.example/",
    "http://public.example/\n", "http://public.example/\r\nHost: 127.0.0.1", "http://public.example\t/",
    "http://public.example/ HTTP/1.1\r\nX: y", "http://127.0.0.1:PORT\x00/", "http://public.example/\x00",
    "http://public.example\u2028/", "http://public.example\u00ad/", "http://public.example\u200b/",
    "http://public.exa mple/", "http://public.example/\u2029", "http://public.example/\x7f",
    "\ufeffhttp://127.0.0.1:PORT/",
    "http://public.example/" + "a" * 2048,
    "http://" + "a." * 130 + "example/", "http://" + "a" * 64 + ".example/",
]  # fmt: skip
FORBIDDEN = [
    *(f"http://{host}:PORT/" for host in THIS_MACHINE),
    *(f"http://{host}/latest/meta-data/" for host in NEIGHBOURS),
    *URLS, *WITH_BLANKS,
]  # fmt: skip


def by_vision(api: Api, url: str) -> httpx2.Response:
    return api.post("/vision", params={"image_url": url, "prompt": "x", "model": OLLAMA})


def by_vision_form(api: Api, url: str) -> httpx2.Response:
    return api.post("/vision", data={"image_url": url, "prompt": "x", "model": OLLAMA})


def by_completions(api: Api, url: str) -> httpx2.Response:
    picture = {"type": "image_url", "image_url": {"url": url}}
    said = {"role": "user", "content": [{"type": "text", "text": "x"}, picture]}
    return api.post("/v1/chat/completions", json={"model": OLLAMA, "messages": [said]})


DOORS = {"query": by_vision, "form": by_vision_form, "completions": by_completions}


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code, which every dialect has."""
    return answer.status_code, str(answer.json()["error"]["code"])


@pytest.fixture(autouse=True)
def _fresh(internet: Internet) -> None:
    """Every path of the listener on this machine would answer with a picture."""
    internet.clear()
    internet.names |= {name: [[address]] for name, address in NAMES.items()}
    internet.names["public.example"] = [[PUBLIC]]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("url", FORBIDDEN)
def test_no_spelling_reaches_what_is_not_public(
    api: Api, internet: Internet, door: str, url: str
) -> None:
    """The call is 422 blocked_url, nothing is dialled, and no address is in the answer."""
    answer = DOORS[door](api, url.replace("PORT", str(internet.site.port)))

    # OpenAI's dialect has pictures in data: addresses, and this one is broken.
    own = door == "completions" and url.startswith("data:")
    assert refused(answer) == (422, "bad_input" if own else "blocked_url")
    assert internet.dialled == []
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "url", ["http://public.example/a", f"HTTPS://{PUBLIC}/", f"http://{PUBLIC}"]
)
def test_the_same_doors_reach_what_is_public(
    api: Api, internet: Internet, door: str, url: str
) -> None:
    """The table above is refused for what it says, not because nothing works here."""
    internet.site.replies |= dict.fromkeys(("/", "/a"), send(PNG))
    answer = DOORS[door](api, url)

    assert {host for host, _ in internet.dialled} == {PUBLIC}
    assert answer.status_code == 200 or url.startswith("HTTPS")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("given", ["", " "])
def test_no_address_is_no_picture(api: Api, internet: Internet, door: str, given: Any) -> None:
    """An empty address is bad input or a blocked one, never a fetch."""
    status, code = refused(DOORS[door](api, given))

    assert (status, code in ("bad_input", "blocked_url")) == (422, True)
    assert internet.dialled == []
