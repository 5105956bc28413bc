"""What was really spent: by day, model and page, against the month's budget and a plan."""

import streamlit as st

from lib.core.period import ALWAYS
from lib.web import kit, usage_budget, usage_period, usage_plan, usage_view
from lib.web.texts import _

st.title(_("Usage"))
if kit.app().usage.newest(ALWAYS, 1):
    usage_budget.show()
    with kit.friendly_errors():
        usage_view.show(usage_period.pick())
else:
    usage_view.teach()
    usage_budget.show()
usage_plan.show()
