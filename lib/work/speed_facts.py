"""On what a model is measured: its quantisation, the engine that serves it, the GPU under it."""

from dataclasses import dataclass

from lib.core.chat import ModelInfo
from lib.core.gpu_names import short, table_name, together
from lib.core.station import ENGINES, HostedModel, HostReport, Reports
from lib.store import estimate_tables
from lib.store.gpu import gpus
from lib.work.app import App
from lib.work.lanes import THIS_MACHINE, machines
from lib.work.models import Choice


@dataclass(frozen=True, slots=True)
class Facts:
    """What could be found out; None is unknown."""

    engine: str
    engine_version: str | None = None
    quantisation: str | None = None
    gpu: str | None = None


def facts(app: App, choice: Choice) -> Facts:
    """Ask the servers, once the model is loaded; `gpu` is this machine's, if it computes there."""
    info = choice.info
    host, model = _host_of(info.name, _reports(app, choice))
    return Facts(
        host.engine if host else ENGINES[info.provider],
        host.version if host else None,
        model.quantisation if model else None,
        this_gpu() if _computes_here(app, info, model) else None,
    )


def this_gpu() -> str | None:
    """The GPUs of this machine, each by the estimate's name where its table has one."""
    table = estimate_tables.gpus().values()
    return together(
        table_name(gpu.name, gpu.memory_bytes, table) or short(gpu.name) for gpu in gpus()
    )


def _reports(app: App, choice: Choice) -> list[HostReport]:
    if choice.info.provider == "ollama":
        return app.library.report()
    return choice.provider.report() if isinstance(choice.provider, Reports) else []


def _host_of(name: str, reports: list[HostReport]) -> tuple[HostReport | None, HostedModel | None]:
    """A server that has the model, best one that has it loaded."""
    having = [
        (host, model)
        for host in reports
        for model in host.models
        if model.name in (name, f"{name}:latest")
    ]
    return max(having, key=lambda one: bool(one[1].loaded), default=(None, None))


def _computes_here(app: App, info: ModelInfo, model: HostedModel | None) -> bool:
    """The embedded engine has no GPU code; Ollama says when a model fits on none."""
    if info.provider == "embedded" or (model and model.gpu_bytes == 0):
        return False
    return machines(app.settings, info) == {THIS_MACHINE}
