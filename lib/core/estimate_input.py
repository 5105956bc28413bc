"""The body of an estimate request, read strictly: every breach is BadInput naming its field."""

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NoReturn, TypeVar

from lib.core.assumptions import (
    ENGINES,
    HOURS_PER_MONTH,
    MODES,
    TIERS,
    ApiTerms,
    Assumptions,
    Machine,
    Rent,
    Work,
)
from lib.core.errors import BadInput

MOST = 10**15
Name = TypeVar("Name", bound=str)

WORK = {
    "tokens_per_month", "requests_per_month", "input_share", "input_tokens", "output_tokens",
    "images_per_request", "audio_seconds_per_request",
}  # fmt: skip
API = {"model", "tier", "cached_share", "batch_share", "retry_share"}
LOCAL = {"model", "engine", "gpu", "concurrency", "decode_tok_s", "prefill_tok_s"}
RENTAL = {
    "mode", "usd_per_hour", "fee_share", "active_hours_per_month", "peak_to_average",
    "max_utilisation", "sessions_per_month", "cold_start_hours", "minimum_hours",
    "interruptions_per_hour", "labour_usd_per_month",
}  # fmt: skip


class Fields:
    """One object of the body; each call takes a field out and checks it."""

    def __init__(self, value: object, path: str, known: Collection[str]) -> None:
        if not isinstance(value, Mapping):
            raise BadInput(f"{path or 'The body'}: a JSON object is needed.")
        self._values, self._prefix = value, f"{path}." if path else ""
        unknown = [name for name in value if name not in known]
        if unknown:
            # As ASCII: a lone surrogate in it could not be sent back.
            name = ascii(unknown[0])[:60].strip("'")
            self.refuse(name, f"no such field; known are {', '.join(sorted(known))}.")

    def child(self, name: str, known: Collection[str]) -> "Fields":
        if name not in self._values:
            self.refuse(name, "this is missing.")
        return Fields(self._values[name], f"{self._prefix}{name}", known)

    def has(self, name: str) -> bool:
        """A field that is null counts as left out where it may be left out."""
        return self._values.get(name) is not None

    def refuse(self, name: str, reason: str) -> NoReturn:
        raise BadInput(f"{self._prefix}{name}: {reason}")

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str):
            self.refuse(name, "this is missing." if value is None else "a text is needed.")
        return value

    def one_of(self, name: str, accepted: tuple[Name, ...], default: Name | None = None) -> Name:
        if name not in self._values and default is not None:
            return default
        value = self.text(name)
        found = [known for known in accepted if known == value]
        return found[0] if found else self.refuse(name, f"one of {', '.join(accepted)} is needed.")

    def number(
        self, name: str, default: object = None, least: int = 0, most: int = MOST
    ) -> Decimal:
        """An exact number between its bounds; what JSON wrote as 0.1 is a tenth."""
        value = self._values.get(name, default)
        if value is None and name not in self._values:
            self.refuse(name, "this is missing.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "a number is needed.")
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(name, "a finite number is needed.")
        if not least <= value <= most:
            self.refuse(name, f"a number from {least} to {bound(most)} is needed.")
        return abs(Decimal(repr(value)))  # JSON has a minus zero

    def share(self, name: str, default: object = 0) -> Decimal:
        return self.number(name, default, most=1)

    def positive(self, name: str, default: object = None, most: int = MOST) -> Decimal:
        value = self.number(name, default, most=most)
        return value if value else self.refuse(name, "a number above 0 is needed.")

    def speed(self, name: str) -> Decimal | None:
        return self.positive(name) if self.has(name) else None

    def whole(self, name: str, default: int) -> int:
        value = self.number(name, default, least=1)
        if value != value.to_integral_value():
            self.refuse(name, "a whole number is needed.")
        return int(value)


def bound(most: int) -> str:
    return "1e15" if most == MOST else str(most)


def parse(body: object) -> Assumptions:
    """The assumptions in a decoded JSON body, defaults filled in.

    BadInput begins with the dotted name of the field. Names of models and GPUs are looked up
    later, where their tables are.
    """
    fields = Fields(body, "", WORK | {"api", "local", "rental"})
    work = _work(fields)
    return Assumptions(
        work,
        _api(fields.child("api", API)),
        _local(fields.child("local", LOCAL)),
        _rental(fields.child("rental", RENTAL)),
    )


def _work(fields: Fields) -> Work:
    by_tokens, by_requests = fields.has("tokens_per_month"), fields.has("requests_per_month")
    if by_tokens == by_requests:
        other = "give it or requests_per_month" + (", not both." if by_tokens else ".")
        fields.refuse("tokens_per_month", other)
    share = fields.share("input_share") if fields.has("input_share") else None
    given = fields.number("input_tokens")
    output = fields.number("output_tokens") if fields.has("output_tokens") else None
    extras = (
        fields.number("images_per_request", 0), fields.number("audio_seconds_per_request", 0),
    )  # fmt: skip
    if by_requests or share is None:
        request = _request(fields, given, output)
    else:
        request = _shared_request(fields, share, given, output)
    if by_tokens:
        return Work(fields.number("tokens_per_month"), *request, *extras)
    requests = fields.number("requests_per_month")
    return Work(requests * (request[0] + request[1]), *request, *extras)


def _request(fields: Fields, given: Decimal, output: Decimal | None) -> tuple[Decimal, Decimal]:
    if output is None:
        fields.refuse("output_tokens", "this is missing.")
    if not given + output:
        fields.refuse("input_tokens", "input_tokens or output_tokens must be above 0.")
    return given, output


def _shared_request(
    fields: Fields, share: Decimal, given: Decimal, output: Decimal | None
) -> tuple[Decimal, Decimal]:
    """Tokens in and out of a request of which `share` is input."""
    if share:
        if not given:
            fields.refuse("input_tokens", "a number above 0 is needed: input has a share.")
        return given, given * (1 - share) / share
    if not output:
        fields.refuse("output_tokens", "a number above 0 is needed: all tokens are output.")
    return Decimal(0), output


def _api(fields: Fields) -> ApiTerms:
    return ApiTerms(
        model=fields.text("model"),
        tier=fields.one_of("tier", TIERS, "standard"),
        cached_share=fields.share("cached_share"),
        batch_share=fields.share("batch_share"),
        retry_share=fields.share("retry_share"),
    )


def _local(fields: Fields) -> Machine:
    return Machine(
        model=fields.text("model"),
        engine=fields.one_of("engine", ENGINES),
        gpu=fields.text("gpu"),
        concurrency=fields.whole("concurrency", 4),
        decode_tok_s=fields.speed("decode_tok_s"),
        prefill_tok_s=fields.speed("prefill_tok_s"),
    )


def _rental(fields: Fields) -> Rent:
    return Rent(
        mode=fields.one_of("mode", MODES),
        usd_per_hour=fields.number("usd_per_hour"),
        fee_share=fields.share("fee_share", 0.05),
        active_hours_per_month=fields.positive(
            "active_hours_per_month", HOURS_PER_MONTH, most=HOURS_PER_MONTH
        ),
        peak_to_average=fields.number("peak_to_average", 1, least=1),
        max_utilisation=fields.positive("max_utilisation", 0.6, most=1),
        sessions_per_month=fields.number("sessions_per_month", 1),
        cold_start_hours=fields.number("cold_start_hours", 0),
        minimum_hours=fields.number("minimum_hours", 0),
        interruptions_per_hour=fields.number("interruptions_per_hour", 0),
        labour_usd_per_month=fields.number("labour_usd_per_month", 0),
    )
