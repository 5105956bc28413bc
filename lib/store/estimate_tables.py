"""The estimator's dated tables, read once: GPUs and rents, local models, published speeds."""

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from lib.core.assumptions import ENGINES, Engine
from lib.core.throughput import OLLAMA_STEP_S, Gpu, LocalModel, Measurement
from lib.store.catalogue import read_rows, source_of, whole

Row = TypeVar("Row")
YES_NO = {"yes": True, "no": False}
ARCHITECTURES = ("Ampere", "Ada", "Blackwell", "Hopper")


@functools.cache
def gpus() -> Mapping[str, Gpu]:
    """GPUs by name, in the table's order."""
    return _keyed(read_rows("gpus.csv", _gpu), lambda gpu: gpu.name)


@functools.cache
def local_models() -> Mapping[str, LocalModel]:
    """Local models by their Ollama tag."""
    return _keyed(read_rows("local_models.csv", _local_model), lambda model: model.tag)


@functools.cache
def measurements() -> tuple[Measurement, ...]:
    """Speeds other people published, as they published them."""
    return read_rows("throughput.csv", _measurement)


def _keyed(rows: tuple[Row, ...], key: Callable[[Row], str]) -> Mapping[str, Row]:
    return MappingProxyType({key(row): row for row in rows})


def _gpu(row: dict[str, str]) -> Gpu:
    return Gpu(
        name=row["name"],
        architecture=_one_of(row["architecture"], ARCHITECTURES),
        data_centre=YES_NO[row["data_centre"]],
        memory_gb=_positive(row["memory_gb"]),
        bandwidth_gb_s=_positive(row["bandwidth_gb_s"]),
        fp16_tflops=_positive(row["fp16_tflops"]),
        watts=int(row["watts"]),
        vllm_bandwidth_share=_positive(row["vllm_bandwidth_share"]),
        ollama_bandwidth_share=_positive(row["ollama_bandwidth_share"]),
        ollama_prefill_share=_positive(row["ollama_prefill_share"]),
        usd_per_hour_low=_money(row["usd_per_hour_low"]),
        usd_per_hour_typical=_money(row["usd_per_hour_typical"]),
        price_date=row["price_date"],
        price_note=row["price_note"],
        source=source_of(row),
    )


def _local_model(row: dict[str, str]) -> LocalModel:
    return LocalModel(
        tag=row["tag"],
        family=_one_of(row["family"], tuple(OLLAMA_STEP_S)),
        parameters=_positive(row["parameters"]),
        body_parameters=_positive(row["body_parameters"]),
        q4_read_gb=_positive(row["q4_read_gb"]),
        q4_resident_gb=_positive(row["q4_resident_gb"]),
        bf16_resident_gb=_positive(row["bf16_resident_gb"]),
        layers=int(row["layers"]),
        attention_width=int(row["attention_width"]),
        kv_bytes_per_token=int(row["kv_bytes_per_token"]),
        window_tokens=whole(row["window_tokens"]),
        windowed_share=float(Fraction(row["windowed_share"] or 0)),
        vision=YES_NO[row["vision"]],
        context_tokens=int(row["context_tokens"]),
        source=source_of(row),
    )


def _measurement(row: dict[str, str]) -> Measurement:
    return Measurement(
        model=row["model"],
        quantisation=row["quantisation"],
        engine=row["engine"],
        gpu=row["gpu"],
        concurrency=row["concurrency"],
        prompt_tok_s=_rate(row["prompt_tok_s"]),
        decode_tok_s=_rate(row["decode_tok_s"]),
        measured=row["measured"],
        local_model=row["local_model"] or None,
        local_engine=_engine(row["local_engine"]),
        local_gpu=row["local_gpu"] or None,
        input_tokens=whole(row["input_tokens"]),
        output_tokens=whole(row["output_tokens"]),
        source=source_of(row),
    )


def _engine(cell: str) -> Engine | None:
    if cell and cell not in ENGINES:
        raise ValueError(f"{cell!r} is no engine")
    return next((engine for engine in ENGINES if engine == cell), None)


def _one_of(cell: str, accepted: tuple[str, ...]) -> str:
    if cell not in accepted:
        raise ValueError(f"{cell!r} is none of {', '.join(accepted)}")
    return cell


def _positive(cell: str) -> float:
    value = float(cell)
    if not 0 < value < float("inf"):
        raise ValueError(f"{cell!r} is not a positive number")
    return value


def _rate(cell: str) -> float | None:
    return _positive(cell) if cell else None


def _money(cell: str) -> Decimal | None:
    value = Decimal(cell) if cell else None
    if value is not None and not 0 < value < 1000:
        raise ValueError(f"{cell!r} is no price of an hour")
    return value
