"""The server: pages, JSON API and gate on one port. Start it with `make run`."""

from pathlib import Path

import streamlit as st

from lib.web.server import Server, on_script_error

server = Server()
app = st.App(
    Path(__file__).with_name("pages") / "index.py",
    routes=server.routes,
    middleware=server.middleware,
    lifespan=server.lifespan,
    on_script_error=on_script_error,
)
