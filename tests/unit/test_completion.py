"""A task and a text become a prompt that goes on with the label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.completion import continuations, prompt, prompts
from lib.core.task import Example, Label, Task

REVIEWS = Task(
    (Label("POSITIVE"), Label("NEGATIVE"), Label("NEUTRAL")),
    examples=(Example("i love it.", "POSITIVE"), Example("it broke.", "NEGATIVE")),
)
NAMES = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12),
    min_size=2,
    max_size=6,
    unique_by=str.lower,
)


def labels(*names: str, instruction: str = "") -> Task:
    return Task(tuple(map(Label, names)), instruction)


def test_the_text_stands_between_the_examples_and_the_question() -> None:
    """Examples are written as the row itself is, each with its label."""
    assert prompt(REVIEWS, "It is fine.") == (
        "Text: i love it.\nSentiment: positive\n\n"
        "Text: it broke.\nSentiment: negative\n\n"
        "Text: It is fine.\nSentiment:"
    )


def test_what_rows_share_comes_first() -> None:
    """So the model reads it once for all of them."""
    one, other = prompt(REVIEWS, "a"), prompt(REVIEWS, "b")

    assert one.removesuffix("a\nSentiment:") == other.removesuffix("b\nSentiment:")


def test_a_task_with_examples_asks_with_and_without_them() -> None:
    """The second way is the bare text; without examples there is only one."""
    bare = Task(REVIEWS.labels)

    assert prompts(REVIEWS, "x") == (prompt(REVIEWS, "x"), prompt(bare, "x"))
    assert prompts(bare, "x") == ("Text: x\nSentiment:",)


def test_the_instruction_and_the_labels_meanings_stand_above() -> None:
    """Only meanings that are given are told."""
    task = Task(
        (Label("Bill", "about money"), Label("Other")), instruction="Sort the mails by topic."
    )

    assert prompt(task, "x") == ("Sort the mails by topic.\n\nbill: about money\n\nText: x\nTopic:")


@pytest.mark.parametrize(
    ("task", "word"),
    [
        (labels("pos", "neg"), "Sentiment"),
        (labels("very positive", "very negative"), "Sentiment"),
        (labels("yes", "no"), "Answer"),
        (labels("joy", "anger", "fear"), "Emotion"),
        (labels("billing", "delivery"), "Category"),
        (labels("A", "B", instruction="Which intent has the customer?"), "Intent"),
    ],
)
def test_the_question_is_the_word_for_such_labels(task: Task, word: str) -> None:
    """The instruction's own word goes before what the labels suggest."""
    assert prompt(task, "x").endswith(f"\n{word}:")


def test_labels_are_lower_cased_unless_case_is_all_that_differs() -> None:
    """Running text is lower case, but two labels must not become one."""
    assert continuations(labels("POSITIVE", "Negative")) == (" positive", " negative")
    assert continuations(labels("us", "US")) == (" us", " US")


def test_labels_that_begin_others_end_with_their_line() -> None:
    """Else «good» would be at least as likely as «good value», whatever the text."""
    assert continuations(labels("good", "good value")) == (" good\n", " good value\n")


@given(NAMES, st.text())
def test_every_label_has_a_continuation_of_its_own_and_no_text_is_changed(names, text) -> None:
    """No continuation begins another one, and the row's text is in the prompt as it is."""
    task = labels(*names)
    words = continuations(task)

    assert len(words) == len(names)
    assert not any(a.startswith(b) for a in words for b in words if a is not b)
    assert f"Text: {text}\n" in prompt(task, text)
