"""The models of our Ollama servers: what they have, getting more, loading and deleting them."""

import functools
import re
from collections.abc import Generator
from typing import Any

from lib.core.chat import Request
from lib.core.errors import (
    AppError,
    BadInput,
    ModelMissing,
    StorageFailed,
    TimedOut,
    Unreachable,
    Unsupported,
)
from lib.core.heard import clean, whole
from lib.core.model_tag import checked_tag
from lib.core.station import HostedModel, HostReport
from lib.providers import reports
from lib.providers.line import Line
from lib.providers.ollama_pull import PullStep, steps
from lib.providers.ollama_sdk import (
    LIST_S,
    WHO,
    Facts,
    asked,
    client,
    facts,
    in_time,
    named,
    ollama,
    translate,
)
from lib.providers.ollama_wire import window
from lib.providers.wire import our_errors, transport_error

# What Ollama does silently takes longest where it reads a whole model: loading it, or verifying
# what it downloaded. 80 GB at 300 MB a second. While it downloads it speaks many times a second.
READ_ALL_S = 300.0
_HINTS: dict[type[AppError], str] = {
    Unreachable: "Start it with «ollama serve», or set OLLAMA_HOST.",
    TimedOut: "See whether that server is overloaded, or start it again.",
}
_NO_MANIFEST = re.compile(r"manifest: (file does not exist|4\d\d)")


class OllamaLibrary:
    """`hosts` are base URLs and the keys of every call; `timeout_s` bounds each silence.

    Every call raises BadInput for a host that is not ours and for what cannot be a model's name.
    """

    def __init__(self, hosts: list[str], timeout_s: float = READ_ALL_S) -> None:
        self.hosts = tuple(hosts)
        self._asking = {host: client(host, LIST_S) for host in hosts}
        self._acting = {host: client(host, timeout_s) for host in hosts}
        self._shown = functools.lru_cache(maxsize=512)(self._show)

    def shown(self, host: str) -> str:
        """A host's address for people: without user and password."""
        return reports.shown(host)

    def report(self) -> list[HostReport]:
        """How every host is and what it has, all asked at once; never raises."""
        return reports.of_all(self._report, self.hosts, WHO)

    def checked(self, host: str, model: str) -> str:
        """The full name of the model that is meant, «latest» its tag if none is given."""
        self._check_host(host)
        return checked_tag(model)

    def names(self, host: str) -> frozenset[str]:
        """The models a host has, each with its tag."""
        self._check_host(host)
        with Line(LIST_S).held(), our_errors(WHO, "", _why):
            return frozenset(named(self._asking[host], "/api/tags"))

    def pull(self, host: str, model: str) -> Generator[PullStep, None, None]:
        """Download a model, or what is missing of it; ends when the host has it.

        Closing the generator hangs up, and Ollama stops and keeps what it has. So does hanging up
        the thread's line, also while Ollama is silent.
        """
        tag = self.checked(host, model)
        return self._pull(self._acting[host], tag)

    def delete(self, host: str, model: str) -> None:
        client, tag = self._aim(host, model)
        with our_errors(WHO, tag, _why):
            client.delete(tag)

    def load(self, host: str, model: str) -> None:
        """Bring a model into the memory, with the window of a short prompt: another would make the
        first question load it again. It stays as long as OLLAMA_KEEP_ALIVE says."""
        client, tag = self._aim(host, model)
        with our_errors(WHO, tag, _why):
            tokens = window(Request(tag, ()), facts(client, tag).context_tokens)
            client.generate(tag, options={"num_ctx": tokens})

    def unload(self, host: str, model: str) -> None:
        """Free the memory; one that is not loaded is no error. Answers under way end first."""
        client, tag = self._aim(host, model)
        with our_errors(WHO, tag, _why):
            client.generate(tag, keep_alive=0)

    def close(self) -> None:
        client: Any  # its close() has no types
        for client in (*self._asking.values(), *self._acting.values()):
            client.close()

    def _check_host(self, host: str) -> None:
        if host not in self._acting:
            raise BadInput("host: that is none of our Ollama servers.", hint="Set OLLAMA_HOST.")

    def _aim(self, host: str, model: str) -> tuple[ollama.Client, str]:
        """Whom to ask, and for which model of those it has."""
        self._check_host(host)
        return self._acting[host], checked_tag(model, anywhere=True)

    def _pull(self, client: ollama.Client, tag: str) -> Generator[PullStep, None, None]:
        with our_errors(WHO, tag, _why_no_pull):
            # Not by the client's own call, which reads a line without end until memory has one.
            with client._client.stream("POST", "/api/pull", json={"model": tag}) as answer:
                step = None
                for step in steps(answer.iter_bytes()):
                    yield step
            if step is None or step.status != "success":
                raise Unreachable(f"{WHO} ended the download before it was done.")

    def _report(self, host: str) -> HostReport:
        """What is not known of its models when the time is up stays unknown for now."""
        client, line = self._asking[host], Line(LIST_S)
        with line.held(), our_errors(WHO, "", _why):
            version = clean(asked(client, "GET", "/api/version").get("version"))
            loaded = named(client, "/api/ps")
            models = tuple(
                _described(name, model, loaded.get(name), self._facts(host, name, model, line))
                for name, model in named(client, "/api/tags").items()
            )
        return HostReport(self.shown(host), WHO, version, models)

    def _facts(self, host: str, name: str, model: dict[str, Any], line: Line) -> Facts:
        """What the server says of a model; none when it does not, which is no reason to fail."""
        try:
            with our_errors(WHO, name, _why):
                if in_time(line):
                    return self._shown(host, name, clean(model.get("digest")))
        except AppError:
            pass
        return Facts()

    def _show(self, host: str, name: str, _digest: str | None) -> Facts:
        """Asked once: it stays true as long as the digest is the same."""
        return facts(self._asking[host], name)


def _described(
    name: str, model: dict[str, Any], loaded: dict[str, Any] | None, known: Facts
) -> HostedModel:
    details, memory = model.get("details"), loaded or {}
    said = details if isinstance(details, dict) else {}
    return HostedModel(
        name,
        size_bytes=whole(model.get("size")),
        parameters=clean(said.get("parameter_size")),
        quantisation=clean(said.get("quantization_level")),
        context_tokens=known.context_tokens,
        input=known.reads(name),
        loaded=loaded is not None,
        memory_bytes=whole(memory.get("size")),
        gpu_bytes=whole(memory.get("size_vram")),
        window_tokens=whole(memory.get("context_length")),
    )


def _why(error: Exception, model: str) -> AppError | None:
    """As for an answer, with hints for whoever looks after the server."""
    ours = translate(error, model) or transport_error(error, WHO)
    if isinstance(ours, BadInput):
        return BadInput(f"model: {WHO} cannot do that with {model}.", hint="Choose another model.")
    for kind, hint in _HINTS.items():
        if ours and isinstance(ours, kind):
            ours.hint = hint
    return ours


def _why_no_pull(error: Exception, model: str) -> AppError | None:
    """Ollama tells it in its last line, in words only; they are read here and not passed on."""
    if not isinstance(error, ollama.ResponseError):
        return _why(error, model)
    if "no space left" in error.error:
        return StorageFailed(
            f"The disk of {WHO} is full.",
            hint="Delete a model there, or let OLLAMA_MODELS name a folder with more room.",
        )
    if "newer version" in error.error:
        return Unsupported(f"{model} needs a newer {WHO}.", hint="Update it, then pull again.")
    if _NO_MANIFEST.search(error.error):
        return ModelMissing(
            f"There is no model called {model} to download.",
            hint="Look its name up at ollama.com/library; a name may have many tags.",
        )
    return Unreachable(
        f"{WHO} could not go on with the download.",
        hint="See that its machine reaches the internet, then pull again: what it has is kept.",
    )
