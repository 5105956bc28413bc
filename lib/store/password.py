"""The shared password: the user's own, or one made up at the first start and kept in DATA_DIR."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from lib.store.settings import Settings


@dataclass(frozen=True, slots=True)
class Password:
    """`token` is that of the one-time login link, at the first start only; see `token_file`."""

    text: str = field(repr=False)
    token_file: Path
    token: str | None = field(default=None, repr=False)


def password(settings: Settings) -> Password:
    """Files are readable by this user only; a password that exists is never made anew."""
    token_file = settings.data_path / "login_token"
    if settings.app_password:
        return Password(settings.app_password.get_secret_value(), token_file)
    file = settings.data_path / "password"
    if file.exists() and (kept := file.read_text().strip()):
        return Password(kept, token_file)
    made, token = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
    for path, text in ((file, made), (token_file, token)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text + "\n")
    return Password(made, token_file, token)
