"""Packs: several rows in a request; what an item lacks is asked again, and nothing is shifted."""

import pytest

from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, OLLAMA, VLLM
from tests.unit.crews import LABELS, Work, fresh

EVERYONE = pytest.mark.parametrize("model", [GEMINI, OLLAMA, VLLM])


def ten(directive: str = "", at: int = 4) -> tuple[list[str], list[str]]:
    """Ten texts, one of them with a directive, and their labels."""
    labels = [LABELS[n % 3] for n in range(10)]
    said = [f"{label} {directive if n == at else ''}" for n, label in enumerate(labels)]
    return [fresh(text.strip()) for text in said], labels


@EVERYONE
def test_a_pack_is_one_call_that_labels_all_its_rows(app: App, model: str) -> None:
    work, (texts, labels) = Work(app, model=model, rows_per_request=10), ten()
    work.run(*texts)

    assert work.labels == labels
    assert len(app.ledger.rows()) == 1


@EVERYONE
@pytest.mark.parametrize("spoilt", ["missing", "twice", "stranger", "shuffle", "invalid"])
def test_a_spoilt_item_never_shifts_the_others(
    app: App, fake: FakeServer, model: str, spoilt: str
) -> None:
    """Missing, doubled, strange, reordered, invalid: only what has no label is asked again."""
    work, (texts, labels) = Work(app, model=model, rows_per_request=10), ten(f"#pack={spoilt}")
    work.run(*texts)
    asked = [fake.texts[text] for text in texts]

    assert (work.labels, work.errors) == (labels, [None] * 10)
    once_more = 2 if spoilt in ("missing", "twice", "invalid") else 1
    assert asked == [once_more if n == 4 else 1 for n in range(10)]


@pytest.mark.parametrize("spoilt", ["missing", "twice", "invalid"])
def test_without_retries_an_item_without_a_label_is_a_bad_reply(app: App, spoilt: str) -> None:
    work = Work(app, rows_per_request=10, max_retries=0)
    texts, labels = ten(f"#pack={spoilt}")
    work.run(*texts)

    assert work.errors == ["bad_reply" if n == 4 else None for n in range(10)]
    assert work.labels == [None if n == 4 else label for n, label in enumerate(labels)]


def test_a_row_that_never_gets_a_label_fails_alone(app: App, fake: FakeServer) -> None:
    """Once in the pack and twice by itself."""
    work, (texts, _) = Work(app, rows_per_request=10), ten("#say=neither")
    work.run(*texts)

    assert work.errors == ["bad_reply" if n == 4 else None for n in range(10)]
    assert fake.texts[texts[4]] == 3


@pytest.mark.parametrize("fault", ["unavailable", "internal"])
def test_a_pack_that_meets_a_server_error_is_asked_again_whole(app: App, fault: str) -> None:
    work, (texts, labels) = Work(app, rows_per_request=10), ten(f"#once={fault}")
    work.run(*texts)

    assert work.labels == labels
    assert len(app.ledger.rows()) == 2


def test_a_pack_whose_server_errors_stay_makes_its_rows_unreachable(
    app: App, fake: FakeServer
) -> None:
    work = Work(app, rows_per_request=10, max_retries=0)
    work.run(*ten("#once=unavailable")[0])

    assert work.errors == ["unreachable"] * 10


@pytest.mark.parametrize("fault", ["safety", "bad_request"])
@pytest.mark.parametrize("retries", [0, 5])
def test_a_row_that_spoils_its_pack_does_not_fail_the_others(
    app: App, fault: str, retries: int
) -> None:
    """Which row it was shows when they are asked in smaller packs; that is no retry."""
    work = Work(app, rows_per_request=10, max_retries=retries)
    texts, labels = ten(f"#once={fault}")
    work.run(*texts)

    assert (work.labels, work.errors) == (labels, [None] * 10)


def test_what_a_whole_pack_leaves_open_is_asked_in_smaller_ones(app: App) -> None:
    """An answer that cannot be read says nothing of any row."""
    work, (texts, labels) = Work(app, rows_per_request=10), ten("#once=broken_json")
    work.run(*texts)

    assert work.labels == labels
    assert len(app.ledger.rows()) == 1 + 5  # packs of a quarter


def test_an_answer_that_ran_out_of_room_is_asked_again(app: App) -> None:
    work, (texts, labels) = Work(app, rows_per_request=10), ten("#once=max_tokens")
    work.run(*texts)

    assert work.labels == labels


def test_the_parts_of_a_pack_add_up_to_its_calls(app: App) -> None:
    work = Work(app, model=GEMINI, rows_per_request=10)
    work.run(*ten("#pack=missing")[0])
    rows, results = app.ledger.rows(), work.results.values()

    for name in ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens"):
        assert sum(getattr(one.usage, name) for one in results) == sum(row[name] for row in rows)
    assert sum(one.cost_usd for one in results) == sum(row["cost_usd"] for row in rows)


def test_rows_that_cannot_be_sent_take_no_place_in_a_pack(app: App) -> None:
    work, (texts, labels) = Work(app, rows_per_request=5), ten()
    work.run(None, *texts[:2], "", *texts[2:5], "half \ud800", *texts[5:])

    assert [error for error in work.errors if error] == ["bad_input"] * 3
    assert [label for label in work.labels if label] == labels
    assert work.errors[0] == work.errors[3] == work.errors[7] == "bad_input"


def test_a_pack_is_filled_up_to_its_size_and_the_last_one_with_the_rest(app: App) -> None:
    work, (texts, labels) = Work(app, rows_per_request=4), ten()
    work.run(*texts)

    assert work.labels == labels
    assert len(app.ledger.rows()) == 3


def test_a_pack_says_nothing_of_confidence(app: App) -> None:
    work = Work(app, rows_per_request=10)
    work.run(*ten()[0])

    assert {one.confidence for one in work.results.values()} == {None}
