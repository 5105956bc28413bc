"""Votes: every row is asked several times, the majority wins and its share is the confidence."""

import pytest

from lib.core.chat import Request
from lib.core.errors import Unreachable
from lib.work.app import App
from tests.fakes import FakeServer
from tests.unit.builders import VLLM
from tests.unit.crews import Told, Work, fresh


def asked(app: App, *answers: str, **fields: int) -> tuple[Work, Told]:
    """One row, and what is said call by call; an empty answer is a busy server."""
    saying = iter(answers)

    def say(_: Request) -> str:
        if said := next(saying):
            return said
        raise Unreachable("It is busy.", retry_after_s=0.0)

    provider = Told(say)
    work = Work(app, provider=provider, **fields)
    work.run("one text")
    return work, provider


@pytest.mark.parametrize(
    ("answers", "label", "share"),
    [
        (["ham", "ham", "ham"], "ham", 1.0),
        (["spam", "ham", "ham"], "ham", 2 / 3),
        (["eggs", "spam", "ham"], "eggs", 1 / 3),
    ],
)
def test_the_majority_of_the_votes_is_the_label(
    app: App, answers: list[str], label: str, share: float
) -> None:
    work, _ = asked(app, *answers, votes=3)

    assert (work.labels, work.results[0].confidence) == ([label], pytest.approx(share))
    assert work.results[0].usage.input_tokens == 30


def test_votes_are_asked_with_chance_and_single_answers_without(app: App) -> None:
    """A model that always says the same tells nothing by saying it thrice."""
    _, several = asked(app, "ham", "ham", "ham", votes=3)
    _, one = asked(app, "ham")

    assert all(request.temperature for request in several.asked)
    assert one.asked[0].temperature == 0


def test_every_vote_has_its_own_repeats(app: App) -> None:
    """An invalid answer or a busy server in one vote takes nothing from the next one."""
    answers = ["no", "ham", "", "ham", "no", "spam", "", "ham", "no", "ham"]
    work, provider = asked(app, *answers, votes=5, max_retries=1)

    assert (work.labels, work.errors) == (["ham"], [None])
    assert len(provider.asked) == 10


def test_a_vote_that_gets_no_label_fails_the_row(app: App) -> None:
    work, provider = asked(app, "ham", "no", "no", votes=3)

    assert (work.labels, work.errors) == ([None], ["bad_reply"])
    assert len(provider.asked) == 3


def test_rows_with_votes_go_on_beside_each_other(app: App, fake: FakeServer) -> None:
    work, texts = Work(app, 4, model=VLLM, votes=3), [fresh("eggs") for _ in range(6)]
    work.run(*texts)

    assert work.labels == ["eggs"] * 6
    assert [fake.texts[text] for text in texts] == [3] * 6
