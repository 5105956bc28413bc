"""How likely llama.cpp finds each of some given continuations of a raw prompt, over its own HTTP.

The continuations are walked token by token: every beginning they share is read once, and the
model's next-token probabilities after it are looked up for each of them.
"""

import math
from collections.abc import Generator
from functools import lru_cache
from statistics import fmean
from typing import Any

import httpx2

from lib.core.chat import Done, Event, Finish, Request, Text, TokenLogprob, Usage
from lib.core.errors import AppError, BadInput
from lib.providers.wire import client2, from_status, our_errors

NEAR = 512  # so many of the likeliest tokens cost 1 ms; a label is nearly always among them
LIFT = 100.0  # above every other token; the whole list of 49,152 would cost 150 ms and 5 MB
LOWEST = -100.0  # llama.cpp computes in float32, where e**-104 is 0
CACHED = "timings/cache_n"

Tokens = tuple[int, ...]


class LabelScores:
    """`url` is llama.cpp's own root; `who` names it in errors, `context_tokens` is a slot's."""

    def __init__(self, who: str, url: str, key: str, timeout_s: float, context_tokens: int) -> None:
        self._who, self._url, self._context_tokens = who, url, context_tokens
        self._headers = {"Authorization": f"Bearer {key}"}
        self._http = client2(timeout_s)
        # A job asks for the same labels row after row.
        self._tails = lru_cache(maxsize=64)(self._read_tails)

    def stream(self, request: Request) -> Generator[Event, None, None]:
        """Text (the likeliest choice), Usage, Done for a raw request with choices.

        Each message is a whole prompt. The Text's one TokenLogprob has in `top` every whole choice
        with its natural-log probability, the mean over the prompts, in the request's order.
        Raises BadInput when a prompt is too long.
        """
        with our_errors(self._who, request.model, self._translate):
            asked = [self._ask(message.text, request.choices) for message in request.messages]
        means = map(fmean, zip(*(scores for scores, _ in asked), strict=True))
        top = tuple(zip(request.choices, means, strict=True))
        best, logprob = max(top, key=lambda scored: scored[1])
        yield Text(best, (TokenLogprob(best, logprob, top),))
        yield _sum([usage for _, usage in asked])
        yield Done(Finish.STOP, version=request.model)

    def close(self) -> None:
        self._http.close()

    def _ask(self, text: str, choices: tuple[str, ...]) -> tuple[list[float], Usage]:
        """One prompt: each choice's log-probability, and what reading it took."""
        prompt = self._tokens(text, whole=True)
        tails = self._tails(text.rpartition("\n")[2], choices)
        self._check_fit(len(prompt), max(map(len, tails)))
        found, cached = self._walk(prompt, tails)
        scores = [sum(found[tail[:i]][token] for i, token in enumerate(tail)) for tail in tails]
        return scores, Usage(len(prompt), len(found), cached_tokens=cached)

    def _walk(
        self, prompt: Tokens, tails: tuple[Tokens, ...]
    ) -> tuple[dict[Tokens, dict[int, float]], int | None]:
        """The log-probabilities after every beginning, and how much of the prompt was cached."""
        wanted: dict[Tokens, set[int]] = {}
        for tail in tails:
            for at, token in enumerate(tail):
                wanted.setdefault(tail[:at], set()).add(token)
        found, cached = {}, None
        for beginning in sorted(wanted, key=len):
            found[beginning], cached_now = self._next(prompt + beginning, wanted[beginning])
            cached = cached_now if not beginning else cached
        return found, cached

    def _next(self, tokens: Tokens, wanted: set[int]) -> tuple[dict[int, float], int | None]:
        """What follows `tokens` with which log-probability, and how many of them were cached."""
        answer = self._complete(tokens, n_probs=NEAR, temperature=0)
        likeliest = {one["id"]: one["logprob"] for one in _first(answer)["top_logprobs"]}
        found = {token: likeliest[token] for token in wanted if token in likeliest}
        if far := wanted - set(found):
            known = next(iter(likeliest.items()))
            found |= self._far(tokens, far, *known)
        return {token: max(value, LOWEST) for token, value in found.items()}, answer.get(CACHED)

    def _far(self, tokens: Tokens, far: set[int], known: int, logprob: float) -> dict[int, float]:
        """The same for tokens far down the list, by their ratio to one that is known.

        All of them are lifted above the rest by the same, so they are all that is listed.
        """
        lifted = [known, *sorted(far)]
        answer = self._complete(
            tokens,
            logit_bias=[[token, LIFT] for token in lifted],
            n_probs=len(lifted),
            post_sampling_probs=True,
            samplers=["top_k", "temperature"],
            top_k=len(lifted),
            temperature=1.0,
        )
        shares = {one["id"]: one["prob"] for one in _first(answer)["top_probs"]}
        return {
            token: logprob + math.log(shares[token] / shares[known]) if shares[token] else LOWEST
            for token in far
        }

    def _complete(self, tokens: Tokens, **options: Any) -> Any:
        """One token after `tokens`; what was read of them before is not read again."""
        fields = ["completion_probabilities", CACHED]
        return self._post(
            "completion",
            prompt=tokens,
            n_predict=1,
            cache_prompt=True,
            response_fields=fields,
            **options,
        )

    def _read_tails(self, ending: str, choices: tuple[str, ...]) -> tuple[Tokens, ...]:
        """Each choice's tokens as they stand after the prompt's last line."""
        before = self._tokens(ending)
        tails = []
        for choice in choices:
            joined = self._tokens(ending + choice)
            clean = joined[: len(before)] == before
            tails.append(joined[len(before) :] if clean else self._tokens(choice))
        return tuple(tails)

    def _tokens(self, text: str, whole: bool = False) -> Tokens:
        """`whole`: with what the model wants before a prompt. A text never holds control tokens."""
        answer = self._post("tokenize", content=text, add_special=whole, parse_special=False)
        return tuple(answer["tokens"])

    def _check_fit(self, prompt: int, longest: int) -> None:
        if prompt + longest > self._context_tokens:
            raise BadInput(
                f"The prompt has {prompt:,} tokens; {self._who[0].lower()}{self._who[1:]} reads "
                f"at most {self._context_tokens - longest:,}.",
                hint="The text is too long for it: use fewer examples or another model.",
            )

    def _post(self, call: str, **body: Any) -> Any:
        answer = self._http.post(f"{self._url}/{call}", json=body, headers=self._headers)
        return answer.raise_for_status().json()

    def _translate(self, error: Exception, model: str) -> AppError | None:
        if isinstance(error, httpx2.HTTPStatusError):
            return from_status(error.response.status_code, self._who, model)
        return None


def _first(answer: Any) -> Any:
    return answer["completion_probabilities"][0]


def _sum(usages: list[Usage]) -> Usage:
    cached = [usage.cached_tokens for usage in usages]
    return Usage(
        sum(usage.input_tokens or 0 for usage in usages),
        sum(usage.output_tokens or 0 for usage in usages),
        cached_tokens=None if None in cached else sum(one or 0 for one in cached),
    )
