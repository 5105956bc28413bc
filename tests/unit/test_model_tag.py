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
        ("registry.ollama.ai/library/gemma3", "registry.ollama.ai/library/gemma3:latest"),
        ("HuggingFace.co/a/b:c", "HuggingFace.co/a/b:c"),
    ],
)
def test_a_name_is_completed(text: str, tag: str) -> None:
    """The tag «latest» is meant when there is none."""
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
        *("http://x.de/a/b", "[::1]/a/b", "/a", "host/a/b/c"),
        "gemma3:4b?x=1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """With the field's name and an example."""
    for anywhere in (False, True):
        with pytest.raises(BadInput, match=r"^tag: ") as raised:
            checked_tag(text, "tag", anywhere)
        assert "gemma3:4b" in raised.value.hint


INWARDS = [
    *("127.0.0.1/a/b", "127.0.0.1:80/a/b", "localhost/a/b", "localhost:80/a/b", "127.1/a/b"),
    *("router.lan/a/b", "models.lan:5000/team/own", "127.0.0.1.nip.io/a/b", "0x7f.1/a/b"),
    *("metadata.google.internal/a/b", "hf.co:22/a/b", "hf.co.example.com/a/b", "x.hf.co/a/b"),
]


@pytest.mark.parametrize("text", INWARDS)
def test_a_model_comes_from_two_libraries_only(text: str) -> None:
    """A name may lead wherever its owner wants, also into Ollama's own network."""
    with pytest.raises(BadInput, match=r"^tag: .*Hugging Face") as raised:
        checked_tag(text, "tag")

    assert "ollama pull" in raised.value.hint


@pytest.mark.parametrize("text", INWARDS)
def test_a_model_that_is_there_may_be_from_anywhere(text: str) -> None:
    """Somebody had Ollama itself get it; it can be loaded and deleted like any other."""
    assert checked_tag(text, anywhere=True) == f"{text}:latest"
