"""The running product's log: whatever fails in it, in whichever library, tells no secret."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.browser.conftest import Start

# Python runs a sitecustomize at its start: somebody inside who fails in every way there is.
PROVOKER = """
import asyncio, gc, logging, os, pathlib, threading, time, warnings

def secrets():
    data = pathlib.Path(os.environ["DATA_DIR"])
    made_up = [(data / name).read_text().strip() for name in ("password", "login_token")]
    return [*made_up, os.environ["GOOGLE_API_KEY"], os.environ["VLLM_API_KEY"], "my dear diary"]

def broken(text):
    raise ValueError(f"{text} is broken")

class Unraisable:
    def __init__(self, text): self.text = text
    def __del__(self): raise ValueError(self.text)

async def forgotten(text):
    asyncio.get_running_loop().create_task(never_awaited(text))
    await asyncio.sleep(0.01)

async def never_awaited(text):
    raise ValueError(text)

def provoke(text):
    told = text if text != "my dear diary" else "a diary"
    for name in ("uvicorn.error", "streamlit.web.server", "dbos", "anybody"):
        logging.getLogger(name).error("provoked %s: %s", name, told)
        try:
            broken(text)
        except ValueError:
            logging.getLogger(name).exception("provoked too")
    warnings.warn(f"provoked {told}")
    thread = threading.Thread(target=broken, args=(text,))
    thread.start()
    thread.join()
    Unraisable(text)
    asyncio.run(forgotten(text))
    gc.collect()

def wait():
    folder = pathlib.Path(os.environ["PROVOKER"])
    while not (folder / "go").exists():
        time.sleep(0.05)
    for text in secrets():
        provoke(text)
    (folder / "done").touch()

if "PROVOKER" in os.environ:
    threading.Thread(target=wait, daemon=True).start()
"""
SECRETS = {"GOOGLE_API_KEY": "AIzaGoogle/Key+0123", "VLLM_API_KEY": "no shape at all"}


def test_no_failure_logs_a_secret(start: Start, tmp_path: Path) -> None:
    """Loggers with handlers of their own, tracebacks, warnings, threads, forgotten tasks; the
    password and the link that are printed once at the start are the only exception."""
    (tmp_path / "sitecustomize.py").write_text(PROVOKER)
    site = start(PYTHONPATH=str(tmp_path), PROVOKER=str(tmp_path), **SECRETS)
    site.wait_for_log("The password is")
    hello = site.log
    made_up = [
        (tmp_path / "data" / name).read_text().strip() for name in ("password", "login_token")
    ]
    (tmp_path / "go").touch()
    _until((tmp_path / "done").exists)
    log = site.log.removeprefix(hello)

    assert all(secret in hello for secret in made_up)
    assert [text for text in (*made_up, *SECRETS.values(), "dear diary") if text in log] == []
    for kind in ("uvicorn.error: …", "streamlit.web.server: …", "dbos: …", "anybody: …"):
        assert log.count(f"provoked {kind}") == 4, kind
    assert log.count("UserWarning: provoked …") == 4
    assert log.count("a thread failed") == 5
    assert log.count("an exception could not be raised") == 5
    assert log.count("Task exception was never retrieved") == 5
    assert log.count("in broken\n") == 5 * 5


def test_no_call_logs_what_it_brings(start: Start, tmp_path: Path) -> None:
    """Addresses, headers, cookies, bodies and model names of strangers and of those let in."""
    site = start(APP_PASSWORD="open sesame", GEMINI_BASE_URL="http://127.0.0.1:9", **SECRETS)
    hello = site.log
    bearer = {"Authorization": "Bearer open sesame"}
    sent = "SENTINEL\r\n2026-01-01 INFO forged"
    chat = {"message": sent, "model": sent}
    httpx2.get(f"{site.url}/login", params={"token": sent})
    httpx2.get(f"{site.url}/api/models", params={"key": sent}, cookies={"login_1": "SENTINEL"})
    httpx2.get(f"{site.url}/api/models", headers={"Authorization": "Bearer SENTINEL"})
    httpx2.post(f"{site.url}/api/chat", json=chat, headers=bearer)
    httpx2.post(f"{site.url}/api/chat", json={**chat, "model": "gemini"}, headers=bearer)
    answered = httpx2.post(
        f"{site.url}/api/chat",
        json={"message": sent, "model": "gemini/gemini-3.1-flash-lite"},
        headers=bearer,
    )
    site.wait_for_log("gemini/gemini-3.1-flash-lite api")
    log = site.log.removeprefix(hello)

    assert answered.status_code >= 500  # nobody answers at that address
    assert [text for text in ("SENTINEL", "forged", *SECRETS.values()) if text in log] == []
    assert "open sesame" not in log


def _until(reached: Callable[[], bool], timeout_s: float = 20) -> None:
    until = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)
