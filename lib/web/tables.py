"""Tables on pages whose words come from elsewhere: files, labels, models."""

from typing import Any

import pandas as pd

from lib.store.safe_cells import guarded


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """No cell or header a formula: Streamlit's own download of a table writes them as they are."""
    return table.rename(columns=_guard).map(_guard)


def _guard(cell: Any) -> Any:
    return guarded(cell) if isinstance(cell, str) else cell
