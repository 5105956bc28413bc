"""Files of rows to classify: opened by what they contain, whatever they are called."""

from pathlib import Path

from lib.core.errors import BadInput
from lib.store.cells import MOST_ROWS
from lib.store.csv_file import open_csv
from lib.store.jsonl_file import open_jsonl
from lib.store.parquet_file import is_parquet, open_parquet
from lib.store.plain_text import TextFile, text_file
from lib.store.table import Table
from lib.store.zip_file import open_zip

__all__ = ["MOST_ROWS", "Table", "open_table"]

_ACCEPTED = "Accepted are CSV, TSV, XLSX, JSONL, Parquet and a ZIP of pictures."
_SAVE_AS_XLSX = "Open it in a spreadsheet program and save it as XLSX or CSV."
# The first bytes of what people send by mistake, what it is, and what to do.
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls) or one locked with a password", _SAVE_AS_XLSX),
    (b"%PDF-", "a PDF", "Save its table as CSV or XLSX."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and send what is inside."),
    (b"BZh91AY", "a bzip2 archive", "Unpack it and send what is inside."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it and send what is inside."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it and send what is inside."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Pack the pictures as ZIP, or send what is inside."),
    (b"Rar!\x1a", "a RAR archive", "Pack the pictures as ZIP, or send what is inside."),
    (b"SQLite format 3\0", "a database", "Export the table as CSV."),
    (b"ARROW1\0", "an Arrow file", "Save it as Parquet."),
    (b"\x89PNG", "a single picture", "Pack the pictures as a ZIP."),
    (b"\xff\xd8\xff", "a single picture", "Pack the pictures as a ZIP."),
    (b"GIF87a", "a single picture", "Pack the pictures as a ZIP."),
    (b"GIF89a", "a single picture", "Pack the pictures as a ZIP."),
    (b"{\\rtf", "a text document", "Save its table as CSV or XLSX."),
)


def open_table(path: Path, sheet: str | None = None) -> Table:
    """The table in a file; `sheet` picks one of an XLSX, default the first.

    Rows are streamed from the path at every pass, so it must stay. Raises BadInput or TooLarge,
    also later, while rows are read: run through them once before relying on the file.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise BadInput("The file is empty.", _ACCEPTED)
    for start, name, hint in _FOREIGN:
        if head.startswith(start):
            raise BadInput(f"The file is {name}, which cannot be read here.", f"{hint} {_ACCEPTED}")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        table = open_zip(path, sheet)
    elif is_parquet(path):
        table = open_parquet(path)
    else:
        table = _open_text(text_file(path))
    if sheet is not None and not table.sheets:
        raise BadInput(f"There is no sheet {sheet!r}: only an XLSX has sheets.", "Leave it out.")
    return table


def _open_text(file: TextFile) -> Table:
    with file.open() as lines:
        start = lines.read(4096).lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        return open_jsonl(file)
    if start.startswith("[") and start[1:].lstrip()[:1] in tuple('{["]'):
        raise BadInput(
            "The file is one JSON array.",
            "Write one JSON object per line (JSONL), without brackets and commas around them.",
        )
    if start[:14].lower().startswith(("<!doctype html", "<html", "<?xml")):
        raise BadInput("The file is a web page or XML.", f"Save its table as CSV. {_ACCEPTED}")
    return open_csv(file)
