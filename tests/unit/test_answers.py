"""An answer is a label when it surely is one; confidence is a probability or unknown."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.answers import confidence_of, label_of, vote
from lib.core.chat import TokenLogprob

NAMES = ("Spam", "Not spam", "ham")
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SETS = st.lists(
    NAME.filter(str.strip), min_size=2, max_size=6, unique_by=lambda n: n.strip().casefold()
)
WORDS = st.lists(
    st.text("abcxyzäß -", min_size=1, max_size=8).filter(lambda w: w[0].isalpha()),
    min_size=2, max_size=6, unique_by=lambda n: n.strip().casefold(),
)  # fmt: skip
DRESSES = [
    "{}", " {}\n", "{}.", '"{}"', "'{}'", "“{}”", "«{}»", "„{}“", "`{}`", "**{}**", "*{}*", "_{}_",
    "__{}__.", "**{}.**", '"{}."', '"{}".', "~~{}~~", "```\n{}\n```", "# {}", "- {}", "> {}",
    "### **{}**", "\u00a0{}\u00a0",
]  # fmt: skip

NO_LABELS = [
    "", " ", ".", '""', '"', "spam ham", "spam or ham", "it is spam", "spam!", "spam..", "spa",
    "sp am", "spam, surely", "Label: spam", "none", "{}", "null", '{"label": "spam"}', "1",
]  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("said", ["spam", "SPAM", "Spam", "not Spam"])
def test_blanks_quotes_marks_a_stop_and_case_do_not_matter(dress: str, said: str) -> None:
    """The label comes back as the spec writes it."""
    assert label_of(dress.format(said), NAMES) == {"n": "Not spam", "s": "Spam"}[said[0].lower()]


@pytest.mark.parametrize("said", NO_LABELS)
def test_anything_else_is_no_label(said: str) -> None:
    assert label_of(said, NAMES) is None


@given(SETS, st.data())
def test_a_label_that_is_said_word_for_word_is_never_taken_for_another(
    names: list[str], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(names))

    assert label_of(name, names) in (name, None)
    assert label_of(json.dumps(name), names) in (name, None)


@given(WORDS, st.sampled_from(DRESSES), st.data())
def test_a_plain_label_is_found_in_any_dress(
    names: list[str], dress: str, data: st.DataObject
) -> None:
    """Also as the JSON string that some servers make of a constrained answer."""
    name = data.draw(st.sampled_from(names))

    assert label_of(dress.format(name), names) == name
    assert label_of(json.dumps(dress.format(name)), names) == name


@given(st.text(), SETS)
def test_whatever_is_said_gives_one_of_the_labels_or_none(said: str, names: list[str]) -> None:
    assert label_of(said, names) in (*names, None)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("*a*", "_a_"), "a"),
        (('"a"', "a"), '"a"'),
        (("a.", "'a'"), '"a"'),
        (("*", "+"), "."),
        (("1", "-1"), "- 1"),
    ],
)
def test_what_could_be_two_labels_is_none(names: tuple[str, ...], said: str) -> None:
    assert label_of(said, names) is None


@pytest.mark.parametrize(
    ("names", "said", "label"),
    [
        (("a", "a."), "a.", "a."),
        (("a", "a."), "a", "a"),
        (("1", "-1"), "**-1**", "-1"),
        (("C#", "C"), "`c#`", "C#"),
        (("*", "+"), '"*"', "*"),
        (("“good”", "bad"), "GOOD", "“good”"),
        (("été", "hiver"), "ÉTÉ", "été"),
        (("groß", "klein"), "GROSS", "groß"),
        ((" spaced ", "b"), '" spaced "', " spaced "),
        (('say "hi"', "b"), json.dumps('say "hi"'), 'say "hi"'),
    ],
)
def test_a_label_that_has_marks_of_its_own_is_found(
    names: tuple[str, ...], said: str, label: str
) -> None:
    assert label_of(said, names) == label


def test_confidence_is_the_probability_of_all_the_tokens_together() -> None:
    tokens = [TokenLogprob("not", math.log(0.8)), TokenLogprob(" spam", math.log(0.5))]

    assert confidence_of(tokens) == pytest.approx(0.4)


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_confidence_is_from_0_to_1_or_unknown(logprobs: list[float]) -> None:
    """A server's rounding may go a little above certainty, and nonsense is no reason to stop."""
    found = confidence_of([TokenLogprob("x", value) for value in logprobs])

    assert (found is None) == (not all(map(math.isfinite, logprobs)))
    assert found is None or 0 <= found <= 1


def test_without_log_probabilities_confidence_is_unknown() -> None:
    assert confidence_of([]) is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b", "a"], ("a", 2 / 3)),
        (["b", "a"], ("b", 0.5)),
        (["a", None, None], ("a", 1 / 3)),
        ([None], (None, None)),
        ([], (None, None)),
    ],
)
def test_the_majority_wins_and_its_share_is_the_confidence(labels: Any, expected: Any) -> None:
    assert vote(labels) == expected
