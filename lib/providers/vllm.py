"""vLLM, or any other OpenAI-compatible server: one host or several."""

from collections.abc import Generator

import openai

from lib.core.chat import NO_MODEL, Event, Modality, ModelInfo, Request
from lib.core.heard import clean, is_name, whole
from lib.core.station import ENGINES, HostReport
from lib.core.thinking import named_levels
from lib.providers import reports
from lib.providers.hosts import Hosts
from lib.providers.line import Line
from lib.providers.openai_wire import ChoiceForm, OpenAIWire
from lib.providers.reads import by_name, levels_by_name, thinks_by_name

WHO = "vLLM"
LIST_S = 3.0  # longest wait for a list of models: the picker must not hang on a dead host


class VLLM:
    """`hosts` are base URLs ending in /v1; `reads` overrules what the model names say.

    `choice_form`: which field of the request the servers know for a fixed set of answers.
    """

    name = "vllm"

    def __init__(
        self,
        hosts: list[str],
        key: str | None,
        timeout_s: float,
        reads: tuple[Modality, ...] | None = None,
        choice_form: ChoiceForm = "structured_outputs",
    ) -> None:
        self._hosts = Hosts(
            {host: OpenAIWire(WHO, host, key, timeout_s, choice_form) for host in hosts}
        )
        self._listing = {host: OpenAIWire(WHO, host, key, LIST_S) for host in hosts}
        self._reads = reads

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self._hosts.clients)

    def having(self, model: str) -> list[str]:
        return self._hosts.having(model)

    def stream(self, request: Request) -> Generator[Event, None, None]:
        return self._hosts.stream(request.model, lambda _, host: host.stream(request), request.host)

    def count(self, request: Request) -> int | None:
        """As the server's tokenizer counts.

        None for what another path may count otherwise: pictures, a prompt without a template, and
        gpt-oss, whose chats do not go through the template. Other servers have no such call.
        """
        if request.raw or request.modalities != {"text"} or named_levels(request.model):
            return None
        return self._hosts.call(
            request.model,
            lambda address, host: host.count(request, f"{_root(address)}/tokenize", "count"),
            request.host,
        )

    def models(self) -> list[ModelInfo]:
        found, silent = self._hosts.list_models(self._list)
        if not found:
            why = f"{silent[0]} {silent[0].hint}" if silent else f"{WHO} serves no model."
            return [ModelInfo(self.name, NO_MODEL, available=False, reason=why)]
        return found

    def report(self) -> list[HostReport]:
        """How every host is and what it serves, all asked at once; never raises."""
        return reports.of_all(self._report, self._listing, ENGINES[self.name])

    def _report(self, host: str) -> HostReport:
        with Line(LIST_S).held():
            models = tuple(reports.hosted(info, loaded=True) for info in self._list(host))
            version = self._version(host)
        return HostReport(reports.shown(host), ENGINES[self.name], version, models)

    def _version(self, host: str) -> str | None:
        """As vLLM tells it; None: another kind of server, which has no such call."""
        try:
            answer = self._listing[host].client.get(f"{_root(host)}/version", cast_to=object)
        except (openai.OpenAIError, ValueError):
            return None
        version = answer.get("version") if isinstance(answer, dict) else None
        return clean(version)

    def _list(self, host: str) -> list[ModelInfo]:
        with Line(LIST_S).held():
            models = self._listing[host].list()
        return [self._info(model.id, model) for model in models if is_name(model.id)]

    def reads(self, name: str) -> tuple[Modality, ...]:
        return self._reads or by_name(name)

    def _info(self, name: str, model: object) -> ModelInfo:
        window = (getattr(model, "model_extra", None) or {}).get("max_model_len")
        return ModelInfo(
            self.name,
            name,
            input=self.reads(name),
            context_tokens=whole(window) or None,
            thinking=levels_by_name(name),
            thinks=thinks_by_name(name),
        )

    def close(self) -> None:
        for host in (*self._hosts.clients.values(), *self._listing.values()):
            host.close()


def _root(address: str) -> str:
    """Where the server's own calls are, beside OpenAI's under /v1."""
    return address.rstrip("/").removesuffix("/v1")
