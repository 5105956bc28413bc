"""A pack's answer: whatever it holds, no row ever gets another row's label."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.answers import labels_of

NAMES = ("Spam", "Not spam", "ham")


@st.composite
def packs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[int, str], list[int]]:
    """Items of a pack in any order, with gaps, strangers, doubles and nonsense among them; what
    each row's only answer is; and the ids that were asked for."""
    ids = list(range(1, draw(st.integers(1, 12)) + 1))
    kinds = st.sampled_from(["right", "missing", "twice", "invalid", "same twice"])
    items, meant = [], {}
    for number in ids:
        label, other = draw(st.permutations(NAMES))[:2]
        kind = draw(kinds)
        labels = {
            "right": [label], "missing": [], "twice": [label, other], "invalid": ["nonsense"],
            "same twice": [label, label.upper()],
        }[kind]  # fmt: skip
        items += [{"id": number, "label": one} for one in labels]
        if kind in ("right", "same twice"):
            meant[number] = label
    strangers = st.sampled_from([0, -1, 99, 1.0, True, None, "x", [1], {}])
    items += [{"id": one, "label": "ham"} for one in draw(st.lists(strangers, max_size=3))]
    return draw(st.permutations(items)), meant, ids


@given(packs(), st.sampled_from(["{}", "```json\n{}\n```", '{{"answers": {}}}', " {}\n"]))
def test_every_row_gets_its_own_label_or_none(pack: Any, dress: str) -> None:
    """Missing, extra, doubled, reordered and invalid items never shift the others."""
    items, meant, ids = pack

    assert labels_of(dress.format(json.dumps(items)), ids, NAMES) == meant


@given(packs())
def test_an_object_keyed_by_id_says_the_same(pack: Any) -> None:
    items, meant, ids = pack
    pairs = [f"{json.dumps(str(one['id']))}: {json.dumps(one['label'])}" for one in items]
    if "1.0" in (str(one["id"]) for one in items):
        pairs.append('"1.0": "ham"')

    said = labels_of("{" + ", ".join(pairs) + "}", ids, NAMES)

    assert {number: said.get(number) for number in meant if _once(items, number)} == {
        number: label for number, label in meant.items() if _once(items, number)
    }
    assert set(said) <= set(meant)


def _once(items: list[dict[str, Any]], number: int) -> bool:
    return [str(one["id"]) for one in items].count(str(number)) == 1


@pytest.mark.parametrize(
    "said",
    [
        '[{"id": "1", "label": "spam"}, {"id": " 2 ", "label": "ham."}]',
        '{"1": "SPAM", "2": {"label": "ham"}}',
        '{"1": {"id": 1, "label": "spam"}, "2": {"id": 2, "label": "ham"}}',
        '{"labels": {"1": "spam", "2": "ham"}}',
        '[{"label": "ham", "id": 2, "why": "…"}, "chatter", {"id": 1, "label": "spam"}]',
    ],
)
def test_lists_and_objects_are_read_in_the_forms_models_write(said: str) -> None:
    assert labels_of(said, [1, 2], NAMES) == {1: "Spam", 2: "ham"}


def test_an_id_that_is_said_twice_in_an_object_with_different_labels_has_none() -> None:
    """JSON readers keep the last one; neither is surely meant."""
    said = '{"1": "spam", "2": "ham", "1": "ham", "3": {"label": "spam", "label": "ham"}}'

    assert labels_of(said, [1, 2, 3], NAMES) == {2: "ham"}


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=3) | st.sampled_from(NAMES),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("12ax"), inner),
    ).map(json.dumps)
)
def test_no_answer_to_a_pack_raises_or_names_an_unknown_label(said: str) -> None:
    found = labels_of(said, range(1, 3), NAMES)

    assert set(found) <= {1, 2}
    assert set(found.values()) <= set(NAMES)


@pytest.mark.parametrize("said", ["[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, '[{"id": 1'])
def test_broken_and_endless_answers_to_a_pack_label_nothing(said: str) -> None:
    assert labels_of(said, [1], NAMES) == {}
