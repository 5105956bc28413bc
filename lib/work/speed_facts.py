"""On what a model is measured: its quantisation, the engine that serves it, the GPU under it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.core.chat import HasHosts, ModelInfo
from lib.core.gpu_names import short, table_name, together
from lib.core.station import ENGINES, HostReport, Reports
from lib.providers.reports import shown
from lib.store import estimate_tables
from lib.store.gpu import MachineGpu, gpus
from lib.work.app import App
from lib.work.lanes import THIS_MACHINE, machine
from lib.work.models import Choice


@dataclass(frozen=True, slots=True)
class Facts:
    """What could be found out; None is unknown."""

    engine: str
    engine_version: str | None = None
    quantisation: str | None = None
    gpu: str | None = None


def facts(app: App, choice: Choice, host: str | None) -> Facts:
    """Ask the server at `host`, a base URL, once the model is loaded; `gpu` is this machine's."""
    info, report = choice.info, _report(app, choice, host)
    names = (info.name, f"{info.name}:latest")
    model = next((one for one in report.models if one.name in names), None) if report else None
    on_no_gpu = model is not None and model.gpu_bytes == 0  # only Ollama tells
    return Facts(
        report.engine if report else ENGINES[info.provider],
        report.version if report else None,
        model.quantisation if model else None,
        None if on_no_gpu else gpu_of(app, info, host, gpus()),
    )


def gpu_of(app: App, info: ModelInfo, host: str | None, here: Sequence[MachineGpu]) -> str | None:
    """The GPUs of a server on this machine, which has those of `here`, by the estimate's names.

    None elsewhere, and where several servers share several GPUs: which is whose, nobody says. The
    embedded engine has no GPU code.
    """
    if host is None or machine(host) != THIS_MACHINE:
        return None
    provider = app.models.providers.get(info.provider)
    urls: tuple[str, ...] = provider.hosts if isinstance(provider, HasHosts) else ()
    if len(here) > 1 and sum(machine(url) == THIS_MACHINE for url in urls) > 1:
        return None
    table = estimate_tables.gpus().values()
    return together(
        table_name(one.name, one.memory_bytes, table) or short(one.name) for one in here
    )


def _report(app: App, choice: Choice, host: str | None) -> HostReport | None:
    """Of the server at `host`, or of the only one there is."""
    asked = app.library if choice.info.provider == "ollama" else choice.provider
    reports = asked.report() if isinstance(asked, Reports) else []
    return next((one for one in reports if host is None or one.address == shown(host)), None)
