"""What every file of rows can do; how the rows are read is up to each kind."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, ClassVar, Literal

from lib.core.errors import BadInput
from lib.store.cells import cell_text

Kind = Literal["csv", "xlsx", "jsonl", "parquet", "zip"]
Rows = Generator[tuple[Any, ...], None, None]


class Table(ABC):
    """A file of rows. `columns` are unique; `sheets` only an XLSX has."""

    __slots__ = ()
    kind: ClassVar[Kind]
    columns: tuple[str, ...]
    sheets: tuple[str, ...] = ()

    @abstractmethod
    def rows(self, places: Sequence[int]) -> Rows:
        """The cells at these places of `columns` for each row, as the file's own kinds of value."""

    def texts(self, *columns: str) -> Iterator[tuple[str | None, ...]]:
        """The wanted cells of each row as text, in file order; None is null or absent.

        Raises BadInput for an unknown column at once, and for what is wrong with a row on the way.
        """
        rows = self.rows([self.place(column) for column in columns])
        return (tuple(map(self.text, row)) for row in rows)

    def text(self, value: Any) -> str | None:
        """A cell as text; None when there is nothing."""
        return cell_text(value)

    def records(self, limit: int) -> list[dict[str, Any]]:
        """The first rows for a preview: texts, numbers, booleans and None."""
        with closing(self.rows(range(len(self.columns)))) as rows:
            shown = islice(rows, limit)
            return [dict(zip(self.columns, map(_shown, row), strict=True)) for row in shown]

    def place(self, column: str) -> int:
        try:
            return self.columns.index(column)
        except ValueError:
            known = ", ".join(repr(name) for name in self.columns[:20])
            raise BadInput(
                f"There is no column {column!r} in the file.", f"Its columns are {known}."
            ) from None

    def picture(self, n: int) -> bytes:
        """The bytes of the n-th picture, from 0; only a ZIP has any."""
        raise BadInput("The file has no pictures.", f"Row {n} has text; choose its column.")


def _shown(value: Any) -> Any:
    """A page shows whole numbers as JavaScript does, exact only up to 2**53."""
    plain = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= 2**53)
    return value if plain else cell_text(value)
