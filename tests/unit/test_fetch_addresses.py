"""The fetch of a picture by URL reaches public addresses only, however they are spelt."""

from typing import Any

import pytest

from lib.core.errors import BlockedUrl
from lib.work.fetch import fetch_picture, is_forbidden


def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


V4 = """127.0.0.1 127.255.255.254 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1
0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 100.64.0.1 100.100.100.200 100.127.255.255 192.0.0.1
192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16""".split()  # noqa: SIM905
V6 = """:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:a9fe:a9fe ::ffff:8.8.8.8
::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::
2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3ffe::1 3fff::1 5f00::1
fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 fe80::5efe:7f00:1 febf::1 fec0::1 ff02::1 ff0e::1
2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1 4000::1 0:0:0:0:0:0:0:1""".split()  # noqa: SIM905
SPELLINGS = [
    "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/",
    "http://127.0.1/", "http://0x7f.1/", "http://0x7f.0.0.1/", "http://127.0.0.0x1/",
    "http://0177.0.0.1/", "http://127.000.000.001/", "http://127.0.0.1./", "http://127.0.0.01/",
    "http://1/", "http://0/", "http://0x/", "http://127.0.0.256/", "http://1.2.3.4.5/",
    "http://127。0。0。1/", "http://１２７.0.0.1/", "http://①②⑦.0.0.1/", "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/", "http://0xA9FEA9FE/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[v1.x]/", "http://[127.0.0.1]/", "http://[::1/", "http://::1/", "http://[::1]x/",
    "https://127.0.0.1/", "HTTP://127.0.0.1/", "http://a@127.0.0.1/", "http://8.8.8.8@127.0.0.1/",
    "http://user:word@8.8.8.8/", "http://127.0.0.1#@8.8.8.8/", "http://8.8.8.8\\@127.0.0.1/",
    "http://127.0.0.1\\.example.org/", "http:127.0.0.1", "http:/127.0.0.1/", "http:///127.0.0.1/",
    "//127.0.0.1/", "127.0.0.1", "", "http://", "http:///", "http://.", "http://..", "http://a..b/",
    "http://?x", "http://a b/", " http://8.8.8.8/", "http://8.8.8.8/ ", "http://8.8.8.8/\n",
    "http://8.8.8.8/\r\nHost: x", "http://8.8.8.8\t/", "http://8.8.8.8/\x00", "http://8.8.8.8/\u2028",
    "http://8.8.8.8:0/", "http://8.8.8.8:65536/", "http://8.8.8.8:-1/", "http://8.8.8.8:80:80/",
    "http://8.8.8.8:x/", "http://8.8.8.8:８０/", "http://8.8.8.8:" + "9" * 1900, "http://8.8.8.8:+80/",
    "http://8.8.8.8/" + "a" * 2048, "http://" + "a" * 64 + ".example/", "http://exa$mple.org/",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://8.8.8.8/a.png", "gopher://8.8.8.8/",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "ws://8.8.8.8/", "unix:/run/docker.sock",
    "dict://8.8.8.8:11211/", "httpſ://127.0.0.1/", "ht\ttp://8.8.8.8/", "http+unix://x/",
]  # fmt: skip
URLS = [f"http://{a}/" for a in V4] + [f"http://[{a}]/" for a in V6] + SPELLINGS


@pytest.mark.parametrize("url", URLS)
def test_a_forbidden_address_is_blocked_in_every_spelling(url: str) -> None:
    """Private, special and oddly spelt addresses are blocked before any look-up or connection."""
    with pytest.raises(BlockedUrl) as caught:
        fetch_picture(url, resolve=never)

    assert str(caught.value) == "image_url: this does not lead to a public http or https address."


@pytest.mark.parametrize("address", [*V4, *V6, "fe80::1%eth0", "2606:4700::1%1", "", "localhost"])
def test_what_is_not_clearly_public_is_forbidden(address: str) -> None:
    """The judge of addresses refuses special blocks, embedded IPv4, scopes and non-addresses."""
    assert is_forbidden(address)
    with pytest.raises(BlockedUrl):
        fetch_picture("http://name.example/", resolve=lambda *_: ["8.8.8.8", address])


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    """Ordinary addresses, also right beside private blocks, are not forbidden."""
    assert not is_forbidden(address)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "no-such-name.invalid"])
def test_the_systems_own_resolver_is_judged_too(name: str) -> None:
    """Names for this machine and names that do not exist are blocked alike."""
    with pytest.raises(BlockedUrl):
        fetch_picture(f"http://{name}/")


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("label too long")])
def test_a_name_without_addresses_is_blocked(answer: Any) -> None:
    """A resolver's failure of any kind is a blocked address."""

    def resolve(host: str, port: int) -> list[str]:
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    with pytest.raises(BlockedUrl):
        fetch_picture("http://name.example/", resolve=resolve)
