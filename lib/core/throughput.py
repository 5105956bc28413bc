"""How fast a GPU serves a model: a roofline with efficiencies fitted to published measurements.

It misses by a few percent where it was fitted and by up to half elsewhere; hence the bands.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lib.core.assumptions import Engine, Machine, Work
from lib.core.prices import Source

GIGA = 1e9
BF16_BYTES = 2

# A step's time that no bandwidth explains, by family (llama.cpp) or engine (vLLM), in seconds.
OLLAMA_STEP_S = {"llama": 0.0006, "qwen": 0.0006, "qwen3.5": 0.0016, "gemma3": 0.0022}
VLLM_STEP_S, VLLM_STREAM_S = 0.0020, 0.000008
# Share of the computing power batched decoding reaches; llama.cpp's falls off between 8 and 16.
OLLAMA_FEW, OLLAMA_MANY, VLLM_COMPUTE = (8, 0.14), (16, 0.25), 0.60
VLLM_PREFILL = 0.55
# Gemma under vLLM is slower on these, in three measurements; nobody knows why.
SLOW_GEMMA, SLOW_ARCHITECTURES = 0.6, ("Ampere", "Ada")
# What the engine may take of the memory, and what it needs besides weights and context, in GB.
USABLE_MEMORY = 0.90
OVERHEAD_GB = {"ollama": 0.7, "vllm": 1.0}

SINGLE_LOW, SINGLE_HIGH = Decimal("0.70"), Decimal("1.15")
BATCHED_LOW, BATCHED_HIGH = Decimal("0.70"), Decimal("1.30")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card; `fp16_tflops` is dense with FP32 sums, rents are USD an hour and None unknown.

    The shares are what an engine was seen to reach of the bandwidth and, reading prompts, of the
    computing power.
    """

    name: str
    architecture: str
    data_centre: bool
    memory_gb: float
    bandwidth_gb_s: float
    fp16_tflops: float
    watts: int
    vllm_bandwidth_share: float
    ollama_bandwidth_share: float
    ollama_prefill_share: float
    usd_per_hour_low: Decimal | None
    usd_per_hour_typical: Decimal | None
    price_date: str
    price_note: str
    source: Source

    def bandwidth_share(self, engine: Engine) -> float:
        return self.ollama_bandwidth_share if engine == "ollama" else self.vllm_bandwidth_share

    def prefill_share(self, engine: Engine) -> float:
        return self.ollama_prefill_share if engine == "ollama" else VLLM_PREFILL


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model by its Ollama tag; parameters in billions, sizes in GB, context in tokens.

    `read` is what every step reads, `resident` what lies in memory. `windowed_share` of the
    KV bytes belongs to layers that remember only `window_tokens`.
    """

    tag: str
    family: str
    parameters: float
    body_parameters: float
    q4_read_gb: float
    q4_resident_gb: float
    bf16_resident_gb: float
    layers: int
    attention_width: int
    kv_bytes_per_token: int
    window_tokens: int | None
    windowed_share: float
    vision: bool
    context_tokens: int
    source: Source

    def read_gb(self, engine: Engine) -> float:
        return self.q4_read_gb if engine == "ollama" else BF16_BYTES * self.parameters

    def resident_gb(self, engine: Engine) -> float:
        return self.q4_resident_gb if engine == "ollama" else self.bf16_resident_gb

    def kv_bytes(self, tokens: float) -> float:
        """The memory of one stream with that many tokens behind it."""
        if self.window_tokens is None:
            return self.kv_bytes_per_token * tokens
        windowed = self.windowed_share * min(tokens, self.window_tokens)
        return self.kv_bytes_per_token * ((1 - self.windowed_share) * tokens + windowed)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A published speed in tokens a second; what it can be compared with is None when nothing."""

    model: str
    quantisation: str
    engine: str
    gpu: str
    concurrency: str
    prompt_tok_s: float | None
    decode_tok_s: float | None
    measured: str
    local_model: str | None
    local_engine: Engine | None
    local_gpu: str | None
    input_tokens: int | None
    output_tokens: int | None
    source: Source


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second, with the band the model is trusted within."""

    value: Decimal
    low: Decimal
    high: Decimal
    source: Literal["measured", "modelled"]


@dataclass(frozen=True, slots=True)
class Speeds:
    """`decode` is the total over `streams` at once; `max_concurrency` 0: the model does not fit."""

    decode: Speed
    prefill: Speed
    max_concurrency: int
    streams: int

    @property
    def fits(self) -> bool:
        return self.max_concurrency >= 1


def speeds(work: Work, machine: Machine, gpu: Gpu, model: LocalModel) -> Speeds:
    """Measured speeds as given, the others modelled at what fits into the memory."""
    read, written = float(work.gpu_input_tokens), float(work.output_tokens)
    most = max_concurrency(gpu, model, machine.engine, read + written)
    streams = min(machine.concurrency, max(most, 1))
    if machine.decode_tok_s is None:
        rate = decode_rate(gpu, model, machine.engine, streams, read + written / 2)
        decode = modelled(rate, single=machine.engine == "ollama" and streams == 1)
    else:
        decode = measured(machine.decode_tok_s)
    if machine.prefill_tok_s is None:
        prefill = modelled(prefill_rate(gpu, model, machine.engine, read))
    else:
        prefill = measured(machine.prefill_tok_s)
    return Speeds(decode, prefill, most, streams)


def max_concurrency(gpu: Gpu, model: LocalModel, engine: Engine, tokens: float) -> int:
    """Streams of that many tokens that fit beside the weights; 0 when not even one does."""
    return streams_within(gpu.memory_gb, model, engine, tokens)


def streams_within(memory_gb: float, model: LocalModel, engine: Engine, tokens: float) -> int:
    """As `max_concurrency`, for a GPU of which only the memory is known."""
    free = memory_gb * USABLE_MEMORY - memory_gb_of(model, engine, 0)
    return max(0, math.floor(free * GIGA / model.kv_bytes(max(tokens, 1.0))))


def memory_gb_of(model: LocalModel, engine: Engine, tokens: float) -> float:
    """GB that the weights, the engine and one stream of that many tokens take."""
    return model.resident_gb(engine) + OVERHEAD_GB[engine] + model.kv_bytes(tokens) / GIGA


def decode_rate(gpu: Gpu, model: LocalModel, engine: Engine, streams: int, context: float) -> float:
    """Tokens a second over all streams, each with that many tokens behind it."""
    moved = model.read_gb(engine) * GIGA + streams * model.kv_bytes(context)
    memory_s = moved / (gpu.bandwidth_share(engine) * gpu.bandwidth_gb_s * GIGA)
    flops = 2 * model.parameters * GIGA * streams if streams > 1 else 0
    compute_s = flops / (compute_share(engine, streams) * gpu.fp16_tflops * 1e12)
    busy_s = math.hypot(memory_s, compute_s)
    if engine == "ollama":
        return streams / (busy_s + OLLAMA_STEP_S[model.family])
    slow = model.family == "gemma3" and gpu.architecture in SLOW_ARCHITECTURES
    busy_s /= SLOW_GEMMA if slow else 1
    return streams / (busy_s + VLLM_STEP_S + VLLM_STREAM_S * streams)


def compute_share(engine: Engine, streams: int) -> float:
    if engine == "vllm":
        return VLLM_COMPUTE
    (few, low), (many, high) = OLLAMA_FEW, OLLAMA_MANY
    return low + (high - low) * min(max((streams - few) / (many - few), 0), 1)


def prefill_rate(gpu: Gpu, model: LocalModel, engine: Engine, tokens: float) -> float:
    """Tokens of a prompt of that length read in a second."""
    attention = 2 * model.layers * model.attention_width * tokens
    flops = 2 * model.body_parameters * GIGA + attention
    return gpu.prefill_share(engine) * gpu.fp16_tflops * 1e12 / flops


def measured(rate: Decimal) -> Speed:
    return Speed(rate, rate, rate, "measured")


def modelled(rate: float, single: bool = False) -> Speed:
    """`single`: one stream of llama.cpp, which the model misses by less upwards."""
    value = Decimal(repr(rate))
    low, high = (SINGLE_LOW, SINGLE_HIGH) if single else (BATCHED_LOW, BATCHED_HIGH)
    return Speed(value, value * low, value * high, "modelled")
