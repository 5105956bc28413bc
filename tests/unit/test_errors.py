"""The tree of errors is the one its docstring draws, and speaks the contract's codes."""

import re

import pytest

from lib.core import errors
from lib.core.errors import AppError, BadReply, RateLimited

# Codes and statuses that callers of the JSON API rely on.
PUBLIC = {
    "bad_input": 422,
    "too_large": 413,
    "unauthorized": 401,
    "not_found": 404,
    "not_configured": 503,
    "model_missing": 404,
    "auth_failed": 502,
    "rate_limited": 429,
    "quota_exhausted": 429,
    "over_budget": 402,
    "refused": 422,
    "timed_out": 504,
    "unreachable": 502,
    "bad_reply": 502,
    "unsupported": 422,
    "blocked_url": 422,
    "busy": 503,
    "storage_failed": 503,
}


def tree(cls: type[AppError]) -> set[type[AppError]]:
    return {cls}.union(*(tree(child) for child in cls.__subclasses__()))


# Other rooms may derive from these; what they add is theirs to test.
OURS = {cls for cls in tree(AppError) if cls.__module__ == errors.__name__}
CLASSES = sorted(OURS, key=lambda cls: cls.__name__)
ABSTRACT = {"AppError", "ProviderError"}


def drawn() -> dict[str, str]:
    """Child to parent, as the module's docstring draws it."""
    parents, above = {}, {0: "AppError"}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = len(found[1]) // 4 + 1
            above[depth] = found[2]
            parents[found[2]] = above[depth - 1]
    return parents


def test_tree_is_as_drawn():
    """The drawing in the docstring names every class, under the class it derives from."""
    real = {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES if cls is not AppError}

    assert drawn() == real


def test_retryable_ones_are_marked_in_the_drawing():
    """The drawing marks the classes with a retryable answer, apart from what derives from them."""
    marked = set(re.findall(r"(\w+) +retryable", errors.__doc__ or ""))
    own = {cls.__name__ for cls in CLASSES if cls.retryable and "retryable" in vars(cls)}

    assert marked == own


def test_codes_are_the_contract():
    """Every raised class has a public code with its status, and every public code has a class."""
    ours = {cls.code: cls.status for cls in CLASSES if cls.__name__ not in ABSTRACT}

    assert ours == PUBLIC


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_has_a_hint(cls: type[AppError]):
    """An error always says in one sentence what to do next."""
    error = cls("What happened.")

    assert str(error) == "What happened."
    assert re.fullmatch(r"[A-Z].+\.", error.hint)


def test_what_the_raiser_says_comes_first():
    """A hint and a wait given where the error is raised replace the class's own."""
    error = RateLimited("Too many.", "Wait until noon.", retry_after_s=37.5)

    assert (error.hint, error.retry_after_s) == ("Wait until noon.", 37.5)
    assert BadReply("Broken.").retry_after_s is None


@pytest.mark.parametrize("cls", CLASSES)
def test_only_refusals_cost_nothing(cls: type[AppError]):
    """What broke after it was sent may have been charged; what was turned away was not."""
    sent = {"TimedOut", "Unreachable", "BadReply", "Refused", "ProviderError"}

    assert not (cls.costs_nothing and cls.__name__ in sent)
    assert cls.costs_nothing or not issubclass(cls, RateLimited | errors.BadInput)
