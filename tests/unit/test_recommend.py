"""Which models a GPU's memory holds, by the estimate's own sums."""

import pytest

from lib.core.recommend import recommended
from lib.core.throughput import USABLE_MEMORY, max_concurrency
from lib.store.estimate_tables import gpus, local_models


@pytest.mark.parametrize("gpu", ["RTX 3060 12GB", "RTX 4090"])
def test_it_says_what_the_estimate_says(gpu: str) -> None:
    """The same models fit, with as many streams, as where money is asked about."""
    memory_gb = gpus()[gpu].memory_gb
    found = {one.tag: one.streams for one in recommended(local_models(), memory_gb, 8192)}
    estimated = {
        tag: max_concurrency(gpus()[gpu], model, "ollama", 8192)
        for tag, model in local_models().items()
    }

    assert found == {tag: streams for tag, streams in estimated.items() if streams}


def test_those_with_room_come_first_and_the_largest_of_them() -> None:
    """Everything listed fits; what has room for a single stream is behind what serves several."""
    found = recommended(local_models(), 12)
    tight = [one.streams < 4 for one in found]
    roomy = [one.memory_gb for one in found if one.streams >= 4]

    assert tight == sorted(tight)
    assert any(tight)
    assert roomy == sorted(roomy, reverse=True)
    assert 6 < roomy[0] <= USABLE_MEMORY * 12


def test_longer_contexts_leave_room_for_fewer() -> None:
    """Each stream keeps its context in the memory."""
    short, long = (recommended(local_models(), 12, tokens)[0] for tokens in (2048, 65_536))

    assert short.streams > 1
    assert {one.tag for one in recommended(local_models(), 12, 65_536)} < {
        one.tag for one in recommended(local_models(), 12, 2048)
    }
    assert long.memory_gb <= 12 * USABLE_MEMORY


def test_it_says_what_sees() -> None:
    """Gemma 3 4B reads pictures, the one of a billion does not."""
    sees = {one.tag: one.vision for one in recommended(local_models(), 24)}

    assert (sees["gemma3:4b"], sees["gemma3:1b"]) == (True, False)


def test_nothing_fits_into_nothing() -> None:
    """No GPU, no recommendation."""
    assert recommended(local_models(), 0) == []
