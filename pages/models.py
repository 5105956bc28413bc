"""The models there are: where they run, how those servers are, getting more, and how fast."""

import streamlit as st

from lib.web import kit, models_card, models_live, models_machine, speed_view
from lib.web.texts import _
from lib.work.models import ORDER


def servers() -> None:
    for provider in ORDER:
        models_card.show(provider, look)
    if look:
        models_machine.show(look.gpus)


def speed() -> None:
    st.subheader(_("Speed"), anchor="speed")
    speed_view.show([info.id for info in kit.app().models.all() if info.available])


st.title(_("Models"))
look = models_live.look()
models_live.line(look)
st.markdown(f"[{_('Servers')}](#{ORDER[0]}) · [{_('Speed')}](#speed)")
parts = (speed, servers) if speed_view.comes_first() else (servers, speed)
for part in parts:
    part()
