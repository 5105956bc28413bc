"""Text files whose encoding is told by their bytes: UTF-8, UTF-16 with a mark, or Windows-1252."""

import codecs
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from lib.core.errors import BadInput

PIECE = 2**20
SAMPLE = 2**16
_TEXT_CONTROLS = frozenset("\t\n\r\v\f\x1b")


def _same_number(error: UnicodeError) -> tuple[str, int]:
    """Browsers read the five bytes Windows-1252 leaves free as the controls of that number."""
    assert isinstance(error, UnicodeDecodeError)
    return chr(error.object[error.start]), error.start + 1


codecs.register_error("same-number", _same_number)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A path and how its bytes become text, which never fails."""

    path: Path
    encoding: str
    errors: str

    def open(self) -> TextIOWrapper:
        """Lines end at LF, CR or both, and keep their end."""
        return self.path.open(encoding=self.encoding, errors=self.errors, newline="")


def text_file(path: Path) -> TextFile:
    """Reads the file once, piece by piece. Raises BadInput for what is no text."""
    found = _told(path)
    with found.open() as file:
        sample = file.read(SAMPLE)
    if not sample.strip("\ufeff \t\r\n"):
        raise BadInput("The file is empty.", "Send a file with a header and at least one row.")
    allowed = 0.05 if found.encoding == "cp1252" else 0.3
    if sum(map(_is_control, sample)) > allowed * len(sample) + 4:
        raise BadInput(
            "The file is neither text nor another format that can be read here.",
            "Save it as CSV in UTF-8, or as XLSX, JSONL, Parquet or a ZIP of pictures.",
        )
    return found


def _told(path: Path) -> TextFile:
    with path.open("rb") as file:
        head = file.read(3)
    if head.startswith(codecs.BOM_UTF8):
        return TextFile(path, "utf-8-sig", "replace")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TextFile(path, "utf-16", "replace")
    if _is_utf8(path):
        return TextFile(path, "utf-8", "strict")
    return TextFile(path, "cp1252", "same-number")


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_control(character: str) -> bool:
    return (character < " " or "\x7f" <= character <= "\x9f") and character not in _TEXT_CONTROLS
