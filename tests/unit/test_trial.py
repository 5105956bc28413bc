"""Some rows asked before a job, and what all of them would take: means, bounds, other models."""

import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.chat import Usage
from lib.core.errors import BadInput
from lib.core.spec import Spec, parse
from lib.core.task import RowResult
from lib.store.row_files import Table, open_table
from lib.work.app import App
from lib.work.trial import TRIED, Trial, TriedRow, estimate, try_rows
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, INPUT, OUTPUT, VLLM
from tests.unit.crews import LABELS, fresh
from tests.unit.nasty_archives import pictures


def spec(**fields: object) -> Spec:
    return parse({"labels": LABELS, "model": GEMINI, **fields})


def table(folder: Path, texts: Sequence[str]) -> Table:
    path = folder / "file.csv"
    path.write_text("id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)))
    return open_table(path)


def trial(*results: RowResult, model: str = GEMINI) -> Trial:
    return Trial(model, tuple(TriedRow(n, "x", result) for n, result in enumerate(results)))


def took(
    tokens: int | None = 100, out: int | None = 10, usd: str | None = "0.001", ms: float | None = 60
) -> RowResult:
    cost = None if usd is None else Decimal(usd)
    return RowResult("ham", None, None, GEMINI, Usage(tokens, out), cost, ms)


def test_the_first_rows_of_a_file_are_asked_as_the_job_would(
    app: App, fake: FakeServer, tmp_path: Path
) -> None:
    texts = [fresh(LABELS[n % 3]) for n in range(TRIED + 5)]
    found = try_rows(app, table(tmp_path, texts), spec(model=VLLM, text_column="text"))

    assert found.model == VLLM
    assert [(row.n, row.text) for row in found.rows] == list(enumerate(texts[:TRIED]))
    assert [row.result.label for row in found.rows] == [LABELS[n % 3] for n in range(TRIED)]
    assert not set(texts[TRIED:]) & set(fake.texts)


def test_a_short_file_is_tried_whole(app: App, tmp_path: Path) -> None:
    texts = [fresh("ham"), fresh("eggs")]
    found = try_rows(app, table(tmp_path, texts), spec(model=VLLM, text_column="text"))

    assert [row.result.label for row in found.rows] == ["ham", "eggs"]


def test_pictures_are_tried_by_what_they_show_and_a_broken_one_fails_alone(
    app: App, fake: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "pictures.zip"
    path.write_bytes(pictures(2, ("broken.jpg", b"no picture")))
    before = len(fake.asked)
    found = try_rows(app, open_table(path), spec(model=VLLM))

    assert [row.text for row in found.rows] == ["1.png", "2.png", "broken.jpg"]
    assert [row.result.label for row in found.rows] == ["spam", "spam", None]
    assert [row.result.error for row in found.rows] == [None, None, "bad_input"]
    assert ["image_url" in str(call.body) for call in fake.asked[before:]] == [True, True]


def test_a_column_that_is_not_there_is_named(app: App, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="text_column"):
        try_rows(app, table(tmp_path, ["ham"]), spec(text_column="Text"))


def test_rows_that_took_the_same_make_a_sharp_estimate(app: App) -> None:
    found = estimate(app, trial(*[took()] * 20), spec(concurrency=10), 50_000)

    assert (found.rows, found.calls) == (50_000, 50_000)
    assert (found.input_tokens, found.output_tokens) == (5_000_000, 500_000)
    assert found.usd == found.usd_low == found.usd_high == 50
    assert found.minutes == pytest.approx(5)
    assert found.minutes_low == found.minutes_high == found.minutes


def test_rows_that_differ_bound_it_with_95_percent(app: App) -> None:
    """1.96 standard errors of the mean of 1, 2 and 3 thousandths, times a thousand rows."""
    found = estimate(app, trial(*[took(usd=f"0.00{n}") for n in (1, 2, 3)]), spec(), 1000)
    error = 1.96 * math.sqrt(1 / 3)

    assert found.usd == 2
    assert [float(found.usd_low), float(found.usd_high)] == pytest.approx(
        [2 - error, 2 + error], rel=1e-5
    )


def test_a_bound_is_never_below_nothing(app: App) -> None:
    found = estimate(app, trial(took(usd="0"), took(usd="0.01"), took(usd="0")), spec(), 10)

    assert found.usd_low == 0


def test_one_unknown_figure_leaves_its_estimate_unknown_and_no_other(app: App) -> None:
    found = estimate(app, trial(took(), took(out=None, usd=None)), spec(), 1000)

    assert found.input_tokens == 100_000
    assert (found.output_tokens, found.usd, found.usd_low, found.usd_high) == (None,) * 4
    assert found.minutes is not None
    assert found.others == ()


def test_rows_that_made_no_call_took_no_time(app: App) -> None:
    """Blank rows and twins are rows of the job too, but nobody waited for them."""
    blank = RowResult(error="bad_input", usage=Usage(0, 0, 0, 0), cost_usd=Decimal(0))
    found = estimate(app, trial(took(ms=60), blank), spec(concurrency=1), 1000)

    assert found.minutes == pytest.approx(1)
    assert found.usd == Decimal("0.5")


def test_nothing_tried_tells_nothing(app: App) -> None:
    found = estimate(app, trial(), spec(), 1000)

    assert (found.input_tokens, found.usd, found.minutes) == (None, None, None)


def test_packs_make_fewer_calls_and_their_rows_wait_together(app: App) -> None:
    one = estimate(app, trial(took(ms=600)), spec(concurrency=2), 1001)
    ten = estimate(app, trial(took(ms=600)), spec(concurrency=2, rows_per_request=10), 1001)

    assert (one.calls, ten.calls) == (1001, 101)
    assert one.minutes == pytest.approx(10 * ten.minutes)


def test_votes_multiply_the_calls(app: App) -> None:
    assert estimate(app, trial(took()), spec(votes=3), 100).calls == 300


def test_the_same_tokens_are_priced_at_other_models_cheapest_first(app: App) -> None:
    """By the token; the model that was tried only appears for its batch price."""
    found = estimate(app, trial(took(1000, 100), model=VLLM), spec(), 1000).others
    prices = {one.model: one for one in found}

    assert prices[GEMINI].usd == 1_000_000 * INPUT + 100_000 * OUTPUT
    assert [one.usd for one in found] == sorted(one.usd for one in found)
    assert all(one.batch_usd is None or one.batch_usd < one.usd for one in found)
    own = [one for one in estimate(app, trial(took()), spec(), 10).others if one.model == GEMINI]
    assert all(one.batch_usd is not None for one in own)


def test_without_a_spec_for_it_the_providers_usual_concurrency_counts(app: App) -> None:
    few = estimate(app, trial(took(), model="ollama/x"), spec(), 1000)
    many = estimate(app, trial(took(), model="vllm/x"), spec(), 1000)

    assert few.minutes > many.minutes
