"""What an estimate must say about itself: why something does not fit, and what is not modelled."""

from collections.abc import Iterator

from lib.core.assumptions import ENGINE_NAMES, Assumptions
from lib.core.throughput import OVERHEAD_GB, USABLE_MEMORY, Gpu, LocalModel, Speeds

# The most parallel streams a published measurement was found for.
MEASURED_STREAMS = {"ollama": 16, "vllm": 512}
SMALL_PARAMETERS, FAST_GB_S = 5.0, 1500  # billions; a 4B model on an A100: predicted 26-32 % high

# Which terms of the rent change a bill in which mode.
WITHOUT_EFFECT = {
    "always_on": ("active_hours_per_month", "sessions_per_month", "cold_start_hours",
                  "minimum_hours", "interruptions_per_hour"),
    "window": ("minimum_hours", "interruptions_per_hour"),
    "offline": ("active_hours_per_month", "peak_to_average", "interruptions_per_hour"),
    "spot": ("active_hours_per_month", "peak_to_average"),
}  # fmt: skip
NEUTRAL = {"active_hours_per_month": 730, "sessions_per_month": 1, "peak_to_average": 1}


def cautions(
    assumptions: Assumptions, found: Speeds, gpu: Gpu, model: LocalModel
) -> tuple[str, ...]:
    """The warnings of an estimate; the first one is the reason when the model does not fit."""
    return (
        *_memory(assumptions, found, gpu, model),
        *_request(assumptions, model),
        *_speed(assumptions, found, gpu, model),
        *_terms(assumptions),
    )


def _memory(assumptions: Assumptions, found: Speeds, gpu: Gpu, model: LocalModel) -> Iterator[str]:
    machine, work = assumptions.local, assumptions.work
    usable = gpu.memory_gb * USABLE_MEMORY - OVERHEAD_GB[machine.engine]
    tokens = work.gpu_input_tokens + work.output_tokens
    weights, name = model.resident_gb(machine.engine), ENGINE_NAMES[machine.engine]
    if not found.fits and usable <= weights:
        yield (
            f"{model.tag} under {name} does not fit: its weights take {weights:.1f} GB, "
            f"and one {gpu.name} has {usable:.1f} GB for them. The speeds are what it would "
            "reach if it did."
        )
    elif not found.fits:
        yield (
            f"{model.tag} under {name} does not fit: beside its weights one {gpu.name} "
            f"has no room for a request of {tokens:.6g} tokens."
        )
    elif machine.concurrency > found.max_concurrency:
        measured = found.decode.source == "measured"
        speed = "the measured speed is used as given" if measured else "the speed is modelled so"
        yield (
            f"Only {found.max_concurrency:,} of {machine.concurrency:,} streams fit at once beside "
            f"the weights; {speed}."
        )


def _request(assumptions: Assumptions, model: LocalModel) -> Iterator[str]:
    work = assumptions.work
    if work.gpu_input_tokens + work.output_tokens > model.context_tokens:
        yield f"A request is longer than the {model.context_tokens:,} tokens {model.tag} takes."
    if work.images_per_request and not model.vision:
        yield f"{model.tag} cannot see pictures; its figures are as if it could."
    elif work.images_per_request:
        yield "Time and memory of the part that turns a picture into tokens are not modelled."
    if work.audio_seconds_per_request:
        yield f"{model.tag} cannot hear; its figures leave the sound out."


def _speed(assumptions: Assumptions, found: Speeds, gpu: Gpu, model: LocalModel) -> Iterator[str]:
    engine = assumptions.local.engine
    if found.decode.source == "measured":
        return
    most = MEASURED_STREAMS[engine]
    if found.streams > most:
        yield f"No published measurement has more than {most} streams under {ENGINE_NAMES[engine]}."
    if engine == "vllm" and model.family == "gemma3":
        yield "Gemma under vLLM rests on three measurements, two of them 12 % and more below it."
    if engine == "vllm" and gpu.bandwidth_gb_s < FAST_GB_S:
        yield "On cards like this one vLLM was measured up to a third slower than modelled."
    big = gpu.data_centre and gpu.bandwidth_gb_s >= FAST_GB_S
    if engine == "ollama" and big and model.parameters < SMALL_PARAMETERS:
        yield "Small models on such a fast card were measured 15 to 25 % slower than modelled."


def _terms(assumptions: Assumptions) -> Iterator[str]:
    rent = assumptions.rental
    unused = [
        name for name in WITHOUT_EFFECT[rent.mode] if getattr(rent, name) != NEUTRAL.get(name, 0)
    ]
    if unused:
        yield f"Without effect in the mode {rent.mode}: {', '.join(unused)}."
    if rent.cold_start_hours and rent.mode != "always_on":
        yield "Cold starts and interruptions cost money here, but no capacity."
    if assumptions.api.retry_share:
        yield "Retries are billed at the API; that a GPU must answer again too is not modelled."
