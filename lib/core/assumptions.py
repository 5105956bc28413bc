"""What an estimate starts from: the month's work, the API's terms, the machine, its rent."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

HOURS_PER_MONTH = 730

# A picture beside the text: at the API in Gemini 3's default resolution, on the GPU as Gemma 3.
API_IMAGE_TOKENS = 1120
GPU_IMAGE_TOKENS = 256
# Sound is 32 tokens a second on Gemini; the local models of the table cannot hear.
AUDIO_TOKENS_PER_SECOND = 32

Tier = Literal["standard", "flex", "priority"]
Engine = Literal["ollama", "vllm"]
Mode = Literal["always_on", "window", "offline", "spot"]
TIERS: tuple[Tier, ...] = ("standard", "flex", "priority")
ENGINES: tuple[Engine, ...] = ("ollama", "vllm")
ENGINE_NAMES: dict[Engine, str] = {"ollama": "Ollama", "vllm": "vLLM"}
MODES: tuple[Mode, ...] = ("always_on", "window", "offline", "spot")


@dataclass(frozen=True, slots=True)
class Work:
    """The month's volume, and one request; tokens are text, pictures come on top.

    `input_tokens` + `output_tokens` is above 0.
    """

    tokens_per_month: Decimal
    input_tokens: Decimal
    output_tokens: Decimal
    images_per_request: Decimal = Decimal(0)
    audio_seconds_per_request: Decimal = Decimal(0)

    @property
    def tokens_per_request(self) -> Decimal:
        return self.input_tokens + self.output_tokens

    @property
    def input_share(self) -> Decimal:
        return self.input_tokens / self.tokens_per_request

    @property
    def gpu_input_tokens(self) -> Decimal:
        """What a GPU reads for one request, its pictures included."""
        return self.input_tokens + GPU_IMAGE_TOKENS * self.images_per_request


@dataclass(frozen=True, slots=True)
class ApiTerms:
    """How the API is used; shares are 0 to 1, `cached_share` is one of the text input."""

    model: str
    tier: Tier = "standard"
    cached_share: Decimal = Decimal(0)
    batch_share: Decimal = Decimal(0)
    retry_share: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Machine:
    """Which model runs how on which GPU; speeds somebody measured replace the modelled ones."""

    model: str
    engine: Engine
    gpu: str
    concurrency: int = 4
    decode_tok_s: Decimal | None = None
    prefill_tok_s: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rent:
    """The price of one GPU in USD and how it is rented; hours are those of a month."""

    mode: Mode
    usd_per_hour: Decimal
    fee_share: Decimal = Decimal("0.05")
    active_hours_per_month: Decimal = Decimal(HOURS_PER_MONTH)
    peak_to_average: Decimal = Decimal(1)
    max_utilisation: Decimal = Decimal("0.6")
    sessions_per_month: Decimal = Decimal(1)
    cold_start_hours: Decimal = Decimal(0)
    minimum_hours: Decimal = Decimal(0)
    interruptions_per_hour: Decimal = Decimal(0)
    labour_usd_per_month: Decimal = Decimal(0)

    @property
    def usd_per_hour_with_fee(self) -> Decimal:
        return self.usd_per_hour * (1 + self.fee_share)


@dataclass(frozen=True, slots=True)
class Assumptions:
    work: Work
    api: ApiTerms
    local: Machine
    rental: Rent
