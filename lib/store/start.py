"""What must hold before the server may start, and what `make run` hands to it."""

import ipaddress
import socket
import sys

from lib.store.settings import Settings, WrongSetting, read


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach a server bound there; None binds everywhere."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:
        return False


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
    if address:
        _check_address(address)


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
    """Print the flags Streamlit is started with, then whether the weights must be fetched."""
    try:
        settings = read()
        check(settings, settings.listen_on)
    except WrongSetting as error:
        sys.exit(str(error))
    lacks = settings.embedded_model is None and settings.embedded_file is None
    sys.stdout.write(
        f"flags='--server.address {settings.listen_on} --server.port {settings.port} "
        f"--server.maxUploadSize {settings.max_upload_mb}' weights={'fetch' if lacks else 'here'}\n"
    )


if __name__ == "__main__":
    main()
