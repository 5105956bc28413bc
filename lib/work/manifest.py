"""What a job's results are made with: enough to make them again, and the prompt word for word."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from lib.core.chat import Media, ModelInfo
from lib.core.prompt import pack, single, written
from lib.core.spec import Spec
from lib.store.row_files import Table
from lib.work.app import VERSION, App
from lib.work.ask import price_of

_NO_PICTURE = Media("image/png", b"")
PACKAGES = ("google-genai", "google-generativeai", "ollama", "openai", "xllamacpp", "genai-prices")


def made_with(app: App, asked: Spec, info: ModelInfo, table: Table) -> dict[str, Any]:
    """What the results of a job are made with, as far as this app decides it."""
    price = price_of(app, info)
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "app": VERSION,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES if _installed(name)},
        "file": {"kind": table.kind, "columns": list(table.columns)},
        "prompt": prompt_of(asked, info, ["{text}"], table.kind == "zip"),
        "model": {"id": info.id, "context_tokens": info.context_tokens},
        "price": price
        and {
            "input_usd_per_mtok": str(price.input_usd_per_mtok),
            "output_usd_per_mtok": str(price.output_usd_per_mtok),
            "source": price.source.url,
            "checked": price.source.checked.isoformat(),
        },
    }


def prompt_of(asked: Spec, info: ModelInfo, texts: Sequence[str], pictures: bool) -> str:
    """The prompt for these rows, word for word; texts of a pack go together."""
    if pictures:
        return written(single(asked.task, info, "", _NO_PICTURE))
    if asked.rows_per_request > 1:
        return written(pack(asked.task, info, texts))
    return written(single(asked.task, info, texts[0]))


def _installed(package: str) -> bool:
    return any(True for _ in metadata.distributions(name=package))
