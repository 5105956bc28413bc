"""A wrong setting is one line that says what is accepted."""

import pytest

from lib.store import settings
from lib.store.settings import Settings, WrongSetting


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as wrong:
        settings.read()
    return str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_AUTH", "no"),
        ("DATABASE_URL", "mysql://u:hunter2@h/x"),
        ("GEMINI_SDK", "genai"),
        ("GEMINI_BASE_URL", "ftp://x"),
        ("GEMINI_BASE_URL", "http://a b"),
        ("GEMINI_GRPC_TARGET", "http://x:1"),
        ("GEMINI_GRPC_TARGET", "x:0"),
        ("GEMINI_GRPC_TARGET", "x:99999"),
        ("GEMINI_GRPC_TARGET", "x"),
        ("OLLAMA_HOST", "ftp://x"),
        ("OLLAMA_HOST", "gpu:port"),
        ("OLLAMA_HOST", ","),
        ("OLLAMA_PULL", "gemma3:4b, http://x/y"),
        ("VLLM_BASE_URL", "127.0.0.1:8000/v1"),
        ("VLLM_BASE_URL", "http://a/v1,b"),
        ("VLLM_BASE_URL", "http://me:hunter2@h:99999/v1"),
        ("VLLM_INPUT", "text,smell"),
        ("VLLM_CHOICE", "grammar"),
        ("MONTHLY_BUDGET_USD", "-1"),
        ("MONTHLY_BUDGET_USD", "nan"),
        ("MONTHLY_BUDGET_USD", "20,5"),
        ("MONTHLY_BUDGET_USD", "1e400"),
        ("GPU_USD_PER_HOUR", "Infinity"),
        ("MODEL_TIMEOUT_S", "0"),
        ("MODEL_TIMEOUT_S", "inf"),
        ("HOST", "a b"),
        ("HOST", "--help"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http\nhunter"),
        ("MAX_UPLOAD_MB", "1.5"),
        ("CLORE_API_URL", "clore"),
    ],
)
def test_a_wrong_value_is_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    """The line has the name, the value on one line and what is accepted, but no password."""
    line = refused(monkeypatch, **{name: value})
    accepted = Settings.model_fields[name.lower()].description
    secret = "hunter2" in value

    assert line.startswith(f"{name}: ")
    assert accepted
    assert line.endswith(f"give {accepted}.")
    assert len(line.splitlines()) == 1
    assert secret or f"«{' '.join(value.split())}»" in line
    assert "hunter2" not in line


def test_several_wrong_values_are_one_line(monkeypatch: pytest.MonkeyPatch):
    """With more than one wrong value one of them is told, and it is told well."""
    line = refused(monkeypatch, PORT="x", APP_AUTH="y")

    assert line in (
        "PORT: «x» is not accepted; give a port from 1 to 65535.",
        "APP_AUTH: «y» is not accepted; give on, or off on a loopback address.",
    )


def test_a_long_value_is_cut(monkeypatch: pytest.MonkeyPatch):
    """A value as long as a file does not flood the terminal."""
    assert len(refused(monkeypatch, PORT="9" * 5000)) < 200
