"""The shared password: the user's own, or one made up at the first start and kept in DATA_DIR."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from lib.store.settings import Settings

TOKEN_FILE = "login_token"
PASSWORD_FILE = "password"


@dataclass(frozen=True, slots=True)
class Password:
    """`token` is that of the one-time login link, while nobody has used it.

    `file` is where a made-up password is kept; None for one the user chose.
    """

    text: str = field(repr=False)
    token_file: Path
    token: str | None = field(default=None, repr=False)
    file: Path | None = None


def password(settings: Settings) -> Password:
    """Files are readable by this user only; a password that exists is never made anew.

    A link belongs to the password it was made with: a chosen password ends it.
    """
    file, token_file = settings.data_path / PASSWORD_FILE, settings.data_path / TOKEN_FILE
    if settings.app_password:
        token_file.unlink(missing_ok=True)
        return Password(settings.app_password.get_secret_value(), token_file)
    if not (file.exists() and file.read_text().strip()):
        file.parent.mkdir(parents=True, exist_ok=True)
        for path, text in (
            (file, secrets.token_urlsafe(12)), (token_file, secrets.token_urlsafe(24)),
        ):  # fmt: skip
            path.touch(mode=0o600)
            path.write_text(text + "\n")
    token = token_file.read_text().strip() if token_file.exists() else None
    return Password(file.read_text().strip(), token_file, token, file)
