"""ZIP archives, judged by their directory before anything is unpacked, and again while it is."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from lib.core.errors import AppError, BadInput, TooLarge

MOST_ENTRIES = 20_000
MOST_BYTES = 2**30
MOST_RATIO = 200
RATIO_FROM_BYTES = 2**16  # a few hundred equal bytes pack better than any bomb
PIECE = 2**20
_HINT = "Pack it again with an ordinary ZIP program."


@contextmanager
def broken_is_bad_input(what: str) -> Iterator[None]:
    """Broken bytes make the libraries raise nearly anything; their texts are not ours."""
    try:
        yield
    except AppError:
        raise
    except Exception:
        raise BadInput(f"{what} is damaged or cut short.", "Save it again and resend.") from None


def checked_entries(path: Path) -> list[ZipInfo]:
    """The directory of a ZIP within all bounds, without folders, in archive order."""
    if _directory_marks(path) > MOST_ENTRIES:
        raise TooLarge(f"The archive has more than {MOST_ENTRIES:,} entries.", "Split it.")
    with broken_is_bad_input("The archive"), ZipFile(path) as archive:
        entries = archive.infolist()
    for entry in entries:
        _check_entry(entry)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_BYTES:
        raise TooLarge("The archive unpacks to more than 1 GB.", "Split it.")
    if unpacked > max(RATIO_FROM_BYTES, MOST_RATIO * path.stat().st_size):
        raise _bomb()
    return [entry for entry in entries if not entry.is_dir()]


def _directory_marks(path: Path) -> int:
    """At least as many as there are entries: reading a directory of millions takes gigabytes."""
    found, kept = 0, b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found += (kept + piece).count(b"PK\x01\x02")
            kept = piece[-3:]
    return found


def _check_entry(entry: ZipInfo) -> None:
    if entry.flag_bits & 0x41:
        raise BadInput("The archive is encrypted.", "Pack it again without a password.")
    name = entry.orig_filename
    climbing = not name or ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name
    if climbing or name[1:2] == ":" or "\0" in name:
        raise BadInput(
            "The archive holds a name that leads out of its folder.",
            "Pack it again with plain relative names and forward slashes.",
        )
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise BadInput("The archive is packed by an unusual method.", _HINT)
    if entry.file_size > max(RATIO_FROM_BYTES, MOST_RATIO * entry.compress_size):
        raise _bomb()


def read_entry(path: Path, entry: ZipInfo, limit: int | None = None) -> bytes:
    """The unpacked bytes, at most the first `limit`; never more than the directory says.

    Raises BadInput when the entry is damaged or its sizes are lies.
    """
    with broken_is_bad_input("An entry of the archive"), path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise _lie()
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        file.seek(name + extra, 1)
        most = entry.file_size if limit is None else min(limit, entry.file_size)
        if entry.compress_type == ZIP_STORED:
            data = file.read(most)
        else:
            packed = file.read(entry.compress_size if limit is None else limit + 1024)
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most + 1)
        whole = len(data) == entry.file_size and zlib.crc32(data) == entry.CRC
        if limit is None and not whole:
            raise _lie()
        return data[:most]


def _lie() -> BadInput:
    return BadInput("An entry of the archive is not what its directory says.", _HINT)


def _bomb() -> BadInput:
    return BadInput(f"The archive unpacks to more than {MOST_RATIO} times its size.", _HINT)
