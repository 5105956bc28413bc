"""The image's HEALTHCHECK: ends with 0 while the server answers on its port, else with 1."""

import http.client
import os
import sys

# Not urllib: it would ask a proxy of the environment.
server = http.client.HTTPConnection(
    os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8501), timeout=4
)
try:
    server.request("GET", "/healthz")
    sys.exit(server.getresponse().status != 200)
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no answer: {type(error).__name__}")
