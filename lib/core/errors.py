"""Every error the product shows, one tree; the API, the pages and the jobs read the same fields.

AppError
├── BadInput            the caller's request cannot be served as it is
│   ├── TooLarge
│   ├── BlockedUrl      an address this server must not fetch
│   └── Unsupported     the chosen model cannot take that input
├── Unauthorized
├── NotFound
├── NotConfigured       a setting is missing
├── Busy                retryable: this server has as much to do as it can carry
├── StorageFailed       retryable: the database or the disk did not take it
├── OverBudget          refused before anything was sent
│   ├── JobOverBudget   by the job's own budget
│   └── EndedByBudget   sent, and broken off: the budget did not pay for its end
└── ProviderError       what came back, or did not, from a model
    ├── AuthFailed
    ├── ModelMissing
    ├── RateLimited     retryable
    │   └── QuotaExhausted
    ├── Refused         a safety block
    ├── TimedOut        retryable
    ├── Unreachable     retryable
    │   └── NoConnection    nothing was sent
    └── BadReply        retryable
        └── Broke           status 500: the model's server failed inside
"""

from decimal import Decimal
from typing import ClassVar


class AppError(Exception):
    """An error a person can act on: what happened (`str(error)`) and what to do next (`hint`).

    `code` and `status` are the public ones of the JSON API, `retry_after_s` is in seconds.
    `costs_nothing` says that a call that ended so was surely not charged.
    Messages are our own words: never a provider's text, a key, a path or an internal address.
    """

    code: ClassVar[str] = "bad_reply"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    costs_nothing: ClassVar[bool] = False
    default_hint: ClassVar[str] = "Try again; if it stays, look at the server's log."

    def __init__(
        self, message: str, hint: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint
        self.retry_after_s = retry_after_s

    def fields(self) -> dict[str, str | float]:
        """The error object of the JSON API: code, message, hint, and retry_after_s if known."""
        message = str(self).encode("utf-8", "replace").decode()  # it may quote half a character
        found: dict[str, str | float] = {"code": self.code, "message": message, "hint": self.hint}
        if self.retry_after_s is not None:
            found["retry_after_s"] = self.retry_after_s
        return found


class BadInput(AppError):
    code, status, costs_nothing = "bad_input", 422, True
    default_hint = "Correct the field and send it again."


class TooLarge(BadInput):
    code, status = "too_large", 413
    default_hint = "Send something smaller."


class BlockedUrl(BadInput):
    code, status = "blocked_url", 422
    default_hint = "Use a public http or https address, or upload the file itself."


class Unsupported(BadInput):
    code, status = "unsupported", 422
    default_hint = "Choose a model that reads this input; /api/models lists what each reads."


class Unauthorized(AppError):
    code, status = "unauthorized", 401
    default_hint = "Log in at /login, or send the header Authorization: Bearer <APP_PASSWORD>."


class NotFound(AppError):
    code, status = "not_found", 404
    default_hint = "Look at /api/docs for the calls there are."


class NotConfigured(AppError):
    code, status = "not_configured", 503
    default_hint = "Set it in the environment or in .env, then start again."


class Busy(AppError):
    code, status, retryable, costs_nothing = "busy", 503, True, True
    default_hint = "Wait a little, then send it again."


class StorageFailed(AppError):
    code, status, retryable = "storage_failed", 503, True
    default_hint = "Whoever runs this server should look at its disk and its database."


class OverBudget(AppError):
    code, status = "over_budget", 402
    default_hint = "Whoever runs this server can raise MONTHLY_BUDGET_USD."


class JobOverBudget(OverBudget):
    """A job's own budget has no room for its next call."""

    default_hint = "Resume the job with a larger budget_usd."


class EndedByBudget(OverBudget):
    """An answer was broken off; `cost_usd` is what it took until then, None if unknown."""

    cost_usd: Decimal | None = None


class ProviderError(AppError):
    status = 502


class AuthFailed(ProviderError):
    code, costs_nothing = "auth_failed", True
    default_hint = "Check the key this server uses for that provider."


class ModelMissing(ProviderError):
    code, status, costs_nothing = "model_missing", 404, True
    default_hint = "Choose a model from /api/models, or pull it first."


class RateLimited(ProviderError):
    code, status, retryable, costs_nothing = "rate_limited", 429, True, True
    default_hint = "Wait a little, then send it again."


class QuotaExhausted(RateLimited):
    code, retryable = "quota_exhausted", False
    default_hint = "Wait for the next day, or raise the quota at the provider."


class Refused(ProviderError):
    code, status = "refused", 422
    default_hint = "The provider's safety filter stopped this; change the wording or the model."


class TimedOut(ProviderError):
    code, status, retryable = "timed_out", 504, True
    default_hint = "Try again or choose a faster model; MODEL_TIMEOUT_S sets the longest wait."


class Unreachable(ProviderError):
    code, retryable = "unreachable", True
    default_hint = "See that the model's server runs and that its address is right."


class NoConnection(Unreachable):
    """The server could not even be reached, so the call cost nothing."""

    costs_nothing = True


class BadReply(ProviderError):
    code, retryable = "bad_reply", True
    default_hint = "Try again; if it stays, look at the model server's own log."


class Broke(BadReply):
    """The model's server answered with status 500."""
