"""The estimator's tables are whole, and the speed model errs as little as it claims."""

import csv
import re
import statistics
import sys
from itertools import pairwise

import pytest

from lib.core.assumptions import ENGINES
from lib.core.throughput import Measurement, decode_rate, max_concurrency, prefill_rate
from lib.store import catalogue, estimate_tables
from lib.store.estimate_tables import gpus, local_models, measurements

REQUIRED = {
    "gemma3:4b", "gemma3:12b", "gemma3:27b", "qwen3.5:4b", "qwen3.5:9b", "qwen3.5:27b", "qwen3:4b",
    "qwen3:8b", "llama3.1:8b", "llama3.2:3b", "deepseek-r1:7b", "deepseek-r1:14b",
    "gemma3:270m-it-qat", "gemma3:1b", "gemma4:12b", "gemma4:31b", "qwen3.5:0.8b-q4_K_M",
    "qwen3.5:2b-q4_K_M", "qwen3:14b", "llama3.1:70b", "mistral:7b", "phi4:14b",
}  # fmt: skip
DAY = re.compile(r"~?20\d\d(-\d\d(-\d\d)?)?")
VLLM_STREAMS = 256  # what vLLM runs at once of a queue of any length


def test_the_tables_are_read():
    """22 GPUs in the table's order, every required model, and the published speeds."""
    assert len(gpus()) == 22
    assert next(iter(gpus())) == "RTX 3060 12GB"
    assert set(local_models()) >= REQUIRED
    assert len(measurements()) > 150


@pytest.mark.parametrize(("name", "key"), [("gpus.csv", "name"), ("local_models.csv", "tag")])
def test_no_row_is_there_twice(name: str, key: str):
    """A GPU or model stands once in its table."""
    with (catalogue.TABLES / name).open(encoding="utf-8", newline="") as file:
        names = [row[key] for row in csv.DictReader(file)]

    assert len(names) == len(set(names))


def test_gpus_are_plausible():
    """Memory, bandwidth, power and prices are those of cards; a price has its day."""
    for gpu in gpus().values():
        prices = [usd for usd in (gpu.usd_per_hour_low, gpu.usd_per_hour_typical) if usd]

        assert 8 < gpu.memory_gb < 200
        assert 250 < gpu.bandwidth_gb_s < 8000
        assert 20 < gpu.fp16_tflops < 2500
        assert 50 < gpu.watts < 1200
        assert 0.1 < gpu.ollama_prefill_share < 1
        assert all(0 < gpu.bandwidth_share(engine) <= 1 for engine in ENGINES)
        assert prices == sorted(prices)
        assert gpu.price_note
        assert bool(prices) is bool(DAY.fullmatch(gpu.price_date))


def test_memory_is_in_billions_of_bytes():
    """A card's GiB are turned into GB; the H200's 141 are GB already."""
    assert gpus()["RTX 4090"].memory_gb == pytest.approx(24 * 1.0737, rel=1e-4)
    assert gpus()["H200 141GB SXM"].memory_gb == 141


def test_models_are_plausible():
    """Sizes follow from the parameters, in four bits and in sixteen."""
    for model in local_models().values():
        assert model.body_parameters <= model.parameters
        # Below two billion the embedding, kept at six to eight bits, is much of the model.
        most = 0.8 if model.parameters > 2 else 0.95
        assert 0.5 < model.q4_read_gb / model.parameters < most
        assert model.q4_read_gb <= model.q4_resident_gb
        assert 1.0 <= model.bf16_resident_gb / model.read_gb("vllm") < 1.25
        assert model.kv_bytes_per_token % 1024 == 0
        assert (model.window_tokens is None) is (model.windowed_share == 0)
        assert (model.windowed_share > 0) is (model.family == "gemma3")
        assert model.context_tokens >= 16384


@pytest.mark.parametrize(
    ("tag", "windowed", "everywhere"),
    [
        ("gemma3:270m-it-qat", 15 * 1024, 3 * 1024),
        ("gemma3:1b", 22 * 1024, 4 * 1024),
        ("gemma4:12b", 40 * 8192, 8 * 2048),
        ("gemma4:31b", 50 * 16384, 10 * 8192),
    ],
)
def test_windows_follow_from_the_layers(tag: str, windowed: int, everywhere: int):
    """Layers × KV heads × head size × 4 bytes, windowed and not, give the memory of a context."""
    model = local_models()[tag]
    long, window = 100_000, model.window_tokens

    assert model.kv_bytes_per_token == windowed + everywhere
    assert model.kv_bytes(long) == pytest.approx(everywhere * long + windowed * window)


def test_larger_siblings_are_larger():
    """Within a family more parameters mean more bytes, layers and memory of the context."""
    for family in ("gemma3:", "gemma4:", "qwen3.5:", "qwen3:", "llama3.1:", "deepseek-r1:"):
        sizes = [model for tag, model in local_models().items() if tag.startswith(family)]

        for small, large in pairwise(sizes):
            assert small.q4_resident_gb < large.q4_resident_gb
            assert small.kv_bytes_per_token <= large.kv_bytes_per_token


def test_measurements_are_whole():
    """A published speed is dated; what is compared names a known model, GPU and engine."""
    for row in measurements():
        compared = (row.local_model, row.local_engine, row.local_gpu)

        assert DAY.fullmatch(row.measured)
        assert row.decode_tok_s or row.prompt_tok_s
        if any(compared):
            assert row.local_model in local_models()
            assert row.local_gpu in gpus()
            assert row.local_engine in ENGINES
            assert row.input_tokens is not None
            assert row.output_tokens is not None


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("architecture", "Volta"),
        ("data_centre", "maybe"),
        ("memory_gb", "-1"),
        ("memory_gb", "nan"),
        ("usd_per_hour_low", "0"),
        ("watts", "12.5"),
        ("source", None),
    ],
)
def test_a_wrong_cell_is_refused(column: str, cell: str | None):
    """The loader takes no card with a cell it cannot mean."""
    with (catalogue.TABLES / "gpus.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    if cell is None:
        del row[column]
    else:
        row[column] = cell

    with pytest.raises((ValueError, KeyError)):
        estimate_tables._gpu(row)


def errors(row: Measurement) -> list[float]:
    """Modelled ÷ measured − 1: one stream of llama.cpp apart from its prompt, vLLM as a whole."""
    gpu, model = gpus()[row.local_gpu], local_models()[row.local_model]
    engine, read, written = row.local_engine, row.input_tokens, row.output_tokens
    most = max_concurrency(gpu, model, engine, read + written)
    asked = int(row.concurrency) if row.concurrency.isdigit() else VLLM_STREAMS
    streams = min(asked, VLLM_STREAMS if asked < 512 else asked, most)
    if engine == "vllm":
        decode = decode_rate(gpu, model, engine, streams, read + written / 2)
        prefill = prefill_rate(gpu, model, engine, read)
        served = written / (read / prefill + written / decode)
        return [served / row.decode_tok_s - 1]
    # llama.cpp's benchmarks decode behind an empty context, batched ones behind their prompt.
    behind = read if streams > 1 else 0
    found = [decode_rate(gpu, model, engine, streams, behind) / row.decode_tok_s - 1]
    if row.prompt_tok_s and read:
        found.append(prefill_rate(gpu, model, engine, read) / row.prompt_tok_s - 1)
    return found


def compared() -> dict[tuple[str, str], list[float]]:
    """Errors by engine and kind of source; each measurement counts once or twice."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in measurements():
        if row.local_model is not None:
            rig = "H100 Qwen3 8B" if "silybench" in row.source.url else "others"
            found.setdefault((str(row.local_engine), rig), []).extend(errors(row))
    return found


def report(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Onto the terminal, captured or not."""
    with capsys.disabled():
        sys.stdout.write(f"\n{line}")


def test_the_model_errs_as_little_as_it_claims(capsys: pytest.CaptureFixture[str]):
    """Over all comparable measurements: median error below 10 %, four in five within 30 %."""
    groups = compared()
    groups["all", ""] = [error for found in groups.values() for error in found]
    for (engine, rig), found in groups.items():
        sizes = [abs(error) for error in found]
        within = sum(size <= 0.3 for size in sizes)
        report(
            capsys,
            f"{engine} {rig}: {len(sizes)} figures, median |error| {statistics.median(sizes):.1%}, "
            f"mean {statistics.mean(sizes):.1%}, within 30 %: {within} "
            f"({within / len(sizes):.0%}), from {min(found):+.0%} to {max(found):+.0%}",
        )
    sizes = [abs(error) for error in groups["all", ""]]

    assert len(sizes) > 80
    assert statistics.median(sizes) < 0.10
    assert sum(size <= 0.3 for size in sizes) >= 0.8 * len(sizes)


@pytest.mark.parametrize(
    ("model", "gpu", "engine", "streams", "context", "predicted"),
    [
        ("gemma3:4b", "RTX 4090", "ollama", 1, 0, 195.8),
        ("gemma3:12b", "RTX 4090", "ollama", 1, 0, 93.3),
        ("gemma3:27b", "RTX 4090", "ollama", 1, 0, 46.5),
        ("gemma3:4b", "RTX 3090", "ollama", 1, 0, 187.6),
        ("qwen3.5:4b", "RTX 4080", "ollama", 1, 0, 165.8),
        ("qwen3.5:9b", "RTX 4080", "ollama", 1, 0, 102.0),
        ("qwen3.5:4b", "A100 40GB", "ollama", 1, 0, 183),
        ("qwen3.5:4b", "A100 80GB SXM", "ollama", 1, 0, 204),
        ("qwen3.5:4b", "H100 80GB SXM", "ollama", 1, 0, 277),
        ("qwen3.5:9b", "H100 80GB SXM", "ollama", 1, 0, 187.6),
        ("deepseek-r1:14b", "RTX 3060 12GB", "ollama", 1, 0, 33.2),
        ("llama3.2:3b", "RTX 3060 12GB", "ollama", 1, 0, 132.5),
        ("deepseek-r1:14b", "RTX 4090", "ollama", 1, 0, 95.1),
        ("deepseek-r1:14b", "RTX A4000", "ollama", 1, 0, 41.1),
        ("llama3.1:8b", "RTX 3070 8GB", "ollama", 1, 0, 69.8),
        ("llama3.1:8b", "RTX 3080 10GB", "ollama", 1, 0, 115.0),
    ],
)
def test_the_published_predictions_come_out(
    model: str, gpu: str, engine: str, streams: int, context: int, predicted: float
):
    """The single-stream rows of the error table are reproduced within 1 %."""
    rate = decode_rate(gpus()[gpu], local_models()[model], engine, streams, context)

    assert rate == pytest.approx(predicted, rel=0.01)
