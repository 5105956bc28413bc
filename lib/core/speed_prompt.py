"""Prompts of a wanted length for a speed test, no two of which begin alike.

A server that remembers prompts would otherwise not read them, and its speed of reading be a lie.
"""

import math
from dataclasses import dataclass
from itertools import cycle, islice

from lib.core.chat import Message, ModelInfo, Request

# Plain words of four letters: a token each in nearly every vocabulary, and prompts of as many
# words are equally long, so that Ollama asks for the same window and does not load anew.
WORDS = (
    "time year work life hand part case week room book word side kind head home line form name "
    "area body door face fact team land idea city road town wall tree bird fish boat ship farm "
    "rain snow wind moon star lake hill sand rock wood fire gold salt milk rice corn meat soup"
)
# Ollama cannot be told to write on, so the task must not come to an end by itself.
TASK = "Count upwards from one, in words and without a pause. Never stop."


@dataclass(frozen=True, slots=True)
class Fit:
    """How many tokens prompts have: `fixed`, and `per_word` for each word beside the task."""

    fixed: float = 0.0
    per_word: float = 1.0

    def words(self, tokens: int) -> int:
        """The most words with which a prompt has no more tokens than that.

        Never more than `tokens`, whatever a server counts: a word is a token at least.
        """
        return max(0, min(tokens, math.floor((tokens - self.fixed) / self.per_word)))


def fit(first: tuple[int, int], second: tuple[int, int]) -> Fit:
    """From two prompts of (words, tokens as the server counted them)."""
    (few, fewer_tokens), (many, more_tokens) = sorted((first, second))
    if few == many or fewer_tokens >= more_tokens:
        return Fit(fewer_tokens - few)
    per_word = (more_tokens - fewer_tokens) / (many - few)
    return Fit(fewer_tokens - per_word * few, per_word)


def request(info: ModelInfo, nonce: str, words: int, output_tokens: int) -> Request:
    """Begins with the `nonce`, which no other prompt may have; asks for so many tokens exactly.

    Without thinking, or with the least of it, where the model can be told.
    """
    text = " ".join([nonce, *islice(cycle(WORDS.split()), words), TASK])
    thinking = "off" if "off" in info.thinking else next(iter(info.thinking), None)
    return Request(
        info.name,
        (Message("user", text),),
        max_tokens=output_tokens,
        temperature=0.0,
        thinking=thinking,
        ignore_eos=True,
    )
