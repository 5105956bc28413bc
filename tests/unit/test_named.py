"""What is kept under a name: own presets, and plans."""

import pytest

from lib.core.errors import BadInput
from lib.store.database import Database
from lib.store.named import MOST, Named
from lib.store.plans import Plans
from lib.store.presets import Presets


@pytest.fixture(params=[Presets, Plans])
def named(request: pytest.FixtureRequest, database: Database) -> Named:
    kind: type[Named] = request.param
    return kind(database)


def test_a_body_comes_back_by_its_name(named: Named) -> None:
    """What was saved is found again, in alphabetical order; the same name replaces."""
    named.save("strict", {"temperature": 0.1})
    named.save(" kind \n one ", {"temperature": 0.9})
    named.save("strict", {"temperature": 0.2, "stop": ["END"]})

    assert named.all() == {
        "kind one": {"temperature": 0.9},
        "strict": {"temperature": 0.2, "stop": ["END"]},
    }


def test_a_deleted_one_is_gone(named: Named) -> None:
    """Deleting takes that name alone, and deleting twice is no error."""
    named.save("a", {})
    named.save("b", {})
    named.delete("a")
    named.delete("a")

    assert list(named.all()) == ["b"]


@pytest.mark.parametrize("name", ["", "  \n ", "x" * 81, "\0"])
def test_a_name_that_is_none_is_refused(named: Named, name: str) -> None:
    """A blank or endless name is named as the field to correct."""
    with pytest.raises(BadInput, match="name") as refused:
        named.save(name, {})

    assert refused.value.hint == f"Give the {named.noun} a name."
    assert named.all() == {}


def test_what_no_database_can_store_is_cleaned(named: Named) -> None:
    """Zero bytes and halves of surrogates do not break the list."""
    kept = named.save("a\0b \ud83d", {"system": "x \ud83d"})

    assert list(named.all()) == [kept]


def test_there_is_an_end_to_them(named: Named) -> None:
    """A full list refuses a new name with the next step, but replaces an old one."""
    for number in range(MOST):
        named.save(f"number {number}", {})
    named.save("number 7", {"seed": 1})
    with pytest.raises(BadInput, match=f"{named.noun}s already"):
        named.save("one more", {})

    assert named.all()["number 7"] == {"seed": 1}


def test_kinds_do_not_meet(database: Database) -> None:
    """A plan and a preset may have the same name."""
    Presets(database).save("same", {"seed": 1})
    Plans(database).save("same", {"tokens_per_month": 1})

    assert Presets(database).all() == {"same": {"seed": 1}}
    assert Plans(database).all() == {"same": {"tokens_per_month": 1}}
