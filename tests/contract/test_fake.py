"""The fake as a labelling model: rows, packs, faults of single rows, conduct as a server."""

import json
import re
import signal
import statistics
import subprocess
import sys
import urllib.request
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from lib.core.chat import Message, Provider, Request
from lib.core.errors import AppError, RateLimited, Unreachable
from lib.providers.vllm import VLLM
from lib.store.settings import ROOT
from tests.contract.conftest import ADAPTERS, QWEN, Adapter, Bench, text_of
from tests.contract.test_choices import LABELS, lines, pack_schema
from tests.fakes import FakeServer
from tests.fakes.conduct import Conduct, Door
from tests.fakes.labels import NO_LABEL, STRANGER

NUMBERS = count()


def answer(bench: Bench, text: str, **options: Any) -> str:
    options = {"choices": LABELS, "stream": False} | options
    return text_of(list(bench.provider.stream(bench.request(text, **options))))


def pack(bench: Bench, *texts: str) -> list[tuple[int, str]]:
    said = answer(bench, lines(*texts), choices=(), json_schema=pack_schema(len(texts)))
    return [(item["id"], item["label"]) for item in json.loads(said)]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a NEGATIVE, then positive", "positive"),
        ("so negative", "negative"),
        ("negatively", "positive"),
        ("known to nobody", "positive"),
        ("positive #say=negative", "negative"),
        ("positive #say=no_such_label", "no such label"),
    ],
)
def test_a_row_gets_the_first_label_it_names(bench: Bench, text: str, label: str) -> None:
    """A whole word decides, in the labels' order; `say` overrules it; else it is the first."""
    assert answer(bench, text).strip('"') == label


def test_quotes_come_only_with_json(bench: Bench) -> None:
    """A schema of a string gives a JSON string, a choice the bare text, as real servers do."""
    quoted = bench.adapter.id == "ollama"

    assert answer(bench, "negative") == ('"negative"' if quoted else "negative")


def test_say_works_without_choices(bench: Bench) -> None:
    """An unconstrained model says what it is told, for parsers of free answers."""
    assert answer(bench, "x #say=**Negative**.", choices=()) == "**Negative**."


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        ("missing", [(1, "negative")]),
        ("twice", [(1, "negative"), (2, "positive"), (2, "negative")]),
        ("stranger", [(1, "negative"), (2, "positive"), (STRANGER, "positive")]),
        ("shuffle", [(2, "positive"), (1, "negative")]),
        ("invalid", [(1, "negative"), (2, NO_LABEL)]),
    ],
)
def test_a_row_can_spoil_its_pack(bench: Bench, spoilt: str, expected: Any) -> None:
    """The fault is in the pack's answer, and gone when the row is asked alone."""
    row = f"positive #pack={spoilt}"

    assert pack(bench, "negative", row) == expected
    assert pack(bench, row) == [(1, "positive")]
    assert answer(bench, row).strip('"') == "positive"


def test_a_pack_can_be_an_object_keyed_by_id(bench: Bench) -> None:
    """The other form of a pack's answer."""
    label = {"type": "string", "enum": list(LABELS)}
    schema = {"type": "object", "properties": {"1": label, "2": label}, "required": ["1", "2"]}
    said = answer(bench, lines("negative", "x"), choices=(), json_schema=schema)

    assert json.loads(said) == {"1": "negative", "2": "positive"}


def test_faults_of_rows_do_not_fail_their_pack(bench: Bench) -> None:
    """A row's fault strikes when the row is asked alone, also in a pack of one."""
    row = "negative #fault=unavailable"

    assert pack(bench, row, "positive") == [(1, "negative"), (2, "positive")]
    with pytest.raises(Unreachable):
        pack(bench, row)


def test_once_strikes_the_first_call_only(bench: Bench) -> None:
    """A retry of the same row, alone or in a pack, gets its answer."""
    alone, packed = (f"{next(NUMBERS)} negative #once=rate_limited" for _ in range(2))
    wrong = f"{next(NUMBERS)} negative #once=invalid"
    for fails in (lambda: answer(bench, alone), lambda: pack(bench, "x", packed)):
        with pytest.raises(RateLimited):
            fails()

    assert answer(bench, alone).strip('"') == "negative"
    assert pack(bench, "x", packed) == [(1, "positive"), (2, "negative")]
    assert [answer(bench, wrong).strip('"') for _ in range(2)] == [NO_LABEL, "negative"]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.id)
def test_too_many_calls_a_second_are_refused(adapter: Adapter) -> None:
    """Beyond the burst a call gets 429 and a second to wait, and is not counted as asked."""
    with FakeServer(per_second=0.001) as strict, closing(_adapter(adapter, strict)) as provider:
        errors = [_error(provider, adapter.model, f"row {i}") for i in range(20)]
        refused = [error for error in errors if error]

    assert len(refused) == 19
    assert {type(error) for error in refused} == {RateLimited}
    assert {error.retry_after_s for error in refused} == {1}
    assert strict.stats["refused"] == len(refused)
    assert strict.texts == {"row 0": 1}


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.id)
def test_a_share_of_the_calls_fails(adapter: Adapter) -> None:
    """The coin is seeded, so the same calls fail every time."""
    runs = []
    for _ in range(2):
        with FakeServer(failing=0.3, seed=5) as weak, closing(_adapter(adapter, weak)) as provider:
            runs.append([_error(provider, adapter.model, "x") is not None for _ in range(30)])

    assert runs[0] == runs[1]
    assert 3 <= sum(runs[0]) <= 18


def test_more_than_so_many_at_once_are_refused() -> None:
    """A call beyond `concurrent` is told to come back, and let in when there is room."""
    door = Door(Conduct(concurrent=2))

    assert [door.turned_away(inside) for inside in (0, 1, 2, 3, 1)] == [
        "", "", "throttled", "throttled", "",
    ]  # fmt: skip


def test_the_bucket_fills_again() -> None:
    """A burst is a second's worth, and every second brings as many again."""
    now = [0.0]
    door = Door(Conduct(per_second=5), lambda: now[0])
    bursts = []
    for later in (0.0, 1.0, 0.5, 60.0):
        now[0] += later
        bursts.append(sum(not door.turned_away(0) for _ in range(20)))

    assert bursts == [5, 5, 2, 5]


def test_latencies_have_the_mean_they_were_given() -> None:
    """Log-normal around the mean when sigma is set, the mean itself when it is not."""
    door = Door(Conduct(latency_s=0.2, sigma=0.5, seed=3))
    drawn = [door.latency_s() for _ in range(5000)]

    assert statistics.mean(drawn) == pytest.approx(0.2, rel=0.05)
    assert min(drawn) < 0.1 < 0.4 < max(drawn)
    assert {Door(Conduct(latency_s=0.2)).latency_s() for _ in range(3)} == {0.2}


def test_it_runs_by_itself_and_tells_what_it_was_asked() -> None:
    """Other processes start it with flags and read how often each text was asked."""
    command = [sys.executable, "-m", "tests.fakes", "--port", "0", "--grpc-port", "0"]
    flags = ["--latency-s", "0.001", "--sigma", "0.5", "--concurrent", "9", "--seed", "4"]
    with subprocess.Popen([*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        url = re.match(r"http (\S+)", run.stdout.readline())
        assert url is not None
        with closing(VLLM([f"{url[1]}/v1"], "k", 10)) as provider:
            for text in ("one", "two", "two", lines("two", "three")):
                schema = pack_schema(2) if text.startswith("{") else None
                assert _error(provider, QWEN, text, json_schema=schema) is None
        asked, stats = (_get(url[1] + path) for path in ("/asked", "/stats"))
        run.send_signal(signal.SIGTERM)

    assert asked == {"one": 1, "two": 3, "three": 1}
    assert (stats["asked"], stats["refused"], stats["in_flight"]) == (4, 0, 0)
    assert stats["max_in_flight"] == 1
    assert stats["mean_latency_s"] > 0


def _adapter(adapter: Adapter, fake: FakeServer) -> Provider:
    return adapter.make(fake.url, fake.grpc_target, 10.0)


def _error(provider: Provider, model: str, text: str, **options: Any) -> AppError | None:
    request = Request(model, (Message("user", text),), stream=False, **options)
    try:
        list(provider.stream(request))
    except AppError as error:
        return error
    return None


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)
