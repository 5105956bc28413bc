"""How every model server of this app is, asked just now."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lib.core.station import ENGINES, HostReport, Reports
from lib.work.app import App
from lib.work.models import ORDER


def stations(app: App) -> dict[str, list[HostReport]]:
    """Each provider's servers, in the order of the picker; all asked at once, at no cost.

    Never raises: a server that does not answer says so, and a provider that is not configured is
    one report with what turns it on.
    """
    with ThreadPoolExecutor(len(ORDER)) as pool:
        return dict(zip(ORDER, pool.map(partial(_reports, app), ORDER), strict=True))


def _reports(app: App, provider: str) -> list[HostReport]:
    asked = app.library if provider == "ollama" else app.models.providers.get(provider)
    if isinstance(asked, Reports):
        return asked.report()
    return [HostReport("–", ENGINES[provider], error=app.models.not_configured(provider))]
