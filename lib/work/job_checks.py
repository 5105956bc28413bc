"""What must be right before a job is made, beyond what its spec alone can tell."""

from datetime import UTC, datetime
from decimal import Decimal

from lib.core.chat import Modality, ModelInfo, Usage
from lib.core.errors import BadInput, Unsupported
from lib.core.prices import BATCH, STANDARD
from lib.core.spec import Spec, check_columns
from lib.store.row_files import Table
from lib.work.app import App
from lib.work.batch_chunk import batching

LEAST_CHUNK, MOST_CHUNK = 200, 20_000  # rows of a chunk: enough for every call in flight
SCORED_CHUNK = 2000  # rows among which a scoring model's first, random ones are chosen


def check_job(app: App, info: ModelInfo, asked: Spec, table: Table) -> None:
    """That this model can label this file in this way; the error names the field."""
    pictures = table.kind == "zip"
    check_columns(asked, table.columns, pictures)
    needs: Modality = "image" if pictures else "text"
    if needs not in info.input:
        raise Unsupported(f"model: {info.id} cannot read {needs} input.")
    check_batch(app, info, asked)
    check_price(app, info, asked, asked.budget_usd)


def check_batch(app: App, info: ModelInfo, asked: Spec) -> None:
    """That there is a Batch API for this model, if one is asked for."""
    if not asked.batch:
        return
    if info.provider != "gemini":
        raise BadInput(
            f"batch: {info.id} has no Batch API.", hint="Leave batch out, or choose a Gemini model."
        )
    batching(app)


def check_price(app: App, info: ModelInfo, asked: Spec, budget_usd: Decimal | None) -> None:
    """A budget is kept by reserving each call's price, so that must be known."""
    free = info.provider != "gemini"  # or priced by the machine's time
    one, tier = Usage(1, 1, 0, 0), BATCH if asked.batch else STANDARD
    if budget_usd is None or free or app.prices.cost(one, info.name, datetime.now(UTC), tier):
        return
    raise BadInput(f"budget_usd: the price of {info.id} is not known, so it cannot be kept.")


def chunk_rows(info: ModelInfo, asked: Spec) -> int:
    """Rows of a chunk. A batch waits for hours, so it should hold many."""
    if asked.batch:
        return MOST_CHUNK
    if info.scores:
        return SCORED_CHUNK
    return min(MOST_CHUNK, max(LEAST_CHUNK, (asked.concurrency or 50) * asked.rows_per_request))
