"""What must hold before the server may start, and how `make run` and deploy/start.sh start it."""

import ipaddress
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

from lib.store.settings import Settings, WrongSetting, read


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach a server bound there; None binds everywhere."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:
        return False


def own_ollama(hosts: Sequence[str]) -> str:
    """HOST:PORT on loopback where an Ollama of this machine is looked for; "" when it is elsewhere.

    Ollama's own image says 0.0.0.0, for «listen everywhere»: that is this machine, and loopback.
    """
    for host in hosts:
        parts = urlsplit(host)
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname or "", parts.hostname)
        if parts.scheme == "http" and name and is_loopback(name):
            return f"{f'[{name}]' if ':' in name else name}:{parts.port or 80}"
    return ""


def check(settings: Settings, address: str | None) -> None:
    """Refuse an open server on a public address, and what cannot work; `address` None is all."""
    if settings.app_auth == "off" and not is_loopback(address):
        where = address or "every address"
        raise WrongSetting(
            f"APP_AUTH: «off» is not accepted while the server listens on {where}; "
            "give HOST=127.0.0.1, or APP_AUTH=on."
        )
    for name in ("embedded_model", "embedded_mmproj"):
        file = settings.embedded_file if name == "embedded_model" else settings.embedded_mmproj
        if getattr(settings, name) and file and not file.is_file():
            raise WrongSetting(f"{name.upper()}: there is no file «{file}»; give a GGUF file.")
    _check_folder(settings.data_path)
    if address:
        _check_address(address)


def _check_folder(data: Path) -> None:
    """Trying says more than looking at rights: a disk may be full or mounted read-only."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise WrongSetting(
            f"DATA_DIR: «{data}»: {error.strerror}; give a folder this user may write to."
        ) from None


def _check_address(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.bind((address, 0))
    except OSError:
        raise WrongSetting(
            f"HOST: «{address}» is not accepted; give an address of this machine, e.g. 127.0.0.1."
        ) from None


def main() -> None:
    """Print shell variables: what serves, whether the weights are missing, where Ollama belongs."""
    try:
        settings = read()
        check(settings, settings.listen_on)
    except WrongSetting as error:
        sys.exit(str(error))
    lacks = settings.embedded_model is None and settings.embedded_file is None
    told = {
        "serve": f"streamlit run app.py --server.address {settings.listen_on} "
        f"--server.port {settings.port} --server.maxUploadSize {settings.max_upload_mb}",
        "weights": "fetch" if lacks else "here",
        "data_dir": str(settings.data_path),
        "ollama": own_ollama(settings.ollama_host),
    }
    sys.stdout.write("".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items()))


if __name__ == "__main__":
    main()
