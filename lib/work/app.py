"""Everything that is built once and shared: settings, database, ledger, models, conversations."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from threading import Thread

from lib.core.batch import Batching
from lib.core.chat import NO_MODEL, ModelInfo, Provider
from lib.core.prices import PriceList
from lib.providers.embedded import Embedded
from lib.providers.ollama import Ollama
from lib.providers.ollama_library import READ_ALL_S, OllamaLibrary
from lib.providers.vllm import VLLM
from lib.store import catalogue
from lib.store.batches import Batches
from lib.store.conversations import Conversations
from lib.store.database import Database
from lib.store.job_rows import JobRows
from lib.store.jobs import Jobs
from lib.store.ledger import Ledger
from lib.store.marks import Marks
from lib.store.plans import Plans
from lib.store.presets import Presets
from lib.store.settings import Settings
from lib.store.speed_tests import SpeedTests
from lib.store.uploads import Uploads
from lib.store.usage import UsageLog
from lib.work.busy import Busy
from lib.work.models import Models

log = logging.getLogger(__name__)

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class App:
    settings: Settings
    database: Database
    ledger: Ledger
    batches: Batches
    usage: UsageLog
    conversations: Conversations
    marks: Marks
    presets: Presets
    plans: Plans
    speed_tests: SpeedTests
    jobs: Jobs
    job_rows: JobRows
    uploads: Uploads
    prices: PriceList
    models: Models
    library: OllamaLibrary
    gemini_batch: Batching | None = None
    busy: Busy = field(default_factory=Busy)

    def close(self) -> None:
        self.models.close()
        if self.gemini_batch:
            self.gemini_batch.close()
        self.library.close()
        self.database.close()


def build(settings: Settings) -> App:
    settings.data_path.mkdir(parents=True, exist_ok=True)
    database = Database(
        settings.database_url or f"sqlite:///{settings.data_path / 'playground.db'}"
    )
    ledger = Ledger(database, settings.monthly_budget_usd)
    providers = _providers(settings)
    if "gemini" in providers:  # the price tables load beside the start, not before the first answer
        model, today = catalogue.gemini_models()[0].name, datetime.now(UTC).date()
        Thread(target=catalogue.prices().price, args=(model, today), daemon=True).start()
    return App(
        settings=settings,
        database=database,
        ledger=ledger,
        batches=Batches(database, ledger),
        usage=UsageLog(database),
        conversations=Conversations(database),
        marks=Marks(database),
        presets=Presets(database),
        plans=Plans(database),
        speed_tests=SpeedTests(database),
        jobs=Jobs(database),
        job_rows=JobRows(database),
        uploads=Uploads(database, settings.data_path / "uploads"),
        prices=catalogue.prices(),
        models=Models(providers, _bulk(settings, providers), _off(settings)),
        library=OllamaLibrary(settings.ollama_host, max(settings.model_timeout_s, READ_ALL_S)),
        gemini_batch=_gemini_batch(settings),
    )


def _providers(settings: Settings) -> dict[str, Provider]:
    wait_s = settings.model_timeout_s
    found: dict[str, Provider] = {"ollama": Ollama(settings.ollama_host, wait_s)}
    if settings.google_api_key:
        found["gemini"] = _gemini(settings, settings.gemini_sdk == "google-generativeai")
    if settings.vllm_base_url:
        key = settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None
        reads = tuple(settings.vllm_input) if settings.vllm_input else None
        found["vllm"] = VLLM(
            settings.vllm_base_url, key, wait_s, reads, choice_form=settings.vllm_choice
        )
    file = settings.embedded_file
    if file and file.is_file() and find_spec("xllamacpp"):
        found["embedded"] = Embedded(
            file, settings.embedded_label, settings.embedded_mmproj, wait_s
        )
    return found


def _bulk(settings: Settings, providers: dict[str, Provider]) -> dict[str, Provider]:
    """Who carries many short calls, where that is somebody else than who streams."""
    if "gemini" not in providers or settings.gemini_sdk != "auto":
        return {}
    if not find_spec("google.generativeai"):
        return {}
    return {"gemini": _gemini(settings, retired=True)}


def _gemini(settings: Settings, retired: bool) -> Provider:
    """The SDK asked for; when only the other one is installed, that one serves."""
    key = settings.google_api_key.get_secret_value() if settings.google_api_key else ""
    wait_s, known = settings.model_timeout_s, list(catalogue.gemini_models())
    wanted, other = ("google.generativeai", "google.genai")[:: 1 if retired else -1]
    if not find_spec(wanted):
        log.warning("%s is not installed, %s serves Gemini", wanted, other)
        retired = not retired
    if retired:
        from lib.providers.gemini_bulk import GeminiBulk

        target = settings.gemini_grpc_target
        return GeminiBulk(key, settings.gemini_base_url, target, wait_s, known)
    from lib.providers.gemini import Gemini

    return Gemini(key, settings.gemini_base_url, wait_s, known)


def _gemini_batch(settings: Settings) -> Batching | None:
    """Google's Batch API, which the retired SDK does not have."""
    retired = settings.gemini_sdk == "google-generativeai" or not find_spec("google.genai")
    if retired or not settings.google_api_key:
        return None
    from lib.providers.gemini_batch import GeminiBatch

    key = settings.google_api_key.get_secret_value()
    return GeminiBatch(key, settings.gemini_base_url, settings.model_timeout_s)


def _off(settings: Settings) -> dict[str, list[ModelInfo]]:
    """What the picker shows for a provider that is not configured: why, and the next step."""
    no_key = "Set GOOGLE_API_KEY to a key of Google AI Studio, then start again."
    no_url = "Set VLLM_BASE_URL to an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1."
    gemini = [
        ModelInfo("gemini", info.name, False, no_key, info.input, info.context_tokens)
        for info in catalogue.gemini_models()
    ]
    return {
        "gemini": gemini,
        "vllm": [ModelInfo("vllm", NO_MODEL, False, no_url)],
        "embedded": [ModelInfo("embedded", settings.embedded_label, False, _why_off(settings))],
    }


def _why_off(settings: Settings) -> str:
    if settings.embedded_model == "off":
        return "EMBEDDED_MODEL is off. Unset it, or give a GGUF file, then start again."
    if settings.embedded_file is None:
        return "Its weights are not installed: «make run» fetches them."
    if not find_spec("xllamacpp"):
        return "The package xllamacpp is not installed: «make run» fetches it."
    return "EMBEDDED_MODEL names no file; give the path of a GGUF file."
