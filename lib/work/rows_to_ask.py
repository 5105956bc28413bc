"""A file as the rows of a job: what is asked about, and what is known to be right."""

import hashlib
import itertools
from collections.abc import Iterator

from lib.core.errors import BadInput
from lib.core.evaluation import label_finder
from lib.core.spec import Spec
from lib.store.row_files import Table


def rows_to_ask(table: Table, asked: Spec) -> Iterator[tuple[str | None, str | None]]:
    """(text, gold) of every row; a gold that is none of the labels counts as none."""
    gold_of = label_finder(asked.task.names)
    if table.kind == "zip":
        names = table.texts("file")
        # A picture that cannot be read must fail alone, when its row's turn comes.
        texts = (_digest(table, n) for n, _ in enumerate(names))
        return zip(texts, itertools.repeat(None))
    columns = [asked.text_column or ""]
    if asked.gold_column is None:
        return ((text, None) for (text,) in table.texts(*columns))
    found = table.texts(*columns, asked.gold_column)
    return ((text, gold_of(gold)) for text, gold in found)


def _digest(table: Table, n: int) -> str:
    try:
        return hashlib.sha256(table.picture(n)).hexdigest()
    except BadInput:
        return f"unreadable {n}"
