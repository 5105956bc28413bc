"""A scoring model's first rows are held back until its leaning shows; then all are judged alike."""

from concurrent.futures import ThreadPoolExecutor

from lib.core.calibration import ENOUGH_ROWS, Centre, centre, decide
from lib.core.chat import ModelInfo, Request, TokenLogprob
from lib.core.completion import continuations
from lib.core.spec import parse
from lib.store.job_rows import Row
from lib.work.app import App
from lib.work.calibrating import Calibrator
from lib.work.tally import Pending
from tests.unit.crews import LABELS, TOLD, Told, Work

TASK = parse({"labels": ["Good", "BAD"]}).task
SCORER = ModelInfo("vllm", "told", scores=True)


def scores(n: int) -> dict[str, float]:
    """Row n's log-probabilities: the model leans to «Good», odd rows a little less so."""
    return {"Good": -0.2 - n % 2, "BAD": -4.0 + n % 2 + n / 1000}


def token(n: int) -> TokenLogprob:
    top = zip(continuations(TASK), scores(n).values(), strict=True)
    return TokenLogprob("", 0.0, tuple(top))


def row(n: int) -> Pending:
    return Pending(Row(n, f"text {n}"), key="")


class Kept:
    """Where calibrations are stored; `first` is what another machine stored before."""

    def __init__(self, first: Centre | None = None) -> None:
        self.given: list[Centre] = []
        self._first = first

    def __call__(self, made: Centre) -> Centre:
        self.given.append(made)
        return self._first or made


def test_rows_are_held_back_until_there_are_enough_and_then_judged_together() -> None:
    kept = Kept()
    calibrator = Calibrator(TASK, "m", None, kept)
    settled = [calibrator.take(row(n), token(n)) for n in range(ENOUGH_ROWS)]
    middle = centre([scores(n) for n in range(ENOUGH_ROWS)])

    assert [len(some) for some in settled] == [0] * (ENOUGH_ROWS - 1) + [ENOUGH_ROWS]
    assert kept.given == [middle]
    assert [(result.label, result.confidence) for _, result in settled[-1]] == [
        decide(scores(n), middle) for n in range(ENOUGH_ROWS)
    ]
    assert {result.label for _, result in settled[-1]} == {"Good", "BAD"}


def test_later_rows_are_judged_at_once_and_change_nothing() -> None:
    kept = Kept()
    calibrator = Calibrator(TASK, "m", None, kept)
    for n in range(ENOUGH_ROWS):
        calibrator.take(row(n), token(n))
    ((pending, result),) = calibrator.take(row(77), token(77))

    assert (pending.row.n, result.model) == (77, "m")
    assert (result.label, result.confidence) == decide(scores(77), kept.given[0])
    assert len(kept.given) == 1


def test_a_calibration_from_before_is_used_from_the_first_row() -> None:
    """A resumed job goes on as it began, whatever rows are left."""
    kept, known = Kept(), centre([scores(n) for n in range(8)])
    ((_, result),) = Calibrator(TASK, "m", known, kept).take(row(1), token(1))

    assert (result.label, result.confidence) == decide(scores(1), known)
    assert kept.given == []


def test_the_calibration_of_the_machine_that_was_first_counts() -> None:
    theirs: Centre = {"leaning": {"Good": -30.0, "BAD": 0.0}, "width": 1.0}
    calibrator = Calibrator(TASK, "m", None, Kept(theirs))
    (*_, settled) = (calibrator.take(row(n), token(n)) for n in range(ENOUGH_ROWS))
    _, result = settled[0]

    assert (result.label, result.confidence) == decide(scores(0), theirs)


def test_fewer_rows_than_enough_are_judged_with_what_there_is() -> None:
    """But a centre of so few is not kept for the rest of the job."""
    kept = Kept()
    calibrator = Calibrator(TASK, "m", None, kept)
    for n in range(5):
        calibrator.take(row(n), token(n))
    assert calibrator.holds
    settled = calibrator.rest()

    assert [pending.row.n for pending, _ in settled] == list(range(5))
    middle = centre([scores(n) for n in range(5)])
    assert [(got.label, got.confidence) for _, got in settled] == [
        decide(scores(n), middle) for n in range(5)
    ]
    assert kept.given == []
    assert (calibrator.holds, calibrator.rest()) == (False, [])


def test_threads_settle_every_row_once_and_calibrate_once() -> None:
    kept = Kept()
    calibrator = Calibrator(TASK, "m", None, kept)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: calibrator.take(row(n), token(n)), range(500)))
    numbers = [pending.row.n for some in found for pending, _ in some]

    assert sorted(numbers) == list(range(500))
    assert len(kept.given) == 1


def scoring(app: App, size: int, kept: Kept, stop_after: int = 0) -> Work:
    """A crew in front of a model that finds the label that stands in the text likeliest."""

    def logprobs(request: Request) -> tuple[TokenLogprob, ...]:
        if len(provider.asked) == stop_after:
            work.crew.stop()
        text = request.messages[-1].text
        found = [(choice, -1.0 if choice in text else -3.0) for choice in request.choices]
        return (TokenLogprob(found[0][0], -1.0, tuple(found)),)

    provider = Told(lambda request: request.choices[0], logprobs)
    work = Work(app, size, provider=provider, info=SCORER, order={"keep_centre": kept})
    return work


def texts(count: int) -> list[str]:
    return [f"row {n} is {LABELS[n % 3]}" for n in range(count)]


def test_a_crew_ends_with_every_row_judged_however_few_there_are(app: App) -> None:
    """The last one to go judges what is held; nobody waits for rows that never come."""
    for count in (1, 7, ENOUGH_ROWS, 3 * ENOUGH_ROWS + 1):
        kept = Kept()
        work = scoring(app, 8, kept)
        assert work.run(*texts(count))
        assert len(kept.given) == (count >= ENOUGH_ROWS)
        assert len(work.results) == count
        assert all(0 < result.confidence <= 1 for result in work.results.values())
    assert work.labels == [LABELS[n % 3] for n in range(count)]


def test_rows_that_are_held_when_it_stops_are_kept_as_any_call_under_way(app: App) -> None:
    work = scoring(app, 1, Kept(), stop_after=5)

    assert not work.run(*texts(40))
    assert sorted(work.results) == [0, 1, 2, 3, 4]


def test_a_scored_row_takes_what_its_call_took(app: App) -> None:
    work = scoring(app, 1, Kept())
    work.run(*texts(2))

    assert [result.usage.input_tokens for result in work.results.values()] == [10, 10]
    assert {result.model for result in work.results.values()} == {TOLD.id}
