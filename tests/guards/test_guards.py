"""The list of guards fits the house, and the tool that switches them off tells a guard from an ornament."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.guards.switch import ROOT, Guard, load, switch_all

GUARDS = load()


def test_every_entry_fits_the_house() -> None:
    """Its text stands once in its file, and its test is there: else `make guards` would prove nothing."""
    wrong = [f"{one.name}: its text stands {count} times in {one.file}" for one in GUARDS
             if (count := (ROOT / one.file).read_text().count(one.text)) != 1]
    for one in GUARDS:
        path, _, name = one.test.partition("::")
        if not re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE):
            wrong.append(f"{one.name}: there is no {one.test}")
    assert wrong == []


def test_the_list_is_long_and_no_name_stands_twice() -> None:
    assert len({one.name for one in GUARDS}) == len(GUARDS) >= 45
    assert [one.name for one in GUARDS if not one.threats or one.text == one.instead] == []


CODE = "def may(role):\n    return role == 'write'\n"
TESTS = """\
import pytest
from code_ import may

def test_it(): assert may('write') and not may('read')
def test_ornament(): assert may('write')
@pytest.mark.skip
def test_skipped(): assert not may('read')
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    place = tmp_path / "house"
    place.mkdir()
    (place / "code_.py").write_text(CODE)
    (place / "test_code.py").write_text(TESTS)
    (place / ".venv").symlink_to(ROOT / ".venv")
    (place / ".gitignore").write_text(".venv\n")
    subprocess.run(["git", "init", "-q"], cwd=place, check=True, timeout=20)
    return place


def guard(test: str, text: str = "role == 'write'", instead: str = "True") -> Guard:
    return Guard("a guard", ("T7",), "code_.py", text, instead, f"test_code.py::{test}")


def test_the_tool_says_what_a_guard_is_worth(house: Path) -> None:
    expected = [
        (guard("test_it"), "held", ""),
        (guard("test_ornament"), "survived", "passes without it"),
        (guard("test_it", text="nowhere to be found"), "stale", "stands 0 times"),
        (guard("test_it", text="r"), "stale", "times in code_.py"),
        (guard("test_it", instead="True ="), "broken", "ended with pytest's code"),
    ]
    results = switch_all([entry for entry, _, _ in expected], root=house, jobs=1)
    assert [result.verdict for result in results] == [verdict for _, verdict, _ in expected], results
    assert [why in result.why for result, (_, _, why) in zip(results, expected, strict=True)] == [True] * len(expected)
    assert (house / "code_.py").read_text() == CODE, "the checkout itself is never touched"


def test_a_test_that_is_skipped_proves_nothing(house: Path) -> None:
    [result] = switch_all([guard("test_skipped")], root=house, jobs=1)
    assert (result.verdict, "with every guard in place the tests end with pytest's code 5" in result.why) == ("broken", True)


@pytest.mark.slow  # runs pytest in a copy of the checkout
def test_a_real_guard_is_switched_off_and_its_test_fails() -> None:
    [result] = switch_all([one for one in GUARDS if one.name == "tools that run at the vendor are refused"], jobs=1)
    assert result.verdict == "held", result.why
