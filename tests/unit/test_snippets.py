"""«Get code» as text: it always parses, keeps every text exactly, and holds no key."""

import ast
import json
import re
import shlex
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.core.chat import Media, Message, Request
from lib.core.options import to_fields
from lib.core.snippets import files, snippets
from lib.core.snippets_embedded import TAKES
from lib.web.shapes import ChatBody

PROVIDERS = ["gemini", "ollama", "vllm", "embedded"]
EVERY = pytest.mark.parametrize("provider", PROVIDERS)
PNG = Media("image/png", b"\x89PNG one")
OTHER_PNG = Media("image/png", b"\x89PNG two")
FULL = Request(
    "m", (Message("user", "hello", (PNG,)),), system="be brief", max_tokens=7, temperature=0.5,
    top_p=0.9, seed=3, stop=("END", "\n"), json_schema={"type": "object"}, thinking="low",
    media_resolution="high",
)  # fmt: skip
HALVES = "high \ud83d low \ude00 both \ud83d\ude00"
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


def asking(text: str, *media: Media, **options: Any) -> Request:
    return Request("m", (Message("user", text, media),), **options)


def body_of(curl: str) -> Any:
    """The JSON in a shell source, with <name> for each file's base64."""
    lines = curl.partition("<<'JSON'\n")[2].rpartition("\nJSON\n")[0]
    lines = re.sub(r"\nJSON\nbase64 < (\S+)\ncat <<'JSON'\n", r"<\1>", lines)
    return json.loads(lines)


def strings(value: Any) -> set[str]:
    """Every text in a JSON value, names of fields included."""
    if isinstance(value, dict):
        return set(value).union(*map(strings, value.values()))
    if isinstance(value, list):
        return set().union(*map(strings, value))
    return {value} if isinstance(value, str) else set()


def literals(python: str) -> set[str]:
    nodes = ast.walk(ast.parse(python))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def joined(text: str) -> str:
    """A text as JSON has it, where two halves side by side are one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@given(ANY_TEXT, st.sampled_from(PROVIDERS))
@example("'''\"\"\" \\' \\\" \\N{DASH} {x} $x `x` \r\n\t\0\x7f\x85\u2028\u202e\U000e0001", "gemini")
@example("JSON\nJSON", "ollama")
@example("\0picture-1.png\0", "vllm")
@example("word " * 20_000, "gemini")
@example("\n" * 100_000, "gemini")
@example(HALVES, "vllm")
def test_every_text_survives_exactly(text: str, provider: str) -> None:
    """A prompt, a system text and a file's place stay apart and exact, in both languages."""
    request = asking(f"p{text}", PNG, system=f"s{text}")

    python, curl = snippets(provider, request).values()

    assert {f"p{text}", f"s{text}"} <= literals(python)
    assert {joined(f"p{text}"), joined(f"s{text}")} <= set(map(joined, strings(body_of(curl))))
    assert (python + curl).encode()


@EVERY
def test_nothing_unseen_stands_in_a_source(provider: str) -> None:
    """Marks that turn writing around, or that a clipboard loses, are written as escapes."""
    hidden = "a\u202eb\u200bc\u2028d\ufeffe\x1bf\x85g\u00a0h\U000e0001i"

    for source in snippets(provider, asking(hidden)).values():
        assert source.replace("\n", "").isprintable()


@EVERY
def test_the_last_line_of_a_heredoc_is_its_first(provider: str) -> None:
    """No text can end the JSON early: the delimiter stands alone only where the source means it."""
    _, curl = snippets(provider, asking("JSON\nJSON\r\nJSON", system="JSON\n")).values()

    assert curl.count("<<'JSON'\n") == curl.splitlines().count("JSON") == 1


@EVERY
def test_a_long_prompt_is_broken_into_readable_lines(provider: str) -> None:
    """Python lines stay short, and break after the prompt's own line ends."""
    python, _ = snippets(provider, asking("some words " * 50 + "\nlast line")).values()

    assert max(map(len, python.splitlines())) <= 120
    assert '"last line"' in python


@EVERY
def test_only_placeholders_stand_for_keys(provider: str) -> None:
    """What logs in is a placeholder, even a password that is a part of the server's address."""
    request = asking("hello")
    base = "http://somebody:s3cret@gpu.example:8000/v1/"

    sources = "".join(snippets(provider, request, base).values())

    assert "s3cret" not in sources
    assert "somebody" not in sources
    assert "http://YOUR_USER:YOUR_PASSWORD@gpu.example:8000/v1" in sources
    assert "/v1//" not in sources


@pytest.mark.parametrize(
    ("provider", "address", "key"),
    [
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/", "YOUR_GOOGLE_API_KEY"),
        ("ollama", "http://127.0.0.1:11434", ""),
        ("vllm", "http://127.0.0.1:8000/v1", "YOUR_VLLM_API_KEY"),
        ("embedded", "http://127.0.0.1:8501/api/chat", "Bearer YOUR_APP_PASSWORD"),
    ],
)
def test_where_the_code_asks(provider: str, address: str, key: str) -> None:
    """Without a base the usual address is asked; google-genai knows its own."""
    python, curl = snippets(provider, asking("hello")).values()

    assert address in curl
    assert key in curl
    assert key in python
    assert (address in python) is (provider != "gemini")
    assert "base_url" not in python or provider == "vllm"


def test_the_languages_in_their_order() -> None:
    """The provider's own client first, then curl; an unknown provider is a mistake of ours."""
    languages = [list(snippets(provider, asking("hello"))) for provider in PROVIDERS]

    assert languages == [
        ["Python (google-genai)", "curl"],
        ["Python (ollama)", "curl"],
        ["Python (openai)", "curl"],
        ["Python", "curl"],
    ]
    with pytest.raises(ValueError, match="nobody"):
        snippets("nobody", asking("hello"))


def test_the_files_by_name() -> None:
    """Files are numbered by kind in the order they are sent; the same one twice is one file."""
    sound, film = Media("audio/mp4", b"sound"), Media("video/quicktime", b"film")
    paper, photo = Media("application/pdf", b"pdf"), Media("image/jpeg", b"photo")
    again = Media("image/png", bytes(PNG.data))
    first = Message("user", "", (PNG, sound, photo))
    request = Request("m", (first, Message("user", "", (again, OTHER_PNG, film, paper))))

    assert files(request) == {
        "picture-1.png": PNG,
        "sound-1.m4a": sound,
        "picture-2.jpg": photo,
        "picture-3.png": OTHER_PNG,
        "film-1.mov": film,
        "document-1.pdf": paper,
    }
    assert files(asking("no files")) == {}


def test_a_strange_kind_of_file_cannot_name_a_command() -> None:
    """A file's name is letters and digits, whatever its kind is called."""
    odd = Media("image/x.$(touch owned);'", b"odd")

    assert list(files(asking("", odd))) == ["picture-1.xtouchowned"]


@pytest.mark.parametrize("provider", ["gemini", "ollama", "vllm"])
def test_the_code_says_which_files_it_reads(provider: str) -> None:
    """A comment names the files, and the code reads them."""
    for source in snippets(provider, asking("What is it?", PNG, OTHER_PNG)).values():
        assert "# Reads from this folder: picture-1.png, picture-2.png\n" in source
        assert source.count("picture-2.png") == 2


def test_ollamas_window_is_in_the_code_with_its_reason() -> None:
    """The window is sent, and a comment says what a small one does; unknown, it is not made up."""
    for source in snippets("ollama", asking("hello"), num_ctx=16384).values():
        assert '"num_ctx": 16384' in source
        assert "# Ollama cuts what does not fit into num_ctx without a word" in source
    for source in snippets("ollama", asking("hello")).values():
        assert '"num_ctx"' not in source


@pytest.mark.parametrize(
    ("level", "expected"),
    [("off", 0), ("low", -1), ("medium", -1), ("high", -1)],
)
def test_an_older_gemini_is_told_a_budget(level: Any, expected: int) -> None:
    """Gemini 2.5 knows no levels of thinking: 0 is off, -1 leaves it to the model."""
    request = replace(asking("hello", thinking=level), model="gemini-2.5-flash")

    python, curl = snippets("gemini", request).values()

    assert f'"thinking_budget": {expected}' in python
    assert body_of(curl)["generationConfig"]["thinkingConfig"] == {"thinkingBudget": expected}


def test_a_models_name_cannot_change_the_address() -> None:
    """In Gemini's address a name is one step of the path, and one word of the shell."""
    request = replace(asking("hello"), model="a/b?c#d e'$(touch owned)\ud800é")

    _, curl = snippets("gemini", request).values()

    command = curl.partition(" \\\n")[0]
    assert shlex.split(command)[-1] == (
        "https://generativelanguage.googleapis.com/v1beta/models/"
        "a%2Fb%3Fc%23d%20e%27%24%28touch%20owned%29%3F%C3%A9:streamGenerateContent?alt=sse"
    )


@EVERY
def test_an_address_is_one_word_of_the_shell(provider: str) -> None:
    """Nothing in a configured address is run."""
    base = "http://gpu.example/a b'$(touch owned)`touch owned`;"

    command = snippets(provider, asking("hello"), base)["curl"].partition(" \\\n")[0]

    words = shlex.split(command.splitlines()[-1])
    assert words[:2] == ["curl", "-sSN"]
    assert words[2].startswith(base)
    assert len(words) == 3


def test_the_api_is_sent_what_it_takes_and_a_comment_names_the_rest() -> None:
    """Exactly the options /api/chat does not know are left out, and files with them."""
    unknown = [name for name in to_fields(FULL) if name not in TAKES]
    known = {"system" if name == "system_prompt" else name for name in ChatBody.model_fields}

    for source in snippets("embedded", FULL).values():
        note = source.splitlines()[0]
        assert note.startswith("# Left out, since POST /api/chat does not take it: ")
        assert note.partition(": ")[2].split(", ") == [*unknown, "media"]
    assert set(to_fields(FULL)) & known == TAKES
    assert "# Left out" not in "".join(snippets("embedded", asking("hello")).values())


def test_the_api_gets_no_message_without_text() -> None:
    """A message that was only a file leaves nothing the API would accept."""
    said = (Message("user", "", (PNG,)), Message("assistant", "A fake."), Message("user", "Sure?"))

    _, curl = snippets("embedded", Request("m", said)).values()

    texts = [message["content"] for message in body_of(curl)["messages"]]
    assert texts == ["A fake.", "Sure?"]


@EVERY
def test_comments_can_be_pasted_into_zsh(provider: str) -> None:
    """zsh takes a pasted comment for a command: it must hold nothing that needs an end."""
    _, curl = snippets(provider, FULL, num_ctx=8192).values()

    notes = [line for line in curl.splitlines() if line.startswith("#")]
    assert notes
    assert not re.search(r"[^\w #,.:/-]", "".join(notes))
