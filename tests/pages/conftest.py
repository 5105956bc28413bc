"""Pages run by Streamlit's AppTest, over the real app in front of the fakes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.store import gpu
from lib.web import kit
from tests.fakes import FakeServer
from tests.pages.models_page import Visit, again

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


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """An Ollama of the test's own: what it has is changed."""
    with FakeServer() as own:
        yield own


@pytest.fixture
def visit(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """`visit(OLLAMA_HOST=…)` opens the page when every server has answered."""
    monkeypatch.setattr(gpu, "_smi", gpu.Smi())  # an earlier test's GPUs are remembered
    return lambda **settings: again(open_page(**settings).switch_page("models.py"))
