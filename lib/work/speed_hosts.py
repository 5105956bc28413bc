"""Which server a speed test measures: one, for several together have the speed of several GPUs."""

from lib.core.chat import HasHosts, ModelInfo
from lib.core.errors import BadInput
from lib.providers.reports import shown
from lib.work.app import App
from lib.work.models import Choice

_HINT = "Copy it from the models page, or leave it out: the first server with the model is taken."


def find(app: App, choice: Choice, address: str | None) -> str | None:
    """The base URL of the server at an address; without one, of the first that has the model.

    None: the provider has no servers to choose from. BadInput for an address that is none of ours,
    or of a server without the model.
    """
    info, provider = choice.info, choice.provider
    if not isinstance(provider, HasHosts):
        if address is not None:
            raise BadInput(f"host: {info.id} has no servers to choose from.", hint="Leave it out.")
        return None
    if address is None:
        return _candidates(provider, info)[0]
    url = next((one for one in provider.hosts if shown(one) == address), None)
    if url is None:
        raise BadInput(f"host: none of our servers for {info.id} has that address.", hint=_HINT)
    if url not in _candidates(provider, info):  # perhaps it was pulled a moment ago
        app.models.refresh()
        if url not in _candidates(provider, info):
            raise BadInput(f"host: the server at that address has not got {info.id}.", hint=_HINT)
    return url


def addresses(app: App, info: ModelInfo) -> list[str]:
    """The servers that have a model, as the models page shows them; none for an API."""
    provider = app.models.providers.get(info.provider)
    if not isinstance(provider, HasHosts):
        return []
    return [shown(url) for url in provider.having(info.name)]


def are_several(app: App, model: str) -> bool:
    """Whether the provider of a model, by its full id, has more than one server here."""
    provider = app.models.providers.get(model.partition("/")[0])
    return isinstance(provider, HasHosts) and len(provider.hosts) > 1


def _candidates(provider: HasHosts, info: ModelInfo) -> tuple[str, ...]:
    """Where none listed the model any may have it; asked for it, the server itself says so."""
    return tuple(provider.having(info.name)) or provider.hosts
