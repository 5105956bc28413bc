"""Small lists labelled at once: an answer for every text, in order, each text asked once."""

import threading
from decimal import Decimal
from pathlib import Path

import pytest

from lib.core.chat import Usage
from lib.core.errors import AuthFailed, ModelMissing, NotConfigured, Unsupported
from lib.core.spec import Spec, parse
from lib.core.task import RowResult
from lib.work.app import App
from lib.work.classify import Classification
from tests.fakes import FakeServer
from tests.unit.builders import GEMINI, PICTURE, TEXT_ONLY, VLLM, running, wait_until
from tests.unit.crews import LABELS, fresh


def spec(**fields: object) -> Spec:
    return parse({"labels": LABELS, "model": VLLM, **fields})


def test_every_text_gets_an_answer_in_its_place(app: App) -> None:
    texts = [fresh(LABELS[n % 3]) for n in range(30)]
    results = Classification(app, spec(), texts).run()

    assert [one.label for one in results] == [LABELS[n % 3] for n in range(30)]
    assert {row["source"] for row in app.ledger.rows()} == {"classify"}


def test_texts_that_cannot_be_labelled_fail_in_their_places(app: App) -> None:
    texts = [None, fresh("ham"), " ", "half \ud800", fresh("#say=nothing"), fresh("#fault=safety")]
    results = Classification(app, spec(), texts).run()

    assert [one.label for one in results] == [None, "ham", None, None, None, None]
    assert [one.error for one in results] == [
        "bad_input", None, "bad_input", "bad_input", "bad_reply", "refused"
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 4])
def test_equal_texts_are_asked_once_and_the_others_are_free(
    app: App, fake: FakeServer, size: int
) -> None:
    one, two = fresh("#say=nothing"), fresh("eggs")
    asked = spec(model=GEMINI, rows_per_request=size, max_retries=0)
    results = Classification(app, asked, [two, one, two, one, two]).run()
    free = RowResult("eggs", None, None, GEMINI, Usage(0, 0, 0, 0), Decimal(0), None)

    assert [result.label for result in results] == ["eggs", None, "eggs", None, "eggs"]
    assert [result.error for result in results][1::2] == ["bad_reply"] * 2
    assert results[2] == results[4] == free
    assert (fake.texts[one], fake.texts[two]) == (1, 1)


def test_no_texts_get_no_answers(app: App) -> None:
    assert Classification(app, spec(), []).run() == []


def test_what_stops_all_of_them_is_raised(app: App) -> None:
    with pytest.raises(AuthFailed):
        Classification(app, spec(), [fresh("ham #fault=bad_key"), fresh("ham")]).run()
    with pytest.raises(ModelMissing):
        Classification(app, spec(model="vllm/nobody"), [fresh("ham")]).run()


def test_a_model_that_is_not_set_up_is_named_before_anything_is_asked(
    fake: FakeServer, tmp_path: Path
) -> None:
    with running(fake, tmp_path, vllm_base_url=None) as app, pytest.raises(NotConfigured):
        Classification(app, spec(), ["ham"])


def test_pictures_need_a_model_that_reads_them(app: App) -> None:
    with pytest.raises(Unsupported, match="image"):
        Classification(app, spec(model=TEXT_ONLY), ["a.png"], picture=lambda n: PICTURE)


def test_stop_hangs_up_and_what_is_there_is_answered(app: App, fake: FakeServer) -> None:
    """The caller has gone away; nobody waits for the rest."""
    texts = [fresh("ham"), fresh("#fault=hang")]
    asked = Classification(app, spec(), texts)
    found: list[list[RowResult]] = []
    thread = threading.Thread(target=lambda: found.append(asked.run()))
    thread.start()
    assert wait_until(lambda: len([r for r in app.ledger.rows() if r["total_ms"]]) == 1)
    assert wait_until(lambda: texts[1] in fake.texts)
    asked.stop()
    thread.join(10)

    assert [one.label for one in found[0]] == ["ham", None]
    assert [one.error for one in found[0]] == [None, None]
