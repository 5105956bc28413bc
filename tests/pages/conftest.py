"""Pages run by Streamlit's AppTest, over the real app in front of the fakes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import kit
from tests.fakes import FakeServer

INDEX = Path(__file__).parents[2] / "pages" / "index.py"

Open = Callable[..., AppTest]


@pytest.fixture
def open_page(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`open_page(OLLAMA_HOST=…)` runs the first page with those settings over the fakes'."""
    defaults = {
        "GOOGLE_API_KEY": "k",
        "GEMINI_BASE_URL": fake.url,
        "OLLAMA_HOST": fake.url,
        "VLLM_BASE_URL": f"{fake.url}/v1",
        "EMBEDDED_MODEL": "off",
        "MODEL_TIMEOUT_S": "5",
    }

    def run(**settings: str) -> AppTest:
        for name, value in {**defaults, **settings}.items():
            monkeypatch.setenv(name, value)
        page = AppTest.from_file(str(INDEX), default_timeout=20)
        return page.run()

    kit.close()
    yield run
    kit.close()
