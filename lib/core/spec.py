"""The spec of a classification job: the JSON a program or the page sends, judged once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from lib.core.errors import BadInput
from lib.core.task import Example, Label, Task

MOST_LABELS = 200
MOST_EXAMPLES = 200
MOST_CHARACTERS = 20_000  # of an instruction, a description or an example
MOST_CONCURRENCY = 1000
MOST_ROWS_PER_REQUEST = 200
MOST_RETRIES = 20
MOST_VOTES = 9


@dataclass(frozen=True, slots=True)
class Spec:
    """A judged spec. `concurrency` None: what suits the provider. `budget_usd` None: no bound.

    `votes` above 1 asks every row so many times and takes the majority. `batch` sends the rows
    through the provider's Batch API: half the price, answers within a day.
    """

    task: Task
    text_column: str | None = None
    gold_column: str | None = None
    sheet: str | None = None
    model: str | None = None
    rows_per_request: int = 1
    concurrency: int | None = None
    budget_usd: Decimal | None = None
    max_retries: int = 5
    reuse: bool = True
    votes: int = 1
    batch: bool = False

    def as_json(self) -> dict[str, Any]:
        """The spec again, every default written out; `parse` takes it back."""
        rest = {name: value for name, value in asdict(self).items() if name != "task"}
        budget = None if self.budget_usd is None else str(self.budget_usd)
        return asdict(self.task) | rest | {"budget_usd": budget}


FIELDS = frozenset(
    {"labels", "instruction", "examples", "text_column", "gold_column", "sheet", "model"}
    | {"rows_per_request", "concurrency", "budget_usd", "max_retries", "reuse", "votes", "batch"}
)


def parse(given: Any) -> Spec:
    """The spec in `given`, a JSON object. BadInput names the first field that is wrong."""
    if not isinstance(given, Mapping):
        raise BadInput("spec: a JSON object is wanted.")
    for name in given:
        if name not in FIELDS:
            shown = str(name)[:100].encode("utf-8", "replace").decode()  # half a character is none
            raise BadInput(f"spec.{shown}: there is no such field.", hint="See /api/docs.")
    spec = Spec(
        task=task_of(given),
        text_column=_text(given, "text_column"),
        gold_column=_text(given, "gold_column"),
        sheet=_text(given, "sheet"),
        model=_text(given, "model"),
        rows_per_request=_whole(given, "rows_per_request", 1, MOST_ROWS_PER_REQUEST) or 1,
        concurrency=_whole(given, "concurrency", 1, MOST_CONCURRENCY),
        budget_usd=usd(given.get("budget_usd"), "budget_usd"),
        max_retries=5 if (n := _whole(given, "max_retries", 0, MOST_RETRIES)) is None else n,
        reuse=_flag(given, "reuse", True),
        votes=_whole(given, "votes", 1, MOST_VOTES) or 1,
        batch=_flag(given, "batch", False),
    )
    if spec.votes > 1 and spec.rows_per_request > 1:
        raise BadInput("votes: several votes are asked row by row; set rows_per_request to 1.")
    if spec.votes > 1 and spec.batch:
        raise BadInput("votes: a batch asks every row once; leave votes or batch out.")
    return spec


def task_of(given: Mapping[str, Any]) -> Task:
    """Labels, instruction and examples of a spec or of a call to /api/classify."""
    labels = tuple(_label(one, i) for i, one in enumerate(_list(given, "labels", MOST_LABELS)))
    if len(labels) < 2:
        raise BadInput("labels: at least two are wanted.")
    names = [label.name for label in labels]
    if len({name.strip().casefold() for name in names}) < len(names):
        raise BadInput("labels: two of them are the same.")
    shown = _list(given, "examples", MOST_EXAMPLES)
    examples = tuple(_example(one, i, names) for i, one in enumerate(shown))
    return Task(labels, (_text(given, "instruction") or "").strip(), examples)


def check_columns(spec: Spec, columns: Sequence[str], pictures: bool) -> None:
    """That the columns the spec names are there; BadInput names the one that is not."""
    if pictures:
        if spec.text_column not in (None, *columns):
            raise BadInput("text_column: rows of a ZIP are pictures, leave it out.")
        if spec.rows_per_request > 1:
            raise BadInput("rows_per_request: pictures are asked one by one, leave it out.")
    elif spec.text_column is None:
        raise BadInput("text_column: this field is missing.", hint=_choose(columns))
    for field in ("text_column", "gold_column"):
        name = getattr(spec, field)
        if name is not None and name not in columns:
            raise BadInput(f"{field}: there is no column {name[:100]!r}.", hint=_choose(columns))


def usd(value: Any, field: str) -> Decimal | None:
    """A budget in US dollars above 0, as a JSON number or its text; None is no budget."""
    if value is None:
        return None
    number = None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = None
    if number is None or not math.isfinite(number) or not 0 < number <= 1e9:
        raise BadInput(f"{field}: US dollars above 0, a thousand million at most, are wanted.")
    return Decimal(str(value))


def _choose(columns: Sequence[str]) -> str:
    return f"Choose one of: {', '.join(columns[:20])[:300]}."


def _label(given: Any, index: int) -> Label:
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping) or set(given) - {"name", "description"}:
        raise BadInput(f"labels.{index}: a text, or {{name, description}}, is wanted.")
    name = _text(given, "name", f"labels.{index}.name") or ""
    if not name.strip():
        raise BadInput(f"labels.{index}: it is empty.")
    if len(name) > 200 or "\x00" in name:
        raise BadInput(f"labels.{index}: at most 200 characters, none of them a zero byte.")
    return Label(name, (_text(given, "description", f"labels.{index}.description") or "").strip())


def _example(given: Any, index: int, names: Sequence[str]) -> Example:
    if not isinstance(given, Mapping) or set(given) != {"text", "label"}:
        raise BadInput(f"examples.{index}: {{text, label}} is wanted.")
    text = _text(given, "text", f"examples.{index}.text")
    label = _text(given, "label", f"examples.{index}.label")
    if not text or not text.strip():
        raise BadInput(f"examples.{index}.text: it is empty.")
    if label is None or label not in names:
        raise BadInput(f"examples.{index}.label: it is not one of the labels.")
    return Example(text, label)


def _list(given: Mapping[str, Any], field: str, most: int) -> Sequence[Any]:
    found = given.get(field)
    if found is None and field != "labels":
        return ()
    if not isinstance(found, list | tuple):
        raise BadInput(f"{field}: a list is wanted.")
    if len(found) > most:
        raise BadInput(f"{field}: at most {most}.")
    return found


def _text(given: Mapping[str, Any], field: str, path: str | None = None) -> str | None:
    found = given.get(field)
    if found is None:
        return None
    if not isinstance(found, str):
        raise BadInput(f"{path or field}: a text is wanted.")
    if len(found) > MOST_CHARACTERS:
        raise BadInput(f"{path or field}: at most {MOST_CHARACTERS} characters.")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{path or field}: it holds half a character.") from None
    return found


def _whole(given: Mapping[str, Any], field: str, least: int, most: int) -> int | None:
    found = given.get(field)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise BadInput(f"{field}: a whole number from {least} to {most} is wanted.")
    return found


def _flag(given: Mapping[str, Any], field: str, default: bool) -> bool:
    found = given.get(field)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise BadInput(f"{field}: true or false is wanted.")
    return found
