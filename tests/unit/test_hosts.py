"""Several hosts share the calls; one that cannot be reached hands them on."""

import threading
from collections.abc import Generator
from contextlib import ExitStack, closing

import pytest

from lib.core.chat import Event, ModelInfo, Text
from lib.core.errors import (
    AppError,
    BadInput,
    BadReply,
    ModelMissing,
    NoConnection,
    TimedOut,
    Unreachable,
)
from tests.unit.host_calls import (
    answered_by,
    call,
    everywhere,
    hosts,
    open_calls,
    saying,
)

# Balance


def test_the_answer_is_that_of_the_host() -> None:
    """Address and client belong together, and every event comes through."""
    events = list(hosts("a").stream("", saying({}, [])))

    assert events == [Text("A"), Text("end")]


def test_the_host_with_the_fewest_calls_in_flight_is_next() -> None:
    """Calls spread evenly, and the host that ends one gets the next."""
    several = hosts()
    with ExitStack() as stack, ExitStack() as third:
        taken = open_calls(several, 2, stack) + open_calls(several, 1, third)
        third.close()
        again = call(several)

    assert sorted(taken) == ["a", "b", "c"]
    assert again == taken[2:]


def test_idle_hosts_take_turns() -> None:
    """One call after the other does not always go to the same host."""
    assert sorted(answered_by(hosts(), 6)) == list("aabbcc")


def test_calls_from_many_threads_stay_even() -> None:
    """Counting in flight survives parallel callers."""
    several, all_in, taken = hosts("ab"), threading.Barrier(20), []

    def ask(address: str, _: str) -> None:
        taken.append(address)
        all_in.wait(5)

    threads = [threading.Thread(target=several.call, args=("", ask)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (taken.count("a"), taken.count("b")) == (10, 10)


@pytest.mark.parametrize("error", [BadReply("x"), NoConnection("x")])
def test_a_failed_call_is_no_longer_in_flight(error: AppError) -> None:
    """Errors do not make a host look busy for ever."""
    several = hosts("ab")
    for _ in range(3):
        call(several, everywhere(error, "ab"))
    several.list_models(lambda _: [])  # both are well again
    with ExitStack() as stack:
        taken = open_calls(several, 2, stack)

    assert sorted(taken) == ["a", "b"]


# A host that does not take the call


def test_a_refused_call_goes_to_the_next_host() -> None:
    """Nothing was sent, so nothing is repeated: the caller sees an answer, no error."""
    several, asked = hosts("ab"), []
    refusing = {"a": NoConnection("x")}
    answers = [list(several.stream("", saying(refusing, asked))) for _ in range(4)]

    assert all(answer == [Text("B"), Text("end")] for answer in answers)
    assert asked.count("a") == 1


def test_a_short_question_goes_on_the_same_way() -> None:
    """What has one answer and no stream is handed on too."""
    several = hosts("ab")

    def ask(address: str, client: str) -> str:
        if address == "a":
            raise NoConnection("x")
        return client

    assert [several.call("", ask) for _ in range(4)] == ["B"] * 4


def test_only_when_all_refuse_the_call_fails() -> None:
    """Every host is asked once, resting ones too: one of them may be back."""
    several, asked = hosts("abc"), []
    refusing = everywhere(NoConnection("x"), "abc")
    for _ in range(2):
        with pytest.raises(NoConnection):
            list(several.stream("", saying(refusing, asked)))

    assert sorted(asked) == list("aabbcc")


@pytest.mark.parametrize("error", [Unreachable("x"), TimedOut("x"), BadReply("x")])
def test_what_may_have_been_sent_is_not_repeated(error: AppError) -> None:
    """A broken or overloaded host may have done the work: the error comes out."""
    several, asked = hosts("ab"), []
    with pytest.raises(type(error)):
        list(several.stream("", saying(everywhere(error, "ab"), asked)))

    assert len(asked) == 1


@pytest.mark.parametrize("error", [Unreachable("x"), NoConnection("x"), ModelMissing("x")])
def test_an_answer_that_breaks_off_is_an_error(error: AppError) -> None:
    """Half an answer is never begun again elsewhere, whatever ended it."""

    def ask(address: str, client: str) -> Generator[Event, None, None]:
        yield Text(client)
        raise error

    events = hosts("ab").stream("", ask)
    next(events)
    with pytest.raises(type(error)):
        next(events)


def test_a_host_without_the_model_hands_the_call_on() -> None:
    """A model pulled on one host a moment ago is found there, and asked for there from now on."""
    several = hosts("ab")
    lacking = {"a": ModelMissing("x")}
    several.list_models(lambda _: [ModelInfo("ollama", "m")])
    calls = [call(several, lacking, model="m") for _ in range(4)]

    assert all(asked[-1] == "b" for asked in calls)
    assert sum(len(asked) for asked in calls) == 5


def test_a_model_that_no_host_has_is_missing() -> None:
    """All were asked, and the error is theirs."""
    with pytest.raises(ModelMissing):
        list(hosts("ab").stream("m", saying(everywhere(ModelMissing("x"), "ab"), [])))


# A call that names its host


def test_a_named_host_gets_every_call() -> None:
    """However busy it is, and whoever has the model: somebody wants to know this very one."""
    several, asked = hosts("ab"), []
    several.list_models(lambda address: [ModelInfo("ollama", f"only-{address}")])
    with ExitStack() as stack:
        for _ in range(3):
            events = several.stream("only-a", saying({}, asked), "b")
            next(stack.enter_context(closing(events)))

    assert asked == ["b", "b", "b"]
    assert several.call("only-a", lambda address, _: address, "b") == "b"


@pytest.mark.parametrize("error", [NoConnection("x"), ModelMissing("x")])
def test_a_named_host_hands_nothing_on(error: AppError) -> None:
    """What it does not take fails, with its own error."""
    several, asked = hosts("ab"), []
    with pytest.raises(type(error)):
        list(several.stream("", saying({"a": error}, asked), "a"))

    assert asked == ["a"]


def test_a_named_host_must_be_ours() -> None:
    with pytest.raises(BadInput, match=r"^host: "):
        list(hosts("ab").stream("", saying({}, []), "c"))


def test_who_has_a_model() -> None:
    """Those that listed it, in their order; one that died meanwhile comes last."""
    several = hosts("abc")
    several.list_models(lambda address: [ModelInfo("ollama", "m")] if address != "b" else [])
    before = several.having("m")
    list_fails = everywhere(NoConnection("x"), "a")
    while "a" not in call(several, list_fails, model="m"):
        pass

    assert before == ["a", "c"]
    assert several.having("m") == ["c", "a"]
    assert several.having("nothing") == []


# The models


def test_a_call_goes_to_a_host_that_has_its_model() -> None:
    """Hosts that listed other models are passed over; a model nobody listed may be anywhere."""
    several = hosts("ab")
    several.list_models(lambda address: [ModelInfo("ollama", f"only-{address}")])

    assert set(answered_by(several, 4, model="only-b")) == {"b"}
    assert set(answered_by(several, 4, model="elsewhere")) == {"a", "b"}


def test_the_list_is_the_union_and_tells_who_failed() -> None:
    """One dead host hides nothing of the others, and all are asked at the same time."""
    several, together = hosts("abc"), threading.Barrier(3)

    def ask(address: str) -> list[ModelInfo]:
        together.wait(5)
        if address == "b":
            raise NoConnection("x")
        return [ModelInfo("ollama", "both"), ModelInfo("ollama", address)]

    found, silent = several.list_models(ask)

    assert [info.name for info in found] == ["both", "a", "c"]
    assert [type(error) for error in silent] == [NoConnection]
