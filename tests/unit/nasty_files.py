"""Hundreds of files nobody wants: well-made but odd, damaged, lying, and of the wrong kind."""

import random
from collections.abc import Iterator

from tests.unit.nasty_archives import (
    archives,
    foreign,
    parquet,
    parquets,
    pictures,
    workbook,
    workbooks,
)
from tests.unit.nasty_texts import (
    HEADER,
    TEXTS,
    Nasty,
    bad_jsonl,
    csv_text,
    good_csv,
    good_jsonl,
    jsonl,
    numbered,
    odd_csv,
)


def all_files() -> list[Nasty]:
    made = [*good_csv(), *odd_csv(), *good_jsonl(), *bad_jsonl(), *workbooks(), *parquets()]
    made += [*archives(), *foreign()]
    bases = {
        "csv": csv_text([HEADER, *numbered(TEXTS)]).encode(),
        "jsonl": jsonl(numbered(TEXTS)).encode(),
        "xlsx": workbook(numbered(TEXTS[:20])),
        "parquet": parquet(),
        "zip": pictures(3),
    }
    for kind, data in bases.items():
        made += damaged(kind, data)
    return made


def damaged(kind: str, data: bytes) -> Iterator[Nasty]:
    """Cut short, and with single bits turned, at places that are the same every time."""
    rng = random.Random(kind)
    for cut in rng.sample(range(1, len(data)), 8):
        yield Nasty(f"cut-at-{cut}.{kind}", data[:cut], None)
    # Every Parquet file costs a process.
    for place in rng.sample(range(len(data)), 6 if kind == "parquet" else 16):
        turned = bytearray(data)
        turned[place] ^= 1 << rng.randrange(8)
        yield Nasty(f"turned-at-{place}.{kind}", bytes(turned), None)
