"""What a server says, as far as it can be believed: texts fit to show and keep, whole numbers."""

from lib.core.chat import Usage

MOST_CHARACTERS, MOST_IN_NAME = 200, 300
MOST_TOKENS = 10**9  # of one call: far above any window, and a ledger of them still adds up
MOST = 2**53  # what JSON, a page's script and a column of numbers all hold exactly


def clean(said: object, most: int = MOST_CHARACTERS) -> str | None:
    """A text without signs that cannot be seen; None when nothing is left, or it was no text.

    Controls, halves of characters and signs that turn the direction of writing around are dropped.
    """
    if not isinstance(said, str):
        return None
    return "".join(filter(str.isprintable, said[:most])).strip() or None


def is_name(said: object) -> bool:
    """Whether a model can be shown and asked for under this name: cleaned it would be another's."""
    return isinstance(said, str) and said != "" and clean(said, MOST_IN_NAME) == said


def whole(said: object, most: int = MOST) -> int | None:
    """A whole number from 0 to `most`; anything else is unknown."""
    return said if type(said) is int and 0 <= said <= most else None


def plausible(usage: Usage) -> Usage:
    """A call's counts; what no call can have taken is unknown. Sums of calls may well be larger."""
    return Usage(
        whole(usage.input_tokens, MOST_TOKENS),
        whole(usage.output_tokens, MOST_TOKENS),
        whole(usage.thinking_tokens, MOST_TOKENS),
        whole(usage.cached_tokens, MOST_TOKENS),
        whole(usage.input_audio_tokens, MOST_TOKENS),
    )
