"""About how many tokens a prompt is, when no server counts it."""

import json
import re
from collections.abc import Mapping

from lib.core.chat import Media, Request, Resolution
from lib.core.prices import IMAGE_TOKENS

# Tokens for each character of a class. Measured on 2026-11-22 with the tokenizers of Gemma 3 and
# Qwen 3.5, whose vocabularies are alike, and for the built-in model with that of SmolLM2, which
# knows little but English.
_ACCENTED = r"\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff"
_MARKS = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205f"
_CYRILLIC = r"\u0400-\u052f"
_EAST_ASIAN = r"\u1100-\u11ff\u3000-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_CLASSES = {
    "latin": re.compile(r"[A-Za-z]"),
    "accented": re.compile(f"[{_ACCENTED}]"),
    "digit": re.compile(r"[0-9]"),
    "mark": re.compile(f"[{_MARKS}]"),
    "line": re.compile(r"\n\s*"),  # with the indentation of the next one
    "cyrillic": re.compile(f"[{_CYRILLIC}]"),
    "east_asian": re.compile(f"[{_EAST_ASIAN}]"),
    "other": re.compile(rf"[^\x00-\xbf{_ACCENTED}{_MARKS}{_CYRILLIC}{_EAST_ASIAN}]"),
}
_USUAL = {
    "latin": 0.25, "accented": 0.5, "digit": 1.0, "mark": 0.75, "line": 1.0,
    "cyrillic": 0.3, "east_asian": 0.6, "other": 0.4,
}  # fmt: skip
_BUILT_IN = _USUAL | {"accented": 2.0, "cyrillic": 0.85, "east_asian": 1.9, "other": 1.2}

# Begin, role and end of a message in a chat template; Gemini does not count its own.
MESSAGE_TOKENS = 5
ANSWER_TOKENS = 3  # what a template puts before the answer

# An image on Gemini 3 and on 2.5, by media resolution (Google's page of that name), and on Gemma 3
# (its model card). Others may take up to a thousand for a large one.
_GEMINI_3: Mapping[Resolution | None, int] = {
    None: IMAGE_TOKENS, "low": 280, "medium": 560, "high": IMAGE_TOKENS,
}  # fmt: skip
_GEMINI_2: Mapping[Resolution | None, int] = {None: 256, "low": 64, "medium": 256, "high": 256}
_GEMMA_IMAGE = 256


def about(request: Request, provider: str) -> int | None:
    """A guess at the tokens of a prompt; None with sound, film or PDF, whose bytes do not tell.

    A token is about four plain Latin letters, two accented or three Cyrillic ones, a digit, 1.3
    marks, a line break, 1.7 Chinese, Japanese or Korean characters, or 2.5 of another script.
    Against the tokenizers of Gemma 3 and Qwen 3.5 that is within 5 % for English, German, French,
    Spanish and code, 17 % for Polish, Russian, Ukrainian and JSON, 25 % for Chinese, Japanese and
    Korean, 45 % for Hindi, Thai and the like. The built-in model's own rates are within 10 % of its
    tokenizer for English and code, 45 % for the rest.
    """
    rates = _BUILT_IN if provider == "embedded" else _USUAL
    pictures = [_picture(part, request, provider) for m in request.messages for part in m.media]
    if None in pictures:
        return None
    texts = [message.text for message in request.messages]
    texts += [request.system] if request.system else []
    around = 0
    if provider != "gemini" and not request.raw:
        around = len(texts) * MESSAGE_TOKENS + ANSWER_TOKENS
    if provider == "gemini" and request.json_schema is not None:  # elsewhere a grammar, unread
        texts.append(json.dumps(request.json_schema))
    tokens = sum(_text_tokens(text, rates) for text in texts)
    return round(tokens) + around + sum(one or 0 for one in pictures)


def _text_tokens(text: str, rates: Mapping[str, float]) -> float:
    return sum(len(pattern.findall(text)) * rates[name] for name, pattern in _CLASSES.items())


def _picture(part: Media, request: Request, provider: str) -> int | None:
    if part.modality != "image":
        return None
    if provider != "gemini":
        return _GEMMA_IMAGE
    counts = _GEMINI_2 if request.model.startswith("gemini-2") else _GEMINI_3
    return counts[request.media_resolution]
