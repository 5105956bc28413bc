"""What schemathesis cannot know of this API: a file worth sending, rules JSON Schema cannot say."""

import json
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure

# Imports nothing of ours: schemathesis runs in a process of its own.
ROWS = "text,gold\nGreat!,GOOD\nAwful. #slow=1,BAD\nGreat!,BAD\n"  # it runs for a second
# Schema-valid requests that are refused all the same, by what the message says, and why.
BEYOND_SCHEMA = {
    "labels: two of them are the same": "case and outer blanks do not tell labels apart",
    "label: it is not one of the labels": "an example's label is one of the spec's",
    "messages: the last one must be the user's": "the last item of a list",
    "prompt: this field is missing": "it may stand in the query or in the form",
    "it is empty": "regular expressions and Python do not agree on what is a blank",
    "image: ": "the bytes are no picture, or there is none and no address either",
    ".input_audio: ": "the bytes are no sound",
    ".file: ": "the bytes are no file of a known kind",
    "a user's message cannot be empty": "all its parts together",
    "image_url: ": "the address leads nowhere, or must not be fetched",
    "These numbers lead to results too large": "an answer must be a JSON number",
    "input_tokens: ": "above 0 where input has a share",
    "output_tokens: ": "above 0 where all is output",
    "nobody knows": "not every model has a price for all",
    "A job that is ": "its state does not fit",
    "budget_usd: ": "less than is spent already",
    "batch: ": "only Gemini has a Batch API",
    "gold_column: this job has none": "the job's spec decides",
    "until: it lies before since": "the order of two parameters",
}


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Keep all but the refusals `BEYOND_SCHEMA` explains."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code != 422:
        return True
    message = json.loads(response.content)["error"]["message"]
    return not any(told in message for told in BEYOND_SCHEMA)


@schemathesis.hook
def map_case(_: HookContext, case: Case) -> Case:
    """Every valid POST /jobs makes a job, and POST /speedtest a short test that runs for a second,
    so that the calls about them have one."""
    if not (case.meta and case.meta.generation.mode.is_positive):
        return case
    body: Any = case.body
    if case.operation.label == "POST /jobs":
        body["file"] = ROWS
        body["spec"] |= {"text_column": "text", "gold_column": "gold", "sheet": None, "model": None}
        body["spec"] |= {"labels": ["GOOD", "BAD"], "examples": None}
    if case.operation.label == "POST /speedtest":
        body |= {"streams": [1, 2], "input_tokens": 64, "output_tokens": 16, "model": None}
        body["host"] = None
    return case
