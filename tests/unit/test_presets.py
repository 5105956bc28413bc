"""Own presets: settings under a name."""

import pytest

from lib.core.errors import BadInput
from lib.store.database import Database
from lib.store.presets import MOST, Presets


@pytest.fixture
def presets(database: Database) -> Presets:
    return Presets(database)


def test_a_preset_comes_back_by_its_name(presets: Presets) -> None:
    """Saved settings are found again, in alphabetical order; the same name replaces."""
    presets.save("strict", {"temperature": 0.1})
    presets.save(" kind \n one ", {"temperature": 0.9})
    presets.save("strict", {"temperature": 0.2, "stop": ["END"]})

    assert presets.all() == {
        "kind one": {"temperature": 0.9},
        "strict": {"temperature": 0.2, "stop": ["END"]},
    }


def test_a_deleted_preset_is_gone(presets: Presets) -> None:
    presets.save("a", {})
    presets.save("b", {})
    presets.delete("a")

    assert list(presets.all()) == ["b"]


@pytest.mark.parametrize("name", ["", "  \n ", "x" * 81, "\0"])
def test_a_name_that_is_none_is_refused(presets: Presets, name: str) -> None:
    """A blank or endless name is named as the field to correct."""
    with pytest.raises(BadInput, match="name"):
        presets.save(name, {})
    assert presets.all() == {}


def test_what_no_database_can_store_is_cleaned(presets: Presets) -> None:
    """Zero bytes and halves of surrogates do not break the list."""
    kept = presets.save("a\0b \ud83d", {"system": "x \ud83d"})

    assert list(presets.all()) == [kept]


def test_there_is_an_end_to_presets(presets: Presets) -> None:
    """A full list refuses a new name with the next step, but replaces an old one."""
    for number in range(MOST):
        presets.save(f"preset {number}", {})
    presets.save("preset 7", {"seed": 1})
    with pytest.raises(BadInput, match="presets already"):
        presets.save("one more", {})

    assert presets.all()["preset 7"] == {"seed": 1}
