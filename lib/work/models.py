"""Which models there are, which one is meant, and who carries it."""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, get_args, runtime_checkable

from lib.core.chat import Modality, ModelInfo, Option, Provider, Thinking
from lib.core.errors import BadInput, ModelMissing, NotConfigured

ORDER = ("gemini", "ollama", "vllm", "embedded")  # also the order of the default model
# Names travel in addresses and logs, so what could split either is refused.
_NAME = re.compile(r"[\w.:/@+ -]{1,200}", re.ASCII)
FRESH_S = 5.0  # how long a listing is believed; asking every server takes up to three seconds
STALE_S = 60.0  # from here on it is not even shown
END_S = 2.0  # longest wait at the end for a listing under way


@dataclass(frozen=True, slots=True)
class Choice:
    """A model and the adapters that carry it; `bulk` is the one for many short calls."""

    info: ModelInfo
    provider: Provider
    bulk: Provider


@runtime_checkable
class KnowsMore(Protocol):
    """A provider that serves models it does not list."""

    def has(self, name: str) -> bool: ...


class Models:
    """`off` holds, for each provider that is not configured, the entries that say why."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        bulk: Mapping[str, Provider],
        off: Mapping[str, list[ModelInfo]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers, self._bulk, self._off, self._now = providers, bulk, off, now
        self._lock, self._renewing, self._keeping = (threading.Lock() for _ in range(3))
        self._turns = itertools.count(1)
        self._listed_turn = 0
        self._listed: list[ModelInfo] = []
        self._listed_at = float("-inf")

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The adapters of what is configured here, by provider."""
        return self._providers

    def not_configured(self, provider: str) -> NotConfigured:
        """Why a provider is not set up here, and what turns it on."""
        reason = next((info.reason for info in self._off.get(provider, [])), None)
        return NotConfigured(f"{provider} is not set up here.", hint=reason)

    def all(self) -> list[ModelInfo]:
        """Every model there is or could be, in the order of the picker.

        A list that is a little old is returned as it is and renewed meanwhile: a server that does
        not answer takes seconds, and nobody should wait for it twice.
        """
        age_s = self._now() - self._listed_at
        if age_s <= FRESH_S:
            return self._listed
        if age_s <= STALE_S:
            if self._renewing.acquire(blocking=False):
                threading.Thread(target=self._renew, daemon=True).start()
            return self._listed
        with self._lock:
            if self._now() - self._listed_at > STALE_S:
                self._list()
            return self._listed

    def refresh(self) -> None:
        """Ask everyone now: a server has got a model, or has one less."""
        with self._lock:
            self._list()

    def _look_again(self) -> None:
        """Ask everyone now, unless that was done in the last seconds."""
        with self._lock:
            if self._now() - self._listed_at > FRESH_S:
                self._list()

    def _renew(self) -> None:
        try:
            self._list()
        finally:
            self._renewing.release()

    def _list(self) -> None:
        """Keeps the list that was begun last: an older one may come later, and knows less."""
        turn = next(self._turns)
        found = self._ask_everyone()
        with self._keeping:
            if turn > self._listed_turn:
                self._listed_turn, self._listed, self._listed_at = turn, found, self._now()

    def readers(self, wanted: frozenset[Modality]) -> list[ModelInfo]:
        """Models that can be asked now and read all of it, each provider's first one first."""
        able = [one for one in self.all() if one.available and wanted <= set(one.input)]
        before = Counter[str]()
        turns: dict[str, int] = {}
        for one in able:
            turns[one.id] = before[one.provider]
            before[one.provider] += 1
        return sorted(able, key=lambda one: turns[one.id])

    def local_first(self) -> list[ModelInfo]:
        """Those that can be asked now; what an API answers is paid, so its models are the last."""
        able = [one for one in self.all() if one.available]
        return sorted(able, key=lambda one: one.provider == "gemini")

    def default(self) -> ModelInfo | None:
        return next((info for info in self.all() if info.available), None)

    def find(self, model: str | None) -> Choice:
        """The model meant by an id, a bare name or nothing; errors say what to choose instead."""
        if not model:
            info = self.default()
            if info is None:
                raise NotConfigured(
                    "No model is available.",
                    hint="Set GOOGLE_API_KEY, start Ollama, or let EMBEDDED_MODEL be loaded.",
                )
            return self._choice(info)
        if not _NAME.fullmatch(model) or ".." in model:
            raise ModelMissing("model: there is no model of that name here.")
        provider, _, name = model.partition("/")
        if provider in ORDER and name:
            return self._choice(self._explicit(provider, name))
        return self._choice(self._bare(model))

    def find_listed(self, model: str | None) -> Choice:
        """As `find`, but a model its provider surely does not have is ModelMissing.

        For work that goes on when nobody looks: a typing error must show now.
        """
        choice = self.find(model)
        info = choice.info
        listed = [one for one in self.all() if one.provider == info.provider and one.available]
        if not any(_is(one, info.name) for one in listed):  # perhaps pulled a moment ago
            self._look_again()
            listed = [one for one in self.all() if one.provider == info.provider and one.available]
        if not listed or any(_is(one, info.name) for one in listed):
            return choice
        # The list of Gemini is our catalogue's, so Google itself is asked about any other name.
        if isinstance(choice.provider, KnowsMore) and choice.provider.has(info.name):
            return choice
        raise ModelMissing(f"model: {info.provider} has no model called {info.name[:100]}.")

    def close(self) -> None:
        # Kept, so that none begins: a listing would open connections that nobody closes any more.
        self._renewing.acquire(timeout=END_S)
        for provider in {*self._providers.values(), *self._bulk.values()}:
            provider.close()

    def _ask_everyone(self) -> list[ModelInfo]:
        with ThreadPoolExecutor(len(ORDER)) as pool:
            lists = {name: pool.submit(p.models) for name, p in self._providers.items()}
            found = {name: future.result() for name, future in lists.items()}
        return [info for name in ORDER for info in found.get(name) or self._off.get(name, [])]

    def _explicit(self, provider: str, name: str) -> ModelInfo:
        if provider not in self._providers:
            raise self.not_configured(provider)
        named = (info for info in self.all() if info.provider == provider and info.available)
        # Not listed is no proof that it is missing: the provider itself says so, when asked.
        unlisted = ModelInfo(
            provider,
            name,
            input=get_args(Modality),
            takes=frozenset(get_args(Option)),
            thinking=get_args(Thinking),
        )
        return next((info for info in named if _is(info, name)), unlisted)

    def _bare(self, name: str) -> ModelInfo:
        named = [info for info in self.all() if _is(info, name)]
        if not named:
            self._look_again()
            named = [info for info in self.all() if _is(info, name)]
        named = [info for info in named if info.available] or named
        if not named:
            raise ModelMissing(f"model: there is no model called {name[:100]} here.")
        if len(named) > 1:
            raise BadInput(f"model: {name} could be {' or '.join(info.id for info in named)}.")
        if not named[0].available:
            raise NotConfigured(f"{named[0].id} is not set up here.", hint=named[0].reason)
        return named[0]

    def _choice(self, info: ModelInfo) -> Choice:
        provider = self._providers[info.provider]
        return Choice(info, provider, self._bulk.get(info.provider, provider))


def _is(info: ModelInfo, name: str) -> bool:
    return info.name in (name, f"{name}:latest")
