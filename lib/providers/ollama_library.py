"""The models of our Ollama servers: what they have, getting more, loading and deleting them."""

import functools
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
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
from lib.core.model_tag import checked_tag
from lib.core.station import HostedModel, HostReport
from lib.providers import reports
from lib.providers.ollama_sdk import LIST_S, WHO, client, context_tokens, ollama, reads, translate
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


@dataclass(frozen=True, slots=True)
class PullStep:
    """A word on a download. `status` is Ollama's own; bytes are of the one file `digest` names."""

    status: str
    digest: str | None = None
    total_bytes: int | None = None
    done_bytes: int | None = None


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
        with our_errors(WHO, "", _why):
            return frozenset(model.model or "" for model in self._asking[host].list().models)

    def pull(self, host: str, model: str) -> Generator[PullStep, None, None]:
        """Download a model, or what is missing of it; ends when the host has it.

        Closing the generator hangs up, and Ollama stops and keeps what it has. So does hanging up
        the thread's line, also while Ollama is silent.
        """
        return self._pull(*self._aim(host, model))

    def delete(self, host: str, model: str) -> None:
        client, tag = self._aim(host, model)
        with our_errors(WHO, tag, _why):
            client.delete(tag)

    def load(self, host: str, model: str) -> None:
        """Bring a model into the memory, with the window of a short prompt: another would make the
        first question load it again. It stays as long as OLLAMA_KEEP_ALIVE says."""
        client, tag = self._aim(host, model)
        with our_errors(WHO, tag, _why):
            tokens = window(Request(tag, ()), context_tokens(client.show(tag)))
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
        """Whom to ask, and for what."""
        tag = self.checked(host, model)
        return self._acting[host], tag

    def _pull(self, client: ollama.Client, tag: str) -> Generator[PullStep, None, None]:
        with our_errors(WHO, tag, _why_no_pull):
            steps: Any = client.pull(tag, stream=True)  # a generator, its types say less
            with closing(steps):
                step = None
                for step in steps:
                    yield PullStep(step.status or "", step.digest, step.total, step.completed)
            if step is None or step.status != "success":
                raise Unreachable(f"{WHO} ended the download before it was done.")

    def _report(self, host: str) -> HostReport:
        client = self._asking[host]
        with our_errors(WHO, "", _why):
            # The client has no call for the version, hence the private name.
            version = client._client.get("/api/version").json()["version"]
            loaded = {one.model: one for one in client.ps().models}
            models = tuple(
                self._describe(host, model, loaded.get(model.model))
                for model in sorted(client.list().models, key=lambda model: model.model or "")
            )
        return HostReport(self.shown(host), WHO, str(version), models)

    def _describe(
        self,
        host: str,
        model: ollama.ListResponse.Model,
        loaded: ollama.ProcessResponse.Model | None,
    ) -> HostedModel:
        name, details = model.model or "", model.details
        facts = self._facts(host, name, model.digest)
        return HostedModel(
            name,
            size_bytes=_whole(model.size),
            parameters=(details and details.parameter_size) or None,
            quantisation=(details and details.quantization_level) or None,
            context_tokens=context_tokens(facts),
            input=reads(name, facts),
            loaded=loaded is not None,
            memory_bytes=_whole(loaded.size) if loaded else None,
            gpu_bytes=_whole(loaded.size_vram) if loaded else None,
            window_tokens=loaded.context_length if loaded else None,
        )

    def _facts(self, host: str, name: str, digest: str | None) -> ollama.ShowResponse | None:
        """What the server says of a model; None when it does not, which is no reason to fail."""
        try:
            with our_errors(WHO, name, _why):
                return self._shown(host, name, digest)
        except AppError:
            return None

    def _show(self, host: str, name: str, _digest: str | None) -> ollama.ShowResponse:
        """Asked once: it stays true as long as the digest is the same."""
        return self._asking[host].show(name)


def _whole(size: int | None) -> int | None:
    return None if size is None else int(size)


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
