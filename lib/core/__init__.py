"""Values and sums: no clock, environment, file, socket or streamlit in here."""
