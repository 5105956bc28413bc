"""What a new chat begins with: every use and picture works as it is."""

import pytest

from lib.core.media import shrink
from lib.core.options import from_fields, to_fields
from lib.web.chat_samples import PICTURES, USES, Picture, Use, picture, use

EACH_USE = pytest.mark.parametrize("sample", USES, ids=lambda sample: sample.key)
EACH_PICTURE = pytest.mark.parametrize("sample", PICTURES, ids=lambda sample: sample.key)


def test_there_are_the_guides_six_uses() -> None:
    """Re-ranking, chat, document classes, code completion, translation, moderation."""
    assert [one.key for one in USES] == [
        "rerank", "chat", "classify", "code", "translate", "moderate",
    ]  # fmt: skip


@EACH_USE
def test_a_use_can_be_kept_and_sent(sample: Use) -> None:
    """Its settings survive as JSON, and it has prompts of its own."""
    assert from_fields(to_fields(sample.options)) == sample.options
    assert use(sample.key) is sample
    assert len(sample.prompts) >= 2
    assert all(prompt.strip() for prompt in sample.prompts)


@EACH_USE
def test_a_schema_names_what_it_requires(sample: Use) -> None:
    """Every required field of a JSON schema is described in it."""
    if schema := sample.options.json_schema:
        assert schema["type"] == "object"
        assert set(schema["required"]) == set(schema["properties"])


@EACH_PICTURE
def test_a_picture_is_read_and_small(sample: Picture) -> None:
    """It passes as an upload would, needs no scaling, and is described in words."""
    found = picture(sample.key)

    assert found.mime == "image/png"
    assert len(found.data) < 60_000
    assert shrink(found) is found
    assert sample.alt
    assert sample.prompt
