"""The classify page: from a file to tried rows, an estimate and a job."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import Open


@pytest.fixture
def page(open_page: Open) -> AppTest:
    return open_page(GEMINI_SDK="google-genai").switch_page("classify.py").run()


def texts(page: AppTest) -> str:
    return " ".join(part.value for part in [*page.markdown, *page.caption])


def test_x(page: AppTest) -> None:
    assert not page.exception
    print(texts(page))
    page.button(key="cls_sample").click().run()
    assert not page.exception
    print(texts(page), [e.value for e in page.error], page.query_params)
    page.button(key="cls_try").click().run()
    assert not page.exception
    print(texts(page), [e.value for e in page.error], [(m.label,m.value) for m in page.metric])
    page.button(key="cls_run").click().run()
    assert not page.exception
    print(texts(page), [e.value for e in page.error], page.query_params, [(m.label,m.value) for m in page.metric])
    assert 0
