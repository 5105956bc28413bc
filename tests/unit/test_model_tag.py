"""Names of models as Ollama takes them."""

import pytest

from lib.core.errors import BadInput
from lib.core.model_tag import checked_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("gemma3:4b", "gemma3:4b"),
        (" gemma3 ", "gemma3:latest"),
        ("qwen3.5:0.8b-q4_K_M", "qwen3.5:0.8b-q4_K_M"),
        ("someone/model:1b", "someone/model:1b"),
        ("hf.co/unsloth/Qwen3-4B-GGUF:Q4_K_M", "hf.co/unsloth/Qwen3-4B-GGUF:Q4_K_M"),
        ("hf.co/unsloth/Qwen3-4B-GGUF", "hf.co/unsloth/Qwen3-4B-GGUF:latest"),
        ("models.lan:5000/team/own:2", "models.lan:5000/team/own:2"),
    ],
)
def test_a_name_is_completed(text: str, tag: str) -> None:
    """The tag «latest» is meant when there is none; a port is no tag."""
    assert checked_tag(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "-x",
            "a b",
            "a..b",
            "../x",
            "a:",
            ":a",
            "a:b:c",
            "ä",
            "a\nb",
            "a/b/c/d",
            "x" * 81,
        ),
        *("http://x.de/a/b", "127.0.0.1/a/b", "127.0.0.1:80/a/b", "[::1]/a/b", "localhost:80/a/b"),
        "gemma3:4b?x=1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """With the field's name and an example; so are addresses, which would point Ollama inwards."""
    with pytest.raises(BadInput, match=r"^tag: ") as raised:
        checked_tag(text, "tag")

    assert "gemma3:4b" in raised.value.hint
