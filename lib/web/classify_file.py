"""The rows of a new job: by upload, paste or from the sample, and what was understood of them."""

import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from lib.core.errors import AppError, BadInput, TooLarge
from lib.store.row_files import Table, open_table
from lib.web import classify_draft, classify_presets, kit, page_uploads
from lib.web.classify_draft import Draft
from lib.web.tables import harmless
from lib.web.texts import _, number
from lib.work.pictures import read_picture, shrink

SAMPLE = Path(__file__).with_name("samples") / "reviews.csv"
WHAT_FOR = _(
    "Label the rows of a file with any model, see how often it is right, and what 1,000 right rows "
    "cost."
)
PREVIEWED = 200  # rows looked at for the preview and for guesses
SHOWN = 5
KINDS = {"csv": "CSV", "xlsx": "XLSX", "jsonl": "JSONL", "parquet": "Parquet", "zip": "ZIP"}


@dataclass(frozen=True, slots=True)
class Understood:
    """What is in a file: every row was read once, so it can be relied on.

    `small` holds the first pictures, made small once; None for one that cannot be read.
    """

    table: Table
    rows: int
    preview: list[dict[str, Any]]
    small: dict[int, bytes | None] = field(default_factory=dict)

    @property
    def pictures(self) -> bool:
        return self.table.kind == "zip"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    def longest(self) -> str:
        """The column with the longest texts, most likely the one to label."""
        return max(self.columns, key=lambda name: sum(len(_text(r[name])) for r in self.preview))


def ask() -> None:
    """Upload, paste, or take the sample."""
    upload, paste = st.tabs([_("Upload a file"), _("Paste lines")])
    with upload:
        files = st.file_uploader(
            _("CSV, TSV, XLSX, JSONL, Parquet, a ZIP of pictures, or several pictures"),
            accept_multiple_files=True, key="cls_upload",
        )  # fmt: skip
        if files:
            with kit.friendly_errors():
                name, data = _joined(files)
                _begin(name, data)
                page_uploads.release(*files)
                st.rerun()
    with paste:
        text = st.text_area(
            _("One text a line, or cells copied from a spreadsheet with their header"),
            key="cls_paste", height=160,
        )  # fmt: skip
        if st.button(_("Use these lines"), key="cls_use_paste", disabled=not text.strip()):
            with kit.friendly_errors():
                take("pasted lines", as_table(text))
    if st.button(_("Use sample reviews"), icon=":material/reviews:", key="cls_sample"):
        take("sample reviews", SAMPLE.read_bytes(), **classify_presets.sample())
    st.caption(
        _("The sample: 400 sentences about products with the mood people heard in them, by C.J. "
          "Hutto (MIT licence).")
    )  # fmt: skip


def take(name: str, data: bytes, **given: Any) -> None:
    """Begin a draft with the file, and show it."""
    _begin(name, data, **given)
    st.rerun()


def _begin(name: str, data: bytes, **given: Any) -> None:
    """Store the file under a random name and begin a draft; a broken one is deleted again."""
    most = kit.app().settings.max_upload_mb
    if len(data) > most * 2**20:
        raise TooLarge(f"The file has more than {most} MB.", "Send fewer rows or columns.")
    upload = kit.app().uploads.save(io.BytesIO(data))
    try:
        with st.spinner(_("Reading the rows")):
            _read(upload, None)
    except BaseException:
        kit.app().uploads.delete(upload)
        raise
    classify_draft.begin(upload, name[:200], **given)


def _joined(files: list[Any]) -> tuple[str, bytes]:
    """One file as it is; several pictures as a ZIP in their order."""
    if len(files) == 1:
        return files[0].name, files[0].getvalue()
    if not all(str(file.type).startswith("image/") for file in files):
        raise BadInput("Several files were chosen.", "Only pictures can be sent together.")
    out, names = io.BytesIO(), Counter[str]()
    with zipfile.ZipFile(out, "w") as archive:
        for file in files:
            names[file.name] += 1
            again = f"{names[file.name]}_" if names[file.name] > 1 else ""
            archive.writestr(again + Path(file.name).name, file.getvalue())
    return _("{n} pictures").format(n=len(files)), out.getvalue()


def as_table(text: str) -> bytes:
    """Pasted lines as a file: cells when every line has the same number of tabs, else texts."""
    lines = [line for line in text.splitlines() if line.strip()]
    tabs = {line.count("\t") for line in lines}
    if len(lines) > 1 and len(tabs) == 1 and tabs != {0}:
        rows = [line.split("\t") for line in lines]
    else:
        rows = [["text"], *([line] for line in lines)]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


def show(draft: Draft) -> Understood:
    """What was understood of the file, with its first rows; raises what is wrong with it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{kit.literal(draft.file)}**", width="content")
        st.button(
            _("Another file"), icon=":material/swap_horiz:", type="tertiary", key="cls_another",
            on_click=classify_draft.drop,
        )  # fmt: skip
    found = understood(draft.upload, draft.fields.get("sheet"))
    if len(found.table.sheets) > 1:
        key = classify_draft.seed(draft, "sheet", found.table.sheets[0])
        draft.fields["sheet"] = st.selectbox(_("Sheet"), found.table.sheets, key=key)
        found = understood(draft.upload, draft.fields["sheet"])
    _describe(found)
    return found


def _describe(found: Understood) -> None:
    what = _("{kind}, {rows} rows, {columns} columns: {names}").format(
        kind=KINDS[found.table.kind], rows=number(found.rows), columns=len(found.columns),
        names=", ".join(found.columns[:12]),
    )  # fmt: skip
    if found.pictures:
        what = _("ZIP, {rows} pictures").format(rows=number(found.rows))
        _show_pictures(found)
    else:
        first = harmless(pd.DataFrame(found.preview[:SHOWN]))
        st.dataframe(first, hide_index=True, alt=_("The file's first rows"))
    st.caption(kit.literal(what))


THUMB_PIXELS = 240


def _show_pictures(found: Understood) -> None:
    """The first few, small; one that cannot be read says so, and will fail alone in the job."""
    for n, row in enumerate(found.preview[:3]):
        name = kit.literal(str(row["file"])[:40])
        if n not in found.small:
            found.small[n] = _small(found.table, n)
        if picture := found.small[n]:
            st.image(picture, width=120, caption=name)
        else:
            st.caption(_("{name} cannot be read as a picture.").format(name=name))


def _small(table: Table, n: int) -> bytes | None:
    try:
        return shrink(read_picture(table.picture(n)), THUMB_PIXELS).data
    except AppError:
        return None


def understood(upload: str, sheet: str | None) -> Understood:
    """Read once in a session; raises AppError for what is wrong with the file."""
    cached = st.session_state.get("cls_understood")
    if cached is None or cached[0] != (upload, sheet):
        with st.spinner(_("Reading the rows")):
            cached = ((upload, sheet), _read(upload, sheet))
        st.session_state["cls_understood"] = cached
    found: Understood = cached[1]
    return found


def _read(upload: str, sheet: str | None) -> Understood:
    table = open_table(kit.app().uploads.path(upload), sheet)
    rows = sum(1 for _ in table.rows(range(len(table.columns))))
    return Understood(table, rows, table.records(PREVIEWED))


def golds(draft: Draft, found: Understood, column: str) -> Counter[str]:
    """How often each text stands in the gold column; counted once."""
    key = (draft.upload, draft.fields.get("sheet"), column)
    cached = st.session_state.get("cls_golds")
    if cached is None or cached[0] != key:
        texts = (text for (text,) in found.table.texts(column))
        cached = (key, Counter(text.strip() for text in texts if text and text.strip()))
        st.session_state["cls_golds"] = cached
    counted: Counter[str] = cached[1]
    return counted


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
