"""A task and a text as a prompt that a language model continues with the label.

Small models answer badly when asked, yet know well what would stand next: every text stands above
the name of what is wanted («Sentiment:»), and the model says how likely each label is there.
"""

import re
from dataclasses import replace
from itertools import permutations

from lib.core.task import Task

# A model of 135 million weights told sentiments apart after «Sentiment:» and hardly after «Label:»,
# so a word for the kind of label matters more than anything else in the prompt.
_KINDS = {
    "Sentiment": "positive negative neutral mixed pos neg favourable unfavourable",
    "Emotion": "joy anger sadness fear disgust surprise love happy sad angry",
    "Answer": "yes no true false",
}
_NAMED = "sentiment emotion topic tone intent language category genre mood opinion priority"
_OTHERWISE = "Category"


def prompt(task: Task, text: str) -> str:
    """Everything rows share comes first; `text` stands unchanged at the end, above the question."""
    kind = _kind(task)
    continuation = dict(zip(task.names, continuations(task), strict=True))
    shown = "".join(
        f"Text: {example.text}\n{kind}:{continuation[example.label].rstrip()}\n\n"
        for example in task.examples
    )
    return f"{_head(task)}{shown}Text: {text}\n{kind}:"


def prompts(task: Task, text: str) -> tuple[str, ...]:
    """All ways to ask; a label's log-probability is the mean over them.

    With examples the model knows what is wanted, without them no example's wording misleads it:
    their mean is right more often than either.
    """
    bare = replace(task, examples=())
    return (prompt(task, text), prompt(bare, text)) if task.examples else (prompt(task, text),)


def continuations(task: Task) -> tuple[str, ...]:
    """What stands after the prompt for each label, in the task's order; all different.

    Lower case is likelier in running text, so it is used unless two labels differ by case alone.
    When a label begins another one, each ends with its line, so that both can be told apart.
    """
    lowered = [name.lower() for name in task.names]
    words = lowered if len(set(lowered)) == len(lowered) else list(task.names)
    begins = any(longer.startswith(shorter) for shorter, longer in permutations(words, 2))
    return tuple(f" {word}\n" if begins else f" {word}" for word in words)


def _kind(task: Task) -> str:
    """The word before the colon: what the instruction calls it, else what such labels are."""
    if named := [word for word in _words(task.instruction) if word in _NAMED.split()]:
        return named[0].capitalize()
    names = {word for name in task.names for word in _words(name)}
    return next((kind for kind, usual in _KINDS.items() if names & set(usual.split())), _OTHERWISE)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _head(task: Task) -> str:
    """The instruction and what the labels mean, as far as the task says it."""
    meanings = "".join(
        f"{label.name.lower()}: {label.description}\n" for label in task.labels if label.description
    )
    return "".join(f"{part.strip()}\n\n" for part in (task.instruction, meanings) if part.strip())
