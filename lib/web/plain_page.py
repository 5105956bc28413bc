"""A small HTML page of its own, for whoever is outside the gate: no script, nothing fetched."""

import base64
import hashlib
from collections.abc import Mapping
from string import Template

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  font: 1rem/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { width: 100%; max-width: 22rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; }
label { display: block; margin-bottom: .25rem; }
input, button { width: 100%; padding: .625rem .75rem; font: inherit; border-radius: .5rem; }
input { border: 1px solid GrayText; background: Field; color: FieldText; }
button { margin-top: 1rem; border: 0; background: #1d4ed8; color: #fff; cursor: pointer; }
input:focus-visible, button:focus-visible { outline: 3px solid #60a5fa; outline-offset: 2px; }
.error { margin: 0 0 1rem; padding: .625rem .75rem; border: 1px solid; border-radius: .5rem;
  color: light-dark(#b91c1c, #fca5a5); }
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def plain_page(
    title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """`title` and `body` are HTML: escape what somebody else wrote."""
    page = _PAGE.substitute(title=title, style=_STYLE, body=body)
    return HTMLResponse(page, status, {**HEADERS, **(headers or {})})
