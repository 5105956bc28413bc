"""ZIP archives: a workbook, or pictures, one row for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from zipfile import ZipInfo

from lib.core.errors import BadInput, TooLarge
from lib.store.archive_bounds import checked_entries, read_entry
from lib.store.cells import bounded
from lib.store.table import Kind, Rows, Table
from lib.store.xlsx_file import open_xlsx

MOST_PICTURE_BYTES = 100_000_000
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif")
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_NO_PICTURE = "There is no picture in the archive"


@dataclass(frozen=True, slots=True)
class ZipTable(Table):
    """Pictures in archive order; the only column, `file`, is the name inside the archive."""

    kind: ClassVar[Kind] = "zip"
    path: Path
    entries: tuple[ZipInfo, ...] = field(repr=False)
    columns: tuple[str, ...] = ("file",)

    def rows(self, places: Sequence[int]) -> Rows:
        for entry in bounded(self.entries, 1):
            yield (entry.filename,) * len(places)

    def picture(self, n: int) -> bytes:
        """Not yet decoded. Raises BadInput when it is damaged, TooLarge over 100 MB."""
        if not 0 <= n < len(self.entries):
            raise BadInput(f"There is no picture {n + 1} in the archive.", "Choose another row.")
        entry = self.entries[n]
        if entry.file_size > MOST_PICTURE_BYTES:
            raise TooLarge("The picture has more than 100 MB.", "Send a smaller picture.")
        return read_entry(self.path, entry)


def open_zip(path: Path, sheet: str | None) -> Table:
    """A workbook's sheet, or the pictures. Raises BadInput for any other archive."""
    entries = checked_entries(path)
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" in names or "mimetype" in names:
        if any(name.startswith("xl/") for name in names) and "xl/workbook.bin" not in names:
            return open_xlsx(path, sheet)
        raise BadInput(
            f"{_NO_PICTURE}: it is an office document of another kind.",
            "Save a table as XLSX or CSV; pack pictures by themselves as a ZIP.",
        )
    pictures = tuple(entry for entry in entries if _is_picture(path, entry))
    if not pictures:
        raise BadInput(
            f"{_NO_PICTURE}: it has no PNG, JPEG, WebP or GIF.",
            "Pack the pictures themselves, or send a table.",
        )
    return ZipTable(path, pictures)


def _is_picture(path: Path, entry: ZipInfo) -> bool:
    if entry.filename.startswith("__MACOSX/"):
        return False
    if entry.filename.lower().endswith(_ENDINGS):
        return True
    try:
        head = read_entry(path, entry, limit=12)
    except BadInput:  # Nothing that cannot even be read is known to be a picture.
        return False
    return head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")
