"""What every adapter's report shares: all servers asked at once, addresses without secrets."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from lib.core.chat import ModelInfo
from lib.core.errors import AppError
from lib.core.station import HostedModel, HostReport


def shown(url: str) -> str:
    """A server's address for people: host, port and path, without user, password and query."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    where = parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")
    return f"{parts.scheme}://{where}" if parts.scheme else where


def hosted(info: ModelInfo, loaded: bool | None = None) -> HostedModel:
    """A model of which no more is known than what the picker shows."""
    return HostedModel(
        info.name, context_tokens=info.context_tokens, input=info.input, loaded=loaded
    )


def of_all(
    ask: Callable[[str], HostReport], urls: Collection[str], engine: str
) -> list[HostReport]:
    """Every server's report, in the order of `urls`; one that raises an AppError reports that."""

    def report(url: str) -> HostReport:
        try:
            return ask(url)
        except AppError as error:
            return HostReport(shown(url), engine, error=error)

    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(report, urls))
