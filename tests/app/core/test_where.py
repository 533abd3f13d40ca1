"""`where:`: comparisons on any JSON document, and regular expressions that nobody can make slow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.ringing.linear_regex import fault_of_pattern, found_in
from app.core.ringing.where import VALUES_LIMIT, Condition, faults_of_where, first_unmet, values_at

DOCUMENT: dict[str, Any] = {
    "level": "error", "count": 12, "rate": "0.75", "seen": True, "gone": None, "tags": [{"key": "env", "value": "prod"}, {"key": "os", "value": "linux"}],
    "labels": {"app.io/name": "till", "team": "pay"}, "deep": {"er": {"est": "here"}},
}


def where(*conditions: dict[str, Any]) -> tuple[Condition, ...]:
    return tuple(Condition.model_validate(each) for each in conditions)


@pytest.mark.parametrize(("path", "values"), [
    ("level", ["error"]), ("deep.er.est", ["here"]), ("deep.er.west", []), ("level.more", []), ("tags.1.value", ["linux"]),
    ("tags.2.value", []), ("tags.-1.value", []), ("tags.*.value", ["prod", "linux"]), ("labels.*", ["till", "pay"]),
    (r"labels.app\.io/name", ["till"]), ("labels.app.io/name", []), ("gone", [None]), ("tags.\u0661.value", []),
])
def test_a_dotted_path_leads_to_values(path: str, values: list[Any]) -> None:
    assert values_at(DOCUMENT, path) == values


@pytest.mark.parametrize("condition", [
    {"field": "level", "is": "error"}, {"field": "level", "not": "info"}, {"field": "level", "not": ["info", "debug"]},
    {"field": "level", "in": ["error", "fatal"]}, {"field": "level", "matches": "^err"}, {"field": "count", "above": 11, "below": 13},
    {"field": "rate", "above": 0.7}, {"field": "count", "is": 12.0}, {"field": "seen", "is": True}, {"field": "tags.*.value", "is": "linux"},
    {"field": "nowhere", "exists": False}, {"field": "nowhere", "not": "x"}, {"field": "gone", "exists": True}, {"field": "count", "exists": True, "is": 12},
])
def test_a_condition_that_holds(condition: dict[str, Any]) -> None:
    assert first_unmet(where(condition), DOCUMENT) is None


@pytest.mark.parametrize(("condition", "says"), [
    ({"field": "level", "is": "Error"}, 'level is to be "Error", and it is "error"'),
    ({"field": "level", "not": "error"}, 'level is not to be "error", and it is "error"'),
    ({"field": "tags.*.value", "not": ["linux", "mac"]}, 'tags.*.value is not to be one of "linux", "mac", and it is "prod" (and 1 more)'),
    ({"field": "level", "in": ["info", "debug"]}, 'level is to be one of "info", "debug", and it is "error"'),
    ({"field": "level", "matches": "^ERR"}, 'level is to match "^ERR", and it is "error"'),
    ({"field": "count", "matches": "1"}, 'count is to match "1", and it is 12'),
    ({"field": "count", "above": 12}, "count is to be above 12, and it is 12"),
    ({"field": "level", "below": 12}, 'level is to be below 12, and it is "error"'),
    ({"field": "seen", "is": 1}, "seen is to be 1, and it is true"),
    ({"field": "count", "exists": True, "is": 13}, "count is to be 13, and it is 12"),
    ({"field": "nowhere", "exists": True}, "nowhere is to be there, and it is not there"),
    ({"field": "deep", "exists": False}, "deep is not to be there, and it is an object"),
    ({"field": "gone", "is": "x"}, 'gone is to be "x", and it is null'),
])
def test_a_condition_that_does_not_hold_says_what_was_found(condition: dict[str, Any], says: str) -> None:
    assert first_unmet(where(condition), DOCUMENT) == says


def test_the_first_that_does_not_hold_is_named_and_all_must() -> None:
    both = where({"field": "level", "is": "error"}, {"field": "count", "above": 100}, {"field": "level", "is": "never"})
    assert first_unmet(both, DOCUMENT) == "count is to be above 100, and it is 12"
    assert first_unmet((), DOCUMENT) is None


@pytest.mark.parametrize(("condition", "way"), [
    ({"field": "a"}, (0,)), ({"field": "a", "in": []}, (0, "in")), ({"field": "a", "matches": "(?=b)"}, (0, "matches")),
    ({"field": "a", "matches": "("}, (0, "matches")), ({"field": "a", "matches": "x" * 2000}, (0, "matches")),
    ({"field": "a", "above": 3, "below": 3}, (0, "above")),
])
def test_what_could_never_hold_is_a_fault(condition: dict[str, Any], way: tuple[str | int, ...]) -> None:
    assert [found for found, _ in faults_of_where(where(condition))] == [way]


@pytest.mark.parametrize("condition", [{"field": ""}, {"is": 1}, {"field": "a", "above": "x"}, {"field": "a", "above": float("inf")}, {"field": "a", "equals": 1}])
def test_what_is_no_condition_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        where(condition)


def test_a_condition_is_read_back_as_it_was() -> None:
    for each in ({"field": "a", "is": True}, {"field": "a", "is": 1}, {"field": "a", "is": "1"}, {"field": "a", "in": [1, "1", True, 1.5]}):
        condition = Condition.model_validate(each)
        again = Condition.model_validate_json(condition.model_dump_json(by_alias=True))
        assert again.model_dump_json(by_alias=True) == condition.model_dump_json(by_alias=True)
        assert type(again.is_) is type(condition.is_)


def test_what_a_payload_says_is_shown_short_and_as_json() -> None:
    said = first_unmet(where({"field": "level", "is": "x"}), {"level": "\x1b[31m\n" + "y" * 10_000})
    assert said is not None
    assert len(said) < 200
    assert said.isprintable()


def test_a_path_with_many_stars_is_bounded() -> None:
    wide = {str(number): {str(each): list(range(30)) for each in range(30)} for number in range(30)}
    assert len(values_at(wide, "*.*.*")) == VALUES_LIMIT


# With backtracking each of these takes longer than anybody waits; without, a moment.
@pytest.mark.parametrize(("pattern", "text"), [
    ("^(a+)+$", "a" * 50_000 + "!"), ("^(a|a)*$", "a" * 50_000 + "!"), ("(x+x+)+y", "x" * 50_000), ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 50_000),
])
def test_t6_no_expression_takes_long_over_any_text(pattern: str, text: str) -> None:
    assert fault_of_pattern(pattern) is None
    assert not found_in(pattern, text)


@pytest.mark.parametrize("pattern", ["((a{100}){100}){100}", r"(x)\1", "(?<=a)b", "[", "\ud800"])
def test_what_has_no_bound_or_cannot_be_read_is_refused_and_occurs_nowhere(pattern: str) -> None:
    assert fault_of_pattern(pattern) is not None
    assert not found_in(pattern, "aaaa")


@given(st.text(), st.text())
def test_no_pattern_and_no_text_raises(pattern: str, text: str) -> None:
    found_in(pattern, text)
    fault_of_pattern(pattern)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)), st.text(min_size=1))
def test_no_document_raises(document: Any, path: str) -> None:
    values_at(document, path)
    first_unmet(where({"field": "*", "above": 0, "matches": "a", "not": [1], "in": [True]}), document)


def test_half_a_surrogate_pair_is_looked_at_like_any_text() -> None:
    assert found_in("end", "\ud83d end")
