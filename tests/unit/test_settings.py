"""Settings: every name, default and form, and the environment over .env."""

from decimal import Decimal
from pathlib import Path

import pytest

from lib.store import settings
from lib.store.settings import Settings, WrongSetting

ROOT = Path(__file__).parents[2]
# Each setting with its default, a value it may be given, and that value as it is read.
TABLE: dict[str, tuple[object, str, object]] = {
    "APP_PASSWORD": (None, "hunter2", "hunter2"),
    "APP_AUTH": ("on", "off", "off"),
    "DATA_DIR": (Path("data"), "/var/play", Path("/var/play")),
    "DATABASE_URL": (None, "postgresql://u:hunter2@db/play", "postgresql://u:hunter2@db/play"),
    "GOOGLE_API_KEY": (None, "hunter2", "hunter2"),
    "GEMINI_SDK": ("auto", "google-genai", "google-genai"),
    "GEMINI_BASE_URL": (None, "http://127.0.0.1:9/", "http://127.0.0.1:9"),
    "GEMINI_GRPC_TARGET": (None, "[::1]:9", "[::1]:9"),
    "OLLAMA_HOST": (["http://127.0.0.1:11434"], "gpu", ["http://gpu:11434"]),
    "OLLAMA_PULL": ([], "gemma3:4b, phi4", ["gemma3:4b", "phi4:latest"]),
    "VLLM_BASE_URL": (None, "http://a:1/v1, http://b:2/v1/", ["http://a:1/v1", "http://b:2/v1"]),
    "VLLM_API_KEY": (None, "hunter2", "hunter2"),
    "EMBEDDED_MODEL": (None, "off", "off"),
    "EMBEDDED_MMPROJ": (None, "/eyes.gguf", Path("/eyes.gguf")),
    "MONTHLY_BUDGET_USD": (None, "0.1", Decimal("0.1")),
    "GPU_USD_PER_HOUR": (None, "0.25", Decimal("0.25")),
    "MODEL_TIMEOUT_S": (120, "0.5", 0.5),
    "VLLM_INPUT": (None, "text, image", ["text", "image"]),
    "VLLM_CHOICE": ("structured_outputs", "guided_choice", "guided_choice"),
    "HOST": (None, "127.0.0.1", "127.0.0.1"),
    "PORT": (8501, "9000", 9000),
    "ALLOWED_HOSTS": ([], "GPU.lan, *.lab.lan", ["gpu.lan", "*.lab.lan"]),
    "MAX_UPLOAD_MB": (200, "50", 50),
    "CLORE_API_URL": ("https://api.clore.ai", "http://127.0.0.1:8/", "http://127.0.0.1:8"),
}
DEFAULTS = {name: default for name, (default, _, _) in TABLE.items()}
GIVEN = {name: given for name, (_, given, _) in TABLE.items()}
READ = {name: read for name, (_, _, read) in TABLE.items()}


def plain(found: Settings, name: str) -> object:
    value = getattr(found, name.lower())
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


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


@pytest.mark.parametrize("name", ["APP_PASSWORD", "GOOGLE_API_KEY", "VLLM_API_KEY", "DATABASE_URL"])
def test_secrets_are_never_shown(name: str, monkeypatch: pytest.MonkeyPatch):
    """No password or key stands in the settings' text, nor in a line about another setting."""
    monkeypatch.setenv(name, GIVEN[name])
    found = settings.read()
    monkeypatch.setenv("PORT", "x")
    with pytest.raises(WrongSetting) as wrong:
        settings.read()

    assert plain(found, name) == GIVEN[name]
    assert "hunter2" not in f"{found!r} {found.model_fields_set}"
    assert "hunter2" not in str(wrong.value)


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
