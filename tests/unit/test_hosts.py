"""Several hosts share the calls, and a dead one is left alone for a while."""

import threading
from contextlib import ExitStack, suppress

import pytest

from lib.core.chat import ModelInfo
from lib.core.errors import AppError, BadReply, NoConnection, Unreachable
from lib.providers.hosts import REST_S, Hosts
from tests.unit.builders import Clock


def hosts(names: str = "abc", clock: Clock | None = None) -> Hosts[str]:
    return Hosts({name: name.upper() for name in names}, clock or Clock())


def call(hosts: Hosts[str], error: AppError | None = None, model: str = "") -> str:
    """Which host a call went to; the call fails with `error`."""
    with suppress(AppError), hosts.least_busy(model) as (address, _):
        if error:
            raise error
    return address


def test_the_client_of_the_address_is_handed_out() -> None:
    """Address and client belong together."""
    with hosts("a").least_busy() as found:
        pass

    assert found == ("a", "A")


def test_the_host_with_the_fewest_calls_in_flight_is_next() -> None:
    """Calls spread evenly, and the host that ends one gets the next."""
    several = hosts()
    with ExitStack() as a_and_b, ExitStack() as third:
        taken = [a_and_b.enter_context(several.least_busy())[0] for _ in range(2)]
        taken.append(third.enter_context(several.least_busy())[0])
        third.close()
        again = call(several)

    assert sorted(taken) == ["a", "b", "c"]
    assert again == taken[2]


def test_idle_hosts_take_turns() -> None:
    """One call after the other does not always go to the same host."""
    several = hosts()

    assert sorted(call(several) for _ in range(6)) == list("aabbcc")


def test_calls_from_many_threads_stay_even() -> None:
    """Counting in flight survives parallel callers."""
    several, all_in, taken = hosts("ab"), threading.Barrier(20), []

    def work() -> None:
        with several.least_busy() as (address, _):
            taken.append(address)
            all_in.wait(5)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (taken.count("a"), taken.count("b")) == (10, 10)


@pytest.mark.parametrize("error", [NoConnection("x"), Unreachable("x")])
def test_a_dead_host_rests_and_comes_back(error: AppError) -> None:
    """After a call that did not reach it a host gets none for a while, then again."""
    clock = Clock()
    several = hosts("ab", clock)
    dead = call(several, error)
    meanwhile = {call(several) for _ in range(6)}
    clock.time += REST_S + 0.1
    later = {call(several) for _ in range(2)}

    assert meanwhile == {"a", "b"} - {dead}
    assert later == {"a", "b"}


def test_another_error_is_no_reason_to_rest() -> None:
    """A host that answered, however badly, is alive."""
    several = hosts("ab")
    call(several, BadReply("x"))

    assert {call(several) for _ in range(4)} == {"a", "b"}


def test_with_all_dead_one_is_still_tried() -> None:
    """When every host rests, a call is made all the same: one may be back."""
    several = hosts("ab")
    for _ in range(2):
        call(several, Unreachable("x"))

    assert call(several) in ("a", "b")


def test_a_failed_call_is_no_longer_in_flight() -> None:
    """Errors do not make a host look busy for ever."""
    several = hosts("ab")
    for _ in range(4):
        call(several, BadReply("x"))
    with several.least_busy() as (first, _), several.least_busy() as (second, _):
        pass

    assert {first, second} == {"a", "b"}


def test_a_call_goes_to_a_host_that_has_its_model() -> None:
    """Hosts that listed other models are passed over; a model nobody listed may be anywhere."""
    several = hosts("ab")
    several.list_models(lambda address: [ModelInfo("ollama", f"only-{address}")])

    assert {call(several, model="only-b") for _ in range(4)} == {"b"}
    assert {call(several, model="elsewhere") for _ in range(4)} == {"a", "b"}


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
