"""How likely llama.cpp finds each of some given continuations of a raw prompt, over its own HTTP.

The continuations are walked token by token: every beginning they share is read once, and the
model's next-token probabilities after it are looked up for each of them.
"""

from collections.abc import Generator
from functools import lru_cache
from typing import Any

import httpx2

from lib.core.chat import Done, Event, Finish, Request, Text, TokenLogprob, Usage
from lib.core.errors import AppError, BadInput, BadReply
from lib.providers.wire import client2, from_status, our_errors

NEAR = 512  # so many of the likeliest tokens cost 1 ms; a label is nearly always among them
WHOLE = 1 << 20  # more than any vocabulary; 150 ms for one of 49,152 tokens
LOWEST = -100.0  # llama.cpp computes in float32, where e**-104 is 0

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

        The Text's one TokenLogprob has in `top` each whole choice with its natural-log
        probability, in the request's order. Raises BadInput when the prompt is too long.
        """
        with our_errors(self._who, request.model, self._translate):
            (message,) = request.messages
            prompt = self._tokens(message.text, whole=True)
            tails = self._tails(message.text.rpartition("\n")[2], request.choices)
            self._check_fit(len(prompt), max(map(len, tails)))
            found, cached = self._walk(prompt, tails)
        top = tuple(
            (choice, sum(found[tail[:at]][token] for at, token in enumerate(tail)))
            for choice, tail in zip(request.choices, tails, strict=True)
        )
        best, logprob = max(top, key=lambda scored: scored[1])
        yield Text(best, (TokenLogprob(best, logprob, top),))
        yield Usage(len(prompt), len(found), cached_tokens=cached)
        yield Done(Finish.STOP, version=request.model)

    def close(self) -> None:
        self._http.close()

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
        cached = None
        for likeliest in (NEAR, WHOLE):
            answer = self._post(
                "completion",
                prompt=tokens,
                n_predict=1,
                n_probs=likeliest,
                temperature=0,
                cache_prompt=True,
                response_fields=["completion_probabilities", "timings/cache_n"],
            )
            cached = answer.get("timings/cache_n") if cached is None else cached
            seen = answer["completion_probabilities"][0]["top_logprobs"]
            near = {one["id"]: max(one["logprob"], LOWEST) for one in seen if one["id"] in wanted}
            if len(near) == len(wanted):
                return near, cached
        raise BadReply(f"{self._who} left a label without a probability.")

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
