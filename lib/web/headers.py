"""What every answer tells the browser: where things may come from, and who may look.

Each policy is as narrow as Streamlit 1.67 can bear; tests/browser/test_policy.py opens every page
in a Chromium and fails when one of them is broken by it.
"""

import base64
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.types import Message, Scope

# Only over TLS, and for a day, renewed by each visit: the name of a rented machine is often shared
# by services of others on other ports, which browsers would ask for TLS as long as this lasts.
HSTS = b"max-age=86400"

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# What is opened by itself, an uploaded SVG perhaps, gets no script and no origin.
_MEDIA_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"
_NEVER_STORED = b"no-store"


def policy_for(html: str) -> str:
    """A Content-Security-Policy that lets this page run: its own files and its inline scripts.

    No picture of a model's text may be fetched from elsewhere: its address would carry the chat
    away; nor may anything be sent elsewhere. Streamlit's styles are written by its scripts.
    """
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in _INLINE_SCRIPT.findall(html))
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


_INDEX = Path(streamlit.__file__).with_name("static") / "index.html"
PAGE_HEADERS = {
    b"content-security-policy": policy_for(_INDEX.read_text("utf-8")).encode("ascii"),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": (
        b"camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), midi=(), "
        b"display-capture=()"
    ),
    b"referrer-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    # A browser looks up the names in links before anyone clicks: a name can carry words away too.
    b"x-dns-prefetch-control": b"off",
    b"x-frame-options": b"SAMEORIGIN",
}


def add_headers(message: Message, scope: Scope) -> None:
    """Complete the head of an answer, unless it says a thing more strictly itself."""
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    wanted = dict(PAGE_HEADERS)
    if scope["path"].startswith("/media/"):
        wanted[b"content-security-policy"] = _MEDIA_POLICY
    if scope["path"].startswith("/api/") and b"etag" not in present:
        wanted[b"cache-control"] = _NEVER_STORED
    if scope.get("scheme") == "https":  # uvicorn believes a proxy on this machine only
        wanted[b"strict-transport-security"] = HSTS
    message["headers"] = headers + [pair for pair in wanted.items() if pair[0] not in present]
