"""What a request weighs before it is sent: its tokens, their share of the window, their price."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from lib.core.chat import Counts, Request, Usage
from lib.core.errors import AppError
from lib.core.prices import Price
from lib.core.tokens import about
from lib.work.app import App
from lib.work.ask import fit, price_of
from lib.work.models import Choice


@dataclass(frozen=True, slots=True)
class Weight:
    """A prompt of `tokens` (None: nobody can say), counted by the server if `exact`.

    `answer_tokens` must find room in the same window of `context_tokens`; 0 where the window is the
    prompt's alone. The answer costs up to `output_usd_at_most`. Unknown prices are None, as are
    those of local models: their seconds are not known before.
    """

    model: str
    tokens: int | None
    exact: bool
    context_tokens: int | None
    answer_tokens: int
    input_usd: Decimal | None
    output_usd_at_most: Decimal | None
    price: Price | None

    @property
    def share(self) -> float | None:
        """Of the window, above 1 when the prompt does not fit; None when either is unknown."""
        if self.tokens is None or not self.context_tokens:
            return None
        return self.tokens / self.context_tokens

    @property
    def overflows(self) -> bool:
        """Whether prompt and longest answer surely do not fit."""
        if self.tokens is None or not self.context_tokens:
            return False
        return self.tokens + self.answer_tokens > self.context_tokens


def weigh(app: App, choice: Choice, request: Request, exact: bool = True) -> Weight:
    """The weight of what `ask` would send; with `exact` the server is asked, which takes a moment.

    A server that cannot be reached or will not count is no error, then it is a guess. Raises
    Unsupported when the model cannot read what is in the request.
    """
    info = choice.info
    request = fit(info, request)
    counted = _counted(choice, request) if exact else None
    tokens = about(request, info.provider) if counted is None else counted
    google = info.provider == "gemini"
    prompt, answer = _usd(app, request, tokens) if google else (None, None)
    return Weight(
        model=info.id,
        tokens=tokens,
        exact=counted is not None,
        context_tokens=info.context_tokens,
        answer_tokens=0 if google else request.max_tokens,
        input_usd=prompt,
        output_usd_at_most=answer,
        price=price_of(app, info),
    )


def _counted(choice: Choice, request: Request) -> int | None:
    if not isinstance(choice.provider, Counts):
        return None
    try:
        return choice.provider.count(request)
    except AppError:
        return None


def _usd(app: App, request: Request, tokens: int | None) -> tuple[Decimal | None, Decimal | None]:
    """The prompt's price and the longest answer's, which may depend on the prompt's length."""
    # How much of it is sound, which has a price of its own, no count tells.
    if tokens is None or request.modalities & {"audio", "video"}:
        return None, None
    now = datetime.now(UTC)
    prompt = app.prices.cost(Usage(tokens, 0, 0, 0), request.model, now)
    whole = app.prices.cost(Usage(tokens, request.max_tokens, 0, 0), request.model, now)
    return prompt, None if prompt is None or whole is None else whole - prompt
