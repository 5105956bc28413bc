"""What every adapter promises, held against one fake server that speaks all their dialects."""

import threading

from lib.core.chat import Done, Finish, Message, Request, Text, Thought, Usage
from tests.contract.conftest import EITHER_WAY, PICTURE, Bench, last_usage, only, text_of


@EITHER_WAY
def test_text_arrives_in_order_and_one_done_closes_it(bench: Bench, stream: bool) -> None:
    """An answer is its text, a count, and exactly one Done at the very end."""
    *events, done = bench.provider.stream(bench.request("one two three", stream=stream))

    usage = last_usage(events)
    assert text_of(events) == "one two three"
    assert isinstance(done, Done)
    assert done.finish is Finish.STOP
    assert not any(isinstance(event, Done) for event in events)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 3, 6)


@only(lambda adapter: adapter.streams)
def test_a_stream_comes_in_pieces(bench: Bench) -> None:
    """A streaming adapter passes text on as it comes, not at the end."""
    events = bench.provider.stream(bench.request("one two three four"))

    assert sum(isinstance(event, Text) for event in events) == 4


@EITHER_WAY
def test_split_characters_arrive_whole(bench: Bench, stream: bool) -> None:
    """Text outside ASCII survives any cut of the bytes on the wire."""
    words = "नमस्ते दुनिया 👩‍🚀 größer"

    assert text_of(list(bench.provider.stream(bench.request(words, stream=stream)))) == words


def test_thinking_counts_as_output(bench: Bench) -> None:
    """Thinking tokens are inside the output and, where the server counts them, told apart."""
    events = list(bench.provider.stream(bench.request("one two #think=3 #cached=1")))

    usage = last_usage(events)
    assert usage is not None
    assert usage.output_tokens == 5
    if bench.adapter.google:
        assert (usage.thinking_tokens, usage.cached_tokens) == (3, 1)


@only(lambda adapter: adapter.id != "gemini_bulk-grpc")  # its messages have no mark for them
def test_thoughts_are_no_text(bench: Bench) -> None:
    """What a model thinks is never mixed into what it says."""
    name = "qwen3.5:4b" if bench.adapter.id == "ollama" else bench.adapter.model
    retired = bench.adapter.id == "gemini_bulk-rest"
    thinking = None if retired else "low"
    request = Request(name, (Message("user", "one two #think=2"),), thinking=thinking)
    events = list(bench.provider.stream(request))

    assert text_of(events) == "one two"
    thought = "".join(event.text for event in events if isinstance(event, Thought))
    assert thought == ("" if retired else "t1 t2")


def test_a_clean_end_without_the_end_mark_is_incomplete(bench: Bench) -> None:
    """A stream that just ends is never taken for a finished answer."""
    *events, done = bench.provider.stream(bench.request("one two three four #fault=cut"))

    assert done.finish is Finish.INCOMPLETE
    assert text_of(events) == "one two"


def test_missing_usage_is_unknown(bench: Bench) -> None:
    """A server that does not count leaves the counts unknown, never 0."""
    usage = last_usage(list(bench.provider.stream(bench.request("one two #fault=no_usage"))))

    assert usage is None or usage == Usage()


def test_the_token_limit_is_told(bench: Bench) -> None:
    """Reaching the limit is its own ending, with text or, after long thinking, without."""
    *_, half = bench.provider.stream(bench.request("one two three four #fault=max_tokens"))
    *events, empty = bench.provider.stream(bench.request("one two #fault=length_empty"))

    assert half.finish is Finish.LENGTH
    assert empty.finish is Finish.LENGTH
    assert text_of(events) == ""


@only(lambda adapter: adapter.id != "ollama")
def test_a_blocked_answer_is_a_refusal(bench: Bench) -> None:
    """A safety block ends as refused, not as an exception from the depths."""
    *_, done = bench.provider.stream(bench.request("one two #fault=safety"))

    assert done.finish is Finish.REFUSED


@only(lambda adapter: adapter.google)
def test_a_blocked_prompt_is_a_refusal(bench: Bench) -> None:
    """A prompt that Google does not even read ends in the same way."""
    *_, done = bench.provider.stream(bench.request("one two #fault=prompt_blocked"))

    assert done.finish is Finish.REFUSED


def test_what_is_asked_reaches_the_wire(bench: Bench) -> None:
    """System prompt, history, limits and pictures are sent as the provider expects them."""
    messages = (
        Message("user", "first"),
        Message("assistant", "second"),
        Message("user", "third", (PICTURE,)),
    )
    request = Request(
        bench.adapter.sees, messages, system="be brief", max_tokens=77, temperature=0.25
    )
    events = list(bench.provider.stream(request))

    usage = last_usage(events)
    sent = str(bench.fake.asked[-1].body)
    assert text_of(events) == "third"
    assert usage is not None
    assert usage.input_tokens == 15  # five words and ten for the picture
    assert "77" in sent
    assert "0.25" in sent


def test_a_schema_constrains_the_answer(bench: Bench) -> None:
    """A JSON schema goes along in the provider's own form."""
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["YES", "NO"]}},
        "required": ["label"],
    }
    events = list(bench.provider.stream(bench.request("is it?", json_schema=schema)))

    assert text_of(events) == '{"label": "YES"}'


def test_several_callers_share_one_adapter(bench: Bench) -> None:
    """Twenty threads through one adapter each get their own answer."""
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        request = bench.request(f"answer {number} #pace=0.01")
        answers[number] = text_of(list(bench.provider.stream(request)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {number: f"answer {number}" for number in range(20)}
