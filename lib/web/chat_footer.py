"""What an answer took, in words: the line under it, its details, and the table of a comparison."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from lib.web.kit import literal
from lib.web.texts import UNKNOWN, _, milliseconds, number, usd

WORTH_TELLING_MS = 250

FINISH = {
    "length": _("cut at the token limit"),
    "refused": _("blocked by the provider's safety filter"),
    "stopped": _("stopped"),
    "error": _("failed"),
    "incomplete": _("broke off before its end"),
}
Facts = dict[str, Any]


def footer(facts: Facts) -> str:
    """«gemini/… · first token 412 ms · 38.2 tok/s · 35 tokens in · 20 out · $0.000041»."""
    model = facts.get("model", UNKNOWN)
    if facts.get("error"):
        return f"{model} · {FINISH['error']}"
    usage = facts.get("usage", {})
    parts = [
        model,
        _("first token {time}").format(time=_first(facts)) + _load(facts),
        _("{speed} tok/s").format(speed=_speed(facts)),
        _("{input} tokens in").format(input=number(usage.get("input_tokens")))
        + _part(_("cached"), usage.get("cached_tokens")),
        _("{output} out").format(output=number(usage.get("output_tokens")))
        + _part(_("thinking"), usage.get("thinking_tokens")),
        _cost(facts)
        if facts.get("cost_usd") is not None
        else _("cost {unknown}").format(unknown=UNKNOWN),
    ]
    if ending := FINISH.get(facts.get("finish", "")):
        parts.append(ending)
    return " · ".join(parts).replace("$", r"\$")


def details(facts: Facts) -> str:
    """Everything known of an answer as a Markdown table of two columns."""
    usage, timings, options = (facts.get(name) or {} for name in ("usage", "timings", "options"))
    rows = [
        (_("Ended"), _ending(facts)),
        (_("Model version"), literal(facts.get("version") or UNKNOWN)),
        (
            _("Asked"),
            str(facts.get("asked") or UNKNOWN).replace("T", " ").replace("+00:00", " UTC"),
        ),
        (_("Waited for its turn"), milliseconds(facts.get("queue_ms"))),
        (_("Loading the model"), milliseconds(facts.get("load_ms"))),
        (_("First token after"), milliseconds(timings.get("ttft_ms"))),
        (_("Whole answer"), milliseconds(timings.get("total_ms"))),
        (_("Tokens a second"), number(timings.get("tokens_per_second"), 1)),
        (_("Tokens in"), number(usage.get("input_tokens"))),
        (_("of them cached"), number(usage.get("cached_tokens"))),
        (_("Tokens out"), number(usage.get("output_tokens"))),
        (_("of them thinking"), number(usage.get("thinking_tokens"))),
        *_prices(facts),
        (_("Cost"), _cost(facts)),
        (_("Settings sent"), _options(options)),
    ]
    return table(rows[0], rows[1:])  # Markdown knows no table without a head


def comparison(answers: Sequence[Facts]) -> list[dict[str, str]]:
    """One row an answer, in Markdown by column: what each model took for the same prompt."""
    queued = any(facts.get("queue_ms") for facts in answers)
    rows = []
    for facts in answers:
        usage, ending = facts.get("usage") or {}, FINISH.get(facts.get("finish", ""))
        name = literal(facts.get("model", UNKNOWN)) + (f" ({ending})" if ending else "")
        row = {
            _("Model"): name,
            _("first token"): _first(facts),
            _("tok/s"): _speed(facts),
            _("tokens in"): number(usage.get("input_tokens")),
            _("out"): number(usage.get("output_tokens")),
            _("cost"): _cost(facts).replace("$", r"\$"),
        }
        rows.append(row | ({_("waited"): milliseconds(facts.get("queue_ms"))} if queued else {}))
    return rows


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, figures to the right; money does not become a formula."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("$", r"\$")


def _prices(facts: Facts) -> list[tuple[str, str]]:
    """Each rate with where it stands and when it was compared; a machine's with its seconds."""
    if rates := facts.get("rates"):
        names = {
            "input_usd_per_mtok": _("Price in, per million tokens"),
            "cached_usd_per_mtok": _("Price cached"),
            "audio_usd_per_mtok": _("Price of sound"),
            "output_usd_per_mtok": _("Price out, thinking included"),
        }
        found = [(names[name], _usd(rates.get(name))) for name in names]
        where = f"[{rates['tier']}, {rates['checked']}](<{rates['source']}>)"
        return [*found, (_("Price list"), where)]
    if facts.get("usd_per_hour") is not None:
        seconds = number(facts.get("busy_s"), 2)
        rent = _("{rent} an hour for {seconds} s of the machine").format(
            rent=_usd(facts["usd_per_hour"]), seconds=seconds
        )
        return [(_("Price"), rent)]
    return [(_("Price"), UNKNOWN)]


def _ending(facts: Facts) -> str:
    if error := facts.get("error"):
        return f"{FINISH['error']}: {literal(error['message'])}"
    return FINISH.get(facts.get("finish", ""), _("finished"))


def _options(options: dict[str, Any]) -> str:
    """The settings by name; a system prompt only by its length, for it may be long."""
    named = {name.replace("_", " "): value for name, value in options.items() if name != "system"}
    parts = [
        f"{name} {literal(str(value)[:60])}".replace("|", r"\|") for name, value in named.items()
    ]
    if system := options.get("system"):
        parts.append(_("system prompt of {n} characters").format(n=number(len(system))))
    return ", ".join(parts) or UNKNOWN


def _first(facts: Facts) -> str:
    return milliseconds((facts.get("timings") or {}).get("ttft_ms"))


def _speed(facts: Facts) -> str:
    return number((facts.get("timings") or {}).get("tokens_per_second"), 1)


def _cost(facts: Facts) -> str:
    return _usd(facts.get("cost_usd"))


def _usd(text: str | None) -> str:
    return UNKNOWN if text is None else usd(Decimal(text))


def _load(facts: Facts) -> str:
    """How much of the wait was the model's loading, when it was worth a word."""
    load_ms = facts.get("load_ms")
    if load_ms is None or load_ms < WORTH_TELLING_MS:
        return ""
    return " " + _("({time} of it loading the model)").format(time=milliseconds(load_ms))


def _part(name: str, tokens: int | None) -> str:
    return f" ({number(tokens)} {name})" if tokens else ""
