"""Tests that a change deletes or has skipped, named from its patch; pure.

What is looked for are signs (`signs_of_tests`), not meaning: a test whose checks were taken out is none that this finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.core.noun import Noun
from app.publish.candidate import ABSENT, FileChange
from app.publish.inert import Inert, span
from app.publish.policy import Rule, Violation
from app.publish.signs_of_tests import Signs, is_test_path, passes_over, signs_of

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@ ?(.*)")
# Between a mark, such as `@Test`, and the name that it is about there can be further marks.
_NEAR_LINES = 6
# A skip inside a test stands below its name; whoever writes longer tests, or lines, is told the file alone.
_ABOVE_LINES = 60
_LINE_CHARACTERS = 300
_MOST_NAMED = 500
_FIRST_LINE_CHARACTERS = 12_000
_SAYS: dict[Rule, Inert] = {"deleted_test": Inert("deleted"), "skipped_test": Inert("skipped")}

# The rules whose warnings are told in a pull request's first line.
SAID_FIRST = frozenset(_SAYS)


class _Line(NamedTuple):
    sign: str
    text: str


class _Hunk(NamedTuple):
    path: str
    around: str
    lines: list[_Line]


class TouchedTest(Noun):
    """A test that is gone, or not run any more; `name` is empty where it is a whole file, or a setting of the runner."""

    path: str
    name: str = ""
    is_skipped: bool = False

    @property
    def violation(self) -> Violation:
        """The warning about it."""
        rule: Rule = "skipped_test" if self.is_skipped else "deleted_test"
        return Violation(rule=rule, path=f"{self.path}: {self.name}" if self.name else self.path)


def touched_tests(patch: str, changes: Sequence[FileChange]) -> tuple[TouchedTest, ...]:
    """Return the tests that a git patch deletes or has skipped, each once; one that only moves is not among them."""
    gone: list[TouchedTest] = []
    there: Counter[str] = Counter()
    skipped: list[TouchedTest] = []
    unskipped: Counter[tuple[str, str]] = Counter()
    for hunk in _hunks(patch):
        signs = signs_of(hunk.path)
        old, new = [line for line in hunk.lines if line.sign != "+"], [line for line in hunk.lines if line.sign != "-"]
        if signs is not None:
            gone += [TouchedTest(path=hunk.path, name=name) for name in _names(signs, old, "-")]
            there.update(_names(signs, new, "+"))
        for at, line in enumerate(old):
            if line.sign == "-" and _skips(hunk.path, signs, line.text):
                unskipped[hunk.path, _name_near(signs, old, at, hunk.around)] += 1
        for at, line in enumerate(new):
            if line.sign == "+" and _skips(hunk.path, signs, line.text):
                name = _name_near(signs, new, at, hunk.around) if len(skipped) < _MOST_NAMED else ""
                skipped.append(TouchedTest(path=hunk.path, name=name, is_skipped=True))
    found: list[TouchedTest] = []
    for each in gone:
        # The same name may come back as often as it went: it was moved, or its line was changed.
        if there[each.name] > 0:
            there[each.name] -= 1
        else:
            found.append(each)
    for each in skipped:
        if unskipped[each.path, each.name] > 0:
            unskipped[each.path, each.name] -= 1
        else:
            found.append(each)
    return tuple(dict.fromkeys([*_whole_files(changes, gone, found), *found]))[:_MOST_NAMED]


def _whole_files(changes: Sequence[FileChange], gone: Sequence[TouchedTest], found: Sequence[TouchedTest]) -> Iterator[TouchedTest]:
    """Yield the files of tests that were deleted, but for those of which every test has only moved."""
    named, lost = {each.path for each in gone}, {each.path for each in found}
    for change in changes:
        is_code = signs_of(change.path) is not None
        if change.new_mode == ABSENT and is_code and is_test_path(change.path) and (change.path not in named or change.path in lost):
            yield TouchedTest(path=change.path)


def first_line(warnings: Sequence[Violation]) -> str:
    """Return the line that names the tests among the warnings, as markdown; empty where there is none."""
    told = [f"{span(each.path)} ({_SAYS[each.rule]})" for each in warnings if each.rule in _SAYS]
    if not told:
        return ""
    kept, length = 0, 0
    while kept < len(told) and length + len(told[kept]) < _FIRST_LINE_CHARACTERS:
        length += len(told[kept]) + 2
        kept += 1
    more = f" and {len(told) - kept} more" if kept < len(told) else ""
    return f"**Deletes or skips tests:** {', '.join(told[:kept])}{more}"


def _names(signs: Signs, lines: Sequence[_Line], changed: str) -> Iterator[str]:
    """Yield the tests of one side whose own line, or mark, is among the `changed` ones."""
    for at, line in enumerate(lines):
        if line.sign == changed and (name := _named(signs, line.text)):
            yield name
        elif signs.mark is not None and signs.mark.search(line.text) and (below := _below(signs, lines, at)) is not None:
            name_line, name = below
            if changed in (line.sign, name_line.sign):
                yield name


def _below(signs: Signs, lines: Sequence[_Line], at: int) -> tuple[_Line, str] | None:
    for line in lines[at : at + 1 + _NEAR_LINES]:
        text = signs.mark.sub("", line.text) if signs.mark is not None else line.text
        if signs.below is not None and not text.lstrip().startswith(("@", "#[", "[")) and (found := signs.below.search(text)):
            return line, found[1].strip()
    return None


def _named(signs: Signs, text: str) -> str:
    found = signs.named.search(text) if signs.named is not None else None
    return next((group for group in found.groups() if group), "") if found else ""


def _skips(path: str, signs: Signs | None, text: str) -> bool:
    if passes_over(path, text):
        return True
    if signs is None:
        return False
    if signs.skips is not None and signs.skips.search(text):
        return True
    return signs.skips_in_tests is not None and is_test_path(path) and signs.skips_in_tests.search(text) is not None


def _name_near(signs: Signs | None, lines: Sequence[_Line], at: int, around: str) -> str:
    """Return the test that a skip is about: of its own line, below it (a mark), or above it (inside its body)."""
    if signs is None:
        return ""
    is_mark = lines[at].text.lstrip().startswith(("@", "#[", "["))
    below = [line.text for line in lines[at : at + 1 + _NEAR_LINES]]
    above = [*(line.text for line in reversed(lines[max(0, at - _ABOVE_LINES) : at])), around[:_LINE_CHARACTERS]]
    for text in below if is_mark else (lines[at].text, *above):
        name = _named(signs, text)
        if not name and signs.below is not None and not text.lstrip().startswith(("@", "#[", "[")):
            found = signs.below.search(text)
            name = found[1].strip() if found else ""
        if name:
            return name
    return ""


def _hunks(patch: str) -> Iterator[_Hunk]:
    """Yield the hunks of a patch, whose lines are counted as their heads say."""
    before = after = ""
    hunk, old_left, new_left = _Hunk("", "", []), 0, 0
    for line in patch.split("\n"):
        if old_left > 0 or new_left > 0:
            sign = line[:1] or " "
            if sign == "\\":
                continue
            hunk.lines.append(_Line(sign, line[1 : 1 + _LINE_CHARACTERS]))
            old_left -= sign != "+"
            new_left -= sign != "-"
            if old_left <= 0 and new_left <= 0:
                yield hunk
        elif line.startswith("--- "):
            before = _path(line)
        elif line.startswith("+++ "):
            after = _path(line)
        elif (head := _HUNK.match(line)) is not None:
            old_left, new_left = int(head[1] or 1), int(head[2] or 1)
            hunk = _Hunk(before if after == "/dev/null" else after, head[3], [])


def _path(line: str) -> str:
    # git ends a name that holds a blank with a tab.
    name = line[4:].rstrip("\t").strip('"')
    return name if name == "/dev/null" else name[2:]
