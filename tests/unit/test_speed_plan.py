"""What a speed test may be asked for, and the prompts it asks with."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core import speed_prompt
from lib.core.chat import ModelInfo, Thinking
from lib.core.errors import BadInput
from lib.core.speed import SpeedPlan, check, seconds_left, usual_plan
from tests.unit.speed_rows import level

MODEL = ModelInfo("ollama", "small", context_tokens=4096, max_output_tokens=2000)


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (SpeedPlan(()), "streams"),
        (SpeedPlan((0,)), "streams"),
        (SpeedPlan((1, 65)), "streams"),
        (SpeedPlan(tuple(range(1, 10))), "streams"),
        (SpeedPlan((1,), input_tokens=15), "input_tokens"),
        (SpeedPlan((1,), input_tokens=100_001), "input_tokens"),
        (SpeedPlan((1,), output_tokens=15), "output_tokens"),
        (SpeedPlan((1,), output_tokens=4097), "output_tokens"),
        (SpeedPlan((1,), output_tokens=2001), "output_tokens"),
        (SpeedPlan((1,), input_tokens=4000, output_tokens=100), "input_tokens"),
    ],
)
def test_the_field_is_named(plan: SpeedPlan, field: str) -> None:
    """Whoever asks for too much learns which field it was."""
    with pytest.raises(BadInput, match=f"^{field}: "):
        check(plan, MODEL)


def test_how_long_is_left() -> None:
    """The rounds to come at the last level's speed; before the first nobody knows."""
    plan, first = SpeedPlan((1, 2, 4), 500, 100), level(1, 50.0)  # 0.5 s to read, 2 s to write

    assert seconds_left(plan, (), 0) is None
    assert seconds_left(plan, (first,), 1) == pytest.approx(2.5 * (2 * 2 + 3 * 4))
    assert seconds_left(plan, (first,) * 3, 0) == 0
    assert seconds_left(plan, (level(1, None),), 0) is None


def test_the_built_in_model_is_asked_for_less() -> None:
    """It computes on a CPU: what suits a GPU takes it many minutes."""
    assert usual_plan("embedded") == SpeedPlan((1, 2), 256, 64)


def test_levels_come_in_order() -> None:
    """Each once, the smallest first."""
    assert check(SpeedPlan((4, 1, 4, 2)), MODEL).streams == (1, 2, 4)


def test_a_context_nobody_knows_bounds_nothing() -> None:
    assert check(SpeedPlan((1,), 100_000, 4096), ModelInfo("vllm", "x")).input_tokens == 100_000


def test_what_suits_a_provider() -> None:
    """vLLM is made for many streams, the others for few."""
    assert usual_plan("vllm") == SpeedPlan((1, 2, 4, 8, 16, 32), 512, 128)
    assert usual_plan("ollama") == SpeedPlan((1, 2, 4, 8), 512, 128)


@given(
    fixed=st.integers(0, 60),
    per_word=st.sampled_from([1, 1.5, 2, 3]),
    tokens=st.integers(200, 9000),
)
def test_prompts_fit_after_two_counts(fixed: int, per_word: float, tokens: int) -> None:
    """However a tokenizer counts, two counts give the words of a prompt of the wanted length."""
    counted = {words: int(fixed + per_word * words) for words in (tokens // 2, tokens // 3)}
    words = speed_prompt.fit(*counted.items()).words(tokens)

    assert tokens - per_word - 2 < fixed + per_word * words <= tokens + 1


@pytest.mark.parametrize("other", [(10, 50), (20, 50), (20, 40)])
def test_counts_that_tell_nothing(other: tuple[int, int]) -> None:
    """The same twice, or fewer tokens for more words: a word is taken for a token."""
    assert speed_prompt.fit((10, 50), other).words(100) in (60, 70, 80)


def test_no_count_makes_a_prompt_endless() -> None:
    """A server that counts a few tokens in a long prompt is not asked for a longer and longer one:
    a word is a token at least."""
    assert speed_prompt.Fit(0, 1 / 256).words(512) == 512
    assert speed_prompt.fit((256, 1), (512, 2)).words(100_000) == 100_000


def test_a_prompt_shorter_than_its_task_has_no_words() -> None:
    assert speed_prompt.Fit(40, 1).words(16) == 0


def test_a_prompt_begins_with_its_nonce() -> None:
    """Nothing a server may remember stands before it; equal numbers of words are equally long."""
    texts = [speed_prompt.request(MODEL, nonce, 200, 64).messages[0].text for nonce in ("ab", "cd")]

    assert texts[0].startswith("ab ")
    assert texts[1].startswith("cd ")
    assert texts[0][2:] == texts[1][2:]
    lengths = [len(speed_prompt.request(MODEL, "ab", n, 64).messages[0].text) for n in range(300)]
    assert {more - less for less, more in pairwise(lengths)} == {5}


def test_the_answer_is_as_long_as_wanted() -> None:
    """No early end, no choice of words, exactly so many tokens."""
    asked = speed_prompt.request(MODEL, "ab", 10, 77)

    assert (asked.max_tokens, asked.ignore_eos, asked.temperature) == (77, True, 0)


@pytest.mark.parametrize(
    ("levels", "thinking"),
    [((), None), (("off", "high"), "off"), (("low", "medium", "high"), "low")],
)
def test_as_little_thinking_as_it_goes(levels: tuple[Thinking, ...], thinking: str | None) -> None:
    info = ModelInfo("ollama", "thinker", thinking=levels)

    assert speed_prompt.request(info, "ab", 1, 16).thinking == thinking
