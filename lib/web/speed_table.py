"""The figures of a speed test, a row a level, and what is odd about them."""

import pandas as pd
import streamlit as st

from lib.core.speed import Level
from lib.store.speed_tests import SpeedTest
from lib.web.speed_words import MOST_READ_TOK_S, is_lower_bound, rate, streams
from lib.web.texts import _, milliseconds, number

_RIGHT = st.column_config.Column(alignment="right")


def show(test: SpeedTest) -> None:
    table = pd.DataFrame([_row(test, level) for level in test.levels])
    st.dataframe(
        table, hide_index=True, column_config=dict.fromkeys(table.columns, _RIGHT),
        alt=_("Speeds by number of streams"),
    )  # fmt: skip


def _row(test: SpeedTest, level: Level) -> dict[str, str]:
    at_least = "≥ " if is_lower_bound(test, level) else ""
    each = level.answer_tok_s.value / max(level.served, 1) if level.answer_tok_s else None
    return {
        _("streams"): number(level.streams),
        _("answer tok/s"): at_least + rate(level.answer_tok_s),
        _("each stream"): number(each, 1),
        _("prompt tok/s"): rate(level.prompt_tok_s),
        _("first token, median"): milliseconds(level.ttft_p50_ms),
        _("95 % within"): milliseconds(level.ttft_p95_ms),
        _("answered at once"): number(level.served),
        _("tokens in"): number(level.input_tokens),
        _("tokens out"): number(level.output_tokens),
        _("rounds"): number(level.rounds),
        _("calls"): number(level.calls),
        _("failed"): number(level.failed),
    }


def notes(test: SpeedTest) -> None:
    """What the figures do not say by themselves."""
    st.caption(
        _("Tokens a second are those of all streams together; ± is the 95 % interval over the "
          "rounds.")
    )  # fmt: skip
    if any(is_lower_bound(test, level) for level in test.levels):
        text = _("≥: at least. This app reads some {n} tokens a second from vLLM at most; the "
                 "model may be faster.")  # fmt: skip
        st.caption(text.format(n=number(MOST_READ_TOK_S)))
    for level in test.levels:
        if 0 < level.served < level.streams:
            st.caption(_fewer(test, level))
            break
    for level in test.levels:
        if level.failed:
            text = _("At {streams} {n} of {calls} calls failed; they are in no figure.")
            st.caption(
                text.format(
                    streams=streams(level.streams),
                    n=number(level.failed),
                    calls=number(level.calls),
                )
            )


def _fewer(test: SpeedTest, level: Level) -> str:
    """From outside a server that lets calls wait looks like one whose answers are short."""
    text = _("At {streams} no more than {n} answered at the same time: the server serves no more, "
             "or the first answers were over before the last prompt was read. More tokens out "
             "tell which.")  # fmt: skip
    told = text.format(streams=streams(level.streams), n=number(level.served))
    setting = {"Ollama": "OLLAMA_NUM_PARALLEL", "vLLM": "--max-num-seqs"}.get(test.engine)
    if setting is None:
        return told
    raised = _("{setting} lets it serve more, where the memory is enough.").format(setting=setting)
    return f"{told} {raised}"
