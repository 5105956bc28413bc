"""What a month costs through the API and on rented GPUs, and the volume where the two cross."""

import streamlit as st

from lib.web import estimate_controls, estimate_measured, estimate_view, kit
from lib.web.texts import _
from lib.work import estimates

st.title(_("Estimate"))
tokens_per_month = estimate_controls.volume()
with st.sidebar:
    body = estimate_controls.assumptions(tokens_per_month)

with kit.friendly_errors():
    found = estimates.run(kit.app(), body)
    estimate_view.answer(found)
    with kit.friendly_errors():  # without the database the estimate is as good
        estimate_measured.show(found)
    figure = estimate_view.chart(found)
    estimate_view.files(found, figure, estimate_controls.link(), body)
    estimate_view.details(found)
