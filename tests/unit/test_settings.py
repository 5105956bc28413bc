"""Settings: every name and default, environment over .env, one line for every wrong value."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from lib.store import settings
from lib.store.settings import Settings, WrongSetting, check_bind, is_loopback

ROOT = Path(__file__).parents[2]
DEFAULTS = {
    "APP_PASSWORD": None,
    "APP_AUTH": "on",
    "DATA_DIR": Path("data"),
    "DATABASE_URL": None,
    "GOOGLE_API_KEY": None,
    "GEMINI_SDK": "auto",
    "GEMINI_BASE_URL": None,
    "GEMINI_GRPC_TARGET": None,
    "OLLAMA_HOST": ["http://127.0.0.1:11434"],
    "VLLM_BASE_URL": None,
    "VLLM_API_KEY": None,
    "EMBEDDED_MODEL": None,
    "EMBEDDED_MMPROJ": None,
    "MONTHLY_BUDGET_USD": None,
    "GPU_USD_PER_HOUR": None,
    "MODEL_TIMEOUT_S": 120,
    "VLLM_INPUT": None,
    "HOST": None,
    "PORT": 8501,
    "MAX_UPLOAD_MB": 200,
    "CLORE_API_URL": "https://api.clore.ai",
}
GIVEN = {
    "APP_PASSWORD": "hunter2",
    "APP_AUTH": "off",
    "DATA_DIR": "/var/play",
    "DATABASE_URL": "postgresql://u:hunter2@db/play",
    "GOOGLE_API_KEY": "hunter2",
    "GEMINI_SDK": "google-genai",
    "GEMINI_BASE_URL": "http://127.0.0.1:9/",
    "GEMINI_GRPC_TARGET": "[::1]:9",
    "OLLAMA_HOST": "gpu",
    "VLLM_BASE_URL": "http://a:1/v1, http://b:2/v1/",
    "VLLM_API_KEY": "hunter2",
    "EMBEDDED_MODEL": "off",
    "EMBEDDED_MMPROJ": "/eyes.gguf",
    "MONTHLY_BUDGET_USD": "0.1",
    "GPU_USD_PER_HOUR": "0.25",
    "MODEL_TIMEOUT_S": "0.5",
    "VLLM_INPUT": "text, image",
    "HOST": "127.0.0.1",
    "PORT": "9000",
    "MAX_UPLOAD_MB": "50",
    "CLORE_API_URL": "http://127.0.0.1:8/",
}
READ = GIVEN | {
    "DATA_DIR": Path("/var/play"),
    "GEMINI_BASE_URL": "http://127.0.0.1:9",
    "OLLAMA_HOST": ["http://gpu:11434"],
    "VLLM_BASE_URL": ["http://a:1/v1", "http://b:2/v1"],
    "EMBEDDED_MMPROJ": Path("/eyes.gguf"),
    "MONTHLY_BUDGET_USD": Decimal("0.1"),
    "GPU_USD_PER_HOUR": Decimal("0.25"),
    "MODEL_TIMEOUT_S": 0.5,
    "VLLM_INPUT": ["text", "image"],
    "PORT": 9000,
    "MAX_UPLOAD_MB": 50,
    "CLORE_API_URL": "http://127.0.0.1:8",
}


def plain(found: Settings, name: str) -> object:
    value = getattr(found, name.lower())
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongSetting) as wrong:
        settings.read()
    return str(wrong.value)


def started(command: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m lib.store.settings` as `make run` calls it."""
    return subprocess.run(
        [sys.executable, "-m", "lib.store.settings", *([command] if command else [])],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_name_has_its_default(monkeypatch: pytest.MonkeyPatch):
    """Without any setting everything has the default the README's table shows."""
    monkeypatch.delenv("DATA_DIR")
    found = settings.read()

    assert {name.upper() for name in Settings.model_fields} == set(DEFAULTS)
    assert {name: plain(found, name) for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("where", ["environment", "file"])
def test_every_name_is_read(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every setting is read from the environment and from a .env file alike."""
    monkeypatch.delenv("DATA_DIR")
    file = tmp_path / ".env"
    if where == "environment":
        for name, value in GIVEN.items():
            monkeypatch.setenv(name, value)
    else:
        file.write_text("".join(f"{name}={value}\n" for name, value in GIVEN.items()))
    found = settings.read(_env_file=file)

    assert {name: plain(found, name) for name in GIVEN} == READ


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A name set in both is taken from the environment, unless it is empty there."""
    file = tmp_path / ".env"
    file.write_text("PORT=1111\nMAX_UPLOAD_MB=11\nUNKNOWN_NAME=1\n")
    monkeypatch.setenv("PORT", "2222")
    monkeypatch.setenv("MAX_UPLOAD_MB", "")
    found = settings.read(_env_file=file)

    assert (found.port, found.max_upload_mb) == (2222, 11)


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("name", [name for name in DEFAULTS if name != "DATA_DIR"])
def test_a_blank_value_is_unset(name: str, blank: str, monkeypatch: pytest.MonkeyPatch):
    """A name left empty, as in a copied .env.example, counts as not set."""
    monkeypatch.setenv(name, blank)
    found = settings.read()

    assert plain(found, name) == DEFAULTS[name]


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
        ("VLLM_BASE_URL", "127.0.0.1:8000/v1"),
        ("VLLM_BASE_URL", "http://a/v1,b"),
        ("VLLM_BASE_URL", "http://me:hunter2@h:99999/v1"),
        ("VLLM_INPUT", "text,smell"),
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


@pytest.mark.parametrize("name", ["APP_PASSWORD", "GOOGLE_API_KEY", "VLLM_API_KEY", "DATABASE_URL"])
def test_secrets_are_never_shown(name: str, monkeypatch: pytest.MonkeyPatch):
    """No password or key stands in the settings' text, nor in a line about another setting."""
    monkeypatch.setenv(name, GIVEN[name])
    found = settings.read()

    assert "hunter2" in str(plain(found, name))
    assert "hunter2" not in f"{found!r} {found.model_fields_set}"
    assert "hunter2" not in refused(monkeypatch, PORT="x")


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({"GOOGLE_API_KEY": "a"}, "a"),
        ({"GEMINI_API_KEY": "b"}, "b"),
        ({"GOOGLE_API_KEY": "a", "GEMINI_API_KEY": "b"}, "a"),
        ({"GOOGLE_API_KEY": "", "GEMINI_API_KEY": "b"}, "b"),
    ],
)
def test_the_key_has_two_names(
    environment: dict[str, str], key: str, monkeypatch: pytest.MonkeyPatch
):
    """Gemini's key may be called either way; the first name wins when it is not empty."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert plain(settings.read(), "GOOGLE_API_KEY") == key


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("gpu", ["http://gpu:11434"]),
        ("10.0.0.7", ["http://10.0.0.7:11434"]),
        ("gpu:80", ["http://gpu:80"]),
        ("[::1]", ["http://[::1]:11434"]),
        ("[::1]:99", ["http://[::1]:99"]),
        ("http://gpu:11434/", ["http://gpu:11434"]),
        ("https://gpu/ollama", ["https://gpu/ollama"]),
        ("a, b:1 ,,http://c:2,", ["http://a:11434", "http://b:1", "http://c:2"]),
    ],
)
def test_forms_of_an_ollama_host(value: str, urls: list[str], monkeypatch: pytest.MonkeyPatch):
    """A bare host means http and Ollama's port, and several are separated by commas."""
    monkeypatch.setenv("OLLAMA_HOST", value)

    assert settings.read().ollama_host == urls


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        (None, False),
        ("192.168.1.1", False),
        ("8.8.8.8", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_may_stand_open(address: str | None, loopback: bool):
    """Without a login the server is only bound where nobody else can reach it."""
    opened, guarded = settings.read(app_auth="off"), settings.read()
    try:
        check_bind(opened, address)
        line = None
    except WrongSetting as wrong:
        line = str(wrong)
    check_bind(guarded, address)

    assert is_loopback(address) == loopback
    assert (line is None) == loopback
    assert line is None or (line.startswith("APP_AUTH: «off»") and "HOST=127.0.0.1" in line)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "0.0.0.0"),
        ({"app_auth": "off"}, "127.0.0.1"),
        ({"host": "10.0.0.1"}, "10.0.0.1"),
        ({"app_auth": "off", "host": "::1"}, "::1"),
    ],
)
def test_where_the_server_listens(values: dict[str, str], address: str):
    """Everywhere by default, on loopback when there is no login, else where HOST says."""
    assert settings.read(**values).listen_on == address


@pytest.mark.parametrize(
    ("value", "path"), [("/srv/play", Path("/srv/play")), ("mine", ROOT / "mine")]
)
def test_the_data_folder_does_not_move(value: str, path: Path):
    """A relative DATA_DIR is beside app.py, wherever the server was started from."""
    assert settings.read(data_dir=value).data_path == path


@pytest.mark.parametrize(
    ("model", "file", "label"),
    [
        ("off", None, "smollm2-135m"),
        ("/models/My Model_7B.Q4_K.gguf", "/models/My Model_7B.Q4_K.gguf", "my-model-7b.q4-k"),
        ("~/x.gguf", str(Path("~/x.gguf").expanduser()), "x"),
    ],
)
def test_the_embedded_model(model: str, file: str | None, label: str):
    """A file is loaded from where it is said and named after itself; off loads none."""
    found = settings.read(embedded_model=model)

    assert found.embedded_file == (file and Path(file))
    assert found.embedded_label == label


def test_the_embedded_model_by_default():
    """Unset, it is the weights `make run` fetched under their own name, or none without them."""
    found = settings.read()

    assert found.embedded_label == "smollm2-135m"
    assert found.embedded_file is None or found.embedded_file.suffix == ".gguf"


@pytest.mark.parametrize(
    ("environment", "flags"),
    [
        ({"PORT": "9000"}, "--server.address 0.0.0.0 --server.port 9000"),
        ({"PORT": "1", "APP_AUTH": "off"}, "--server.address 127.0.0.1 --server.port 1"),
        ({"PORT": "2", "HOST": "::1"}, "--server.address ::1 --server.port 2"),
    ],
)
def test_make_run_gets_its_flags(environment: dict[str, str], flags: str):
    """The command prints one line with Streamlit's flags and nothing else."""
    done = started(**environment, MAX_UPLOAD_MB="7")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{flags} --server.maxUploadSize 7\n"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PORT": "x"}, "PORT: «x»"),
        ({"APP_AUTH": "off", "HOST": "0.0.0.0"}, "APP_AUTH: «off»"),
        ({"DATABASE_URL": "oracle://u:hunter2@h"}, "DATABASE_URL: this value"),
    ],
)
def test_a_wrong_start_is_refused(environment: dict[str, str], says: str):
    """The command fails with one line, prints no flags, and shows no traceback or password."""
    done = started(**environment)

    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_weights_are_not_wanted_when_the_model_is_named():
    """`make run` fetches no weights when a model is named, or the embedded one is off."""
    codes = [
        started("wants-weights", EMBEDDED_MODEL=model).returncode for model in ("off", "/x.gguf")
    ]

    assert codes == [1, 1]
