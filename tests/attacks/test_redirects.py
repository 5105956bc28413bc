"""A public address may not lead this server inside: by redirect, by its name, or by its answer."""

import pytest

from tests.api.conftest import Api
from tests.api.jobs import refusal
from tests.attacks.internet import ALSO_PUBLIC, PUBLIC, Internet
from tests.attacks.test_addresses import by_vision
from tests.unit.picture_site import PNG, Handler, Reply, redirect, send

START = "http://one.example/0"
INSIDE = "10.0.0.7"
FOUND = "HTTP/1.1 302 Found\r\nLocation: "


@pytest.fixture(autouse=True)
def _fresh(internet: Internet) -> None:
    internet.clear()
    internet.names |= {
        "one.example": [[PUBLIC]],
        "two.example": [[ALSO_PUBLIC]],
        "inside.example": [[INSIDE]],
        "mixed.example": [[PUBLIC, INSIDE]],
    }


def reply_of(step: str) -> Reply:
    """A redirect to there; a whole head is answered byte for byte, as no tidy server would."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(step.encode("latin-1") + b"\r\n\r\n")

    return reply if step.startswith("HTTP/") else redirect(step)


# Where /0, /1, … redirect to; all requests of a chain but the blocked one are made.
LEADING_INSIDE = {
    "a private address": [f"http://{INSIDE}/"],
    "a name of one": ["http://inside.example/"],
    "a name that is also one": ["http://mixed.example/"],
    "an unknown name": ["http://nowhere.example/"],
    "loopback": ["http://127.0.0.1:PORT/"],
    "localhost": ["http://localhost:PORT/"],
    "itself on another port, inside": ["http://0.0.0.0:PORT/"],
    "metadata": ["http://169.254.169.254/latest/meta-data/iam/"],
    "metadata in hex": ["http://0xA9FEA9FE/"],
    "IPv4 in IPv6": ["http://[::ffff:10.0.0.7]/"],
    "at the second hop": ["/1", f"http://{INSIDE}/"],
    "at the third hop": ["/1", "//two.example/2", "//inside.example/"],
    "at the fourth hop": ["1", "2", "./3", f"//{INSIDE}/"],
    "protocol-relative": [f"//{INSIDE}/"],
    "protocol-relative loopback": ["//127.0.0.1:PORT/"],
    "backslashes": [f"\\\\{INSIDE}/"],
    "slash and backslash": [f"/\\{INSIDE}/"],
    "userinfo": [f"http://one.example@{INSIDE}/"],
    "userinfo of a public place": ["http://a:b@two.example/"],
    "a tab in the scheme": [f"ht\ttp://{INSIDE}/"],
    "blanks before": [f"{FOUND}    http://{INSIDE}/"],
    "folded": [f"{FOUND}http://two\r\n .example@{INSIDE}/"],
    "a comma list": [f"http://{INSIDE}/, http://two.example/"],
    "the last of two": [f"{FOUND}http://two.example/9\r\nLocation: http://{INSIDE}/"],
    "a file": ["file:///etc/passwd"],
    "ftp": ["ftp://two.example/a.png"],
    "gopher": ["gopher://two.example/_x"],
    "data": ["data:image/png;base64,AAAA"],
    "script": ["javascript:alert(1)"],
    "port 0": ["http://two.example:0/"],
    "no host": ["http://:80/"],
    "four hops": ["/1", "/2", "/3", "/4"],
    "a loop": ["/0", "", "", ""],
    "a loop of two": ["//two.example/1", "//one.example/0", "", ""],
    "only a fragment": ["#x", "", "", ""],
}


@pytest.mark.parametrize("case", LEADING_INSIDE)
def test_no_redirect_leads_inside(api: Api, internet: Internet, case: str) -> None:
    """Every hop is judged as the first: blocked, and only public addresses were ever dialled."""
    steps = LEADING_INSIDE[case]
    port = str(internet.site.port)
    for number, step in enumerate(steps):
        internet.site.replies[f"/{number}"] = reply_of(step.replace("PORT", port))
    answer = by_vision(api, START)

    assert refusal(answer) == (422, "blocked_url")
    assert {host for host, _ in internet.dialled} <= {PUBLIC, ALSO_PUBLIC}
    assert len(internet.site.seen) == len(steps)
    assert INSIDE not in answer.text


@pytest.mark.parametrize(
    "location", [f"http:///{INSIDE}/", f"http:{INSIDE}", f"/{INSIDE}", f"{FOUND}\xff\xfe", FOUND]
)
def test_what_names_no_host_stays_where_it_is(api: Api, internet: Internet, location: str) -> None:
    """A redirect without a host of its own is asked of the host that sent it, and of no other."""
    internet.site.replies["/0"] = reply_of(location)
    answer = by_vision(api, START)

    assert answer.status_code == 422
    assert {host for host, _ in internet.dialled} == {PUBLIC}


def test_a_redirect_to_another_port_goes_to_the_judged_address(
    api: Api, internet: Internet
) -> None:
    """Another port of the same name is a new hop: looked up, judged and dialled anew."""
    internet.site.replies |= {"/0": redirect("http://one.example:8080/1"), "/1": send(PNG)}

    assert by_vision(api, START).status_code == 200
    assert internet.dialled == [(PUBLIC, 80), (PUBLIC, 8080)]
    assert internet.looked_up == ["one.example"] * 2


REBINDING = {
    "private at the second look": ([[PUBLIC], [INSIDE]], 200, [PUBLIC]),
    "loopback at the second look": ([[PUBLIC], ["127.0.0.1"]], 200, [PUBLIC]),
    "private among public": ([[PUBLIC, INSIDE]], 422, []),
    "private before public": ([[INSIDE, PUBLIC]], 422, []),
    "IPv4 in IPv6": ([[PUBLIC, "::ffff:10.0.0.7"]], 422, []),
    "a scope": ([["fe80::1%2"]], 422, []),
    "nothing": ([[]], 422, []),
}  # fmt: skip


@pytest.mark.parametrize("case", REBINDING)
def test_a_name_that_changes_its_mind_wins_nothing(api: Api, internet: Internet, case: str) -> None:
    """One look-up for a hop; the connection goes to the very address that was judged."""
    answers, status, dialled = REBINDING[case]
    internet.names["one.example"] = [list(answer) for answer in answers]
    internet.site.replies["/0"] = send(PNG)
    answer = by_vision(api, START)

    assert answer.status_code == status
    assert [host for host, _ in internet.dialled] == dialled
    assert internet.looked_up == ["one.example"]


def test_a_name_that_turns_inside_between_two_hops_is_caught(api: Api, internet: Internet) -> None:
    """A redirect back to the same name is judged by what the name says then."""
    internet.names["one.example"] = [[PUBLIC], ["127.0.0.1"]]
    internet.site.replies["/0"] = redirect(f"http://one.example:{internet.site.port}/1")
    answer = by_vision(api, START)

    assert refusal(answer) == (422, "blocked_url")
    assert internet.dialled == [(PUBLIC, 80)]
