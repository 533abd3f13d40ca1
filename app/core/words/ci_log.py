"""The part of a CI job's log that says why it failed: first error, failing tests, end; pure, bounded, without escapes and times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.core.words.clean import clean

LIMIT_CHARACTERS = 12_000
_LINE_CHARACTERS = 400
# Of a log longer than this nobody looks at the middle.
_LOOKED_AT_LINES = 100_000
_MOST_TESTS = 50
_BEFORE, _AFTER, _END_LINES = 4, 24, 30
_MOST_PLACES = 12

_TIME = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?")
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
_COMMAND = re.compile(r"^##\[(group|endgroup|error|warning|notice|debug|command|section)\]")
_ERROR = re.compile(
    r"^Error: |\berror(?:\[\w+\])?:|^\s*(?:\w+\.)*\w*(?:Error|Exception)\b|\bTraceback \(most recent call last\)|\bFAIL(?:ED|URE)?\b|^panic: |\bfatal(?: error)?: "
    r"|\bnpm ERR!|\bmake(?:\[\d+\])?: \*\*\*|\bundefined reference\b|\bsegmentation fault\b|\bcommand not found\b|\bkilled\b\s*$|^E  +",
    re.IGNORECASE,
)
_NO_ERROR = re.compile(r"\b(?:0|no) (?:error|failure)s?\b|\b(?:error|failure)s?[:=] ?0\b|continue-on-error|--fail|fail-fast|set -e", re.IGNORECASE)

# What the usual runners print of a test that failed; its name is the first group that holds one.
_FAILED_TESTS = tuple(re.compile(pattern) for pattern in (
    r"^(?:FAILED|ERROR) ([^\s\[]+::.+?)(?: - .*)?$",                    # pytest
    r"^(?:FAIL|ERROR): (\w+ \([\w.]+\))",                               # unittest
    r"^\s*\u25cf (.+ \u203a .+)$",                                      # jest
    r"^\s*(?:FAIL|\u276f|\u00d7)\s+(\S+\.(?:test|spec)\.\w+ > .+)$",    # vitest
    r"^\s*(?:\u2715|\u2717|\u2716|\u00d7) (.+?)(?: \(\d+ ?m?s\))?$",    # jest, mocha and others, in a list
    r"^FAIL\s+(\S+\.(?:test|spec)\.\w+)",                               # jest's files
    r"^\s*--- FAIL: (\S+)",                                             # go
    r"^test (\S+) \.\.\. FAILED",                                       # cargo
    r"^\[ERROR\]\s+([\w.$]+[.:#]\w+)(?::\d+|.*<<< (?:FAILURE|ERROR)!)",  # surefire (JUnit)
    r"^([\w.$]+ > .+) FAILED$",                                         # gradle (JUnit)
    r"^\s*Failed ([\w.]+(?:\(.*\))?) \[",                               # dotnet
    r"^rspec (\S+:\d+)",                                                # rspec
    r"^\d+\) ([\w\\]+::\w+)",                                           # phpunit
    r"^not ok \d+ - (.+)$",                                             # TAP
    r"<testcase\b[^>]*\bname=\"([^\"]+)\"[^>]*>\s*<(?:failure|error)\b",  # a JUnit report that was printed
))


class Cut(NamedTuple):
    """`text` is what is shown of a log, `tests` the tests that it says have failed, `left_out` how many of its lines are not shown."""

    text: str
    tests: tuple[str, ...]
    left_out: int


def cut(log: str, limit_characters: int = LIMIT_CHARACTERS) -> Cut:
    """Return what matters of a log, in its order, in at most about so many characters."""
    lines = _plain(log)
    tests = tuple(dict.fromkeys(name for line in lines if (name := _failed_test(line))))[:_MOST_TESTS]
    errors = [at for at, line in enumerate(lines) if _is_error(line)]
    places = [*errors[:1], *[at for at, line in enumerate(lines) if _failed_test(line)][: _MOST_PLACES // 2], *errors[1:_MOST_PLACES]]
    kept: set[int] = set()
    end = range(max(0, len(lines) - _END_LINES), len(lines))
    left = limit_characters
    # The first error gets no more than half, so that the end is there too; the others get what is left.
    for at, window in enumerate([*(_around(place, len(lines)) for place in places[:1]), end, *(_around(place, len(lines)) for place in places[1:])]):
        room = left // 2 if at == 0 else left
        for number in window:
            if number not in kept and len(lines[number]) < room:
                kept.add(number)
                room, left = room - len(lines[number]) - 1, left - len(lines[number]) - 1
    return Cut(_joined(lines, sorted(kept)), tests, len(lines) - len(kept))


def _around(at: int, count: int) -> range:
    return range(max(0, at - _BEFORE), min(count, at + _AFTER))


def _plain(log: str) -> list[str]:
    """Return the lines as a person reads them: no times, escapes, group marks, empty lines; of a line that was overwritten, its last state."""
    found: list[str] = []
    raw = log.split("\n")
    if len(raw) > _LOOKED_AT_LINES:
        half = _LOOKED_AT_LINES // 2
        raw = [*raw[:half], f"[{len(raw) - 2 * half} lines in the middle were not looked at]", *raw[-half:]]
    for each in raw:
        line = _TIME.sub("", each.rstrip("\r")[:20_000]).rpartition("\r")[2]
        mark = _COMMAND.match(line)
        if mark is not None and mark[1] in ("endgroup", "debug"):
            continue
        if mark is not None:
            line = ("Error: " if mark[1] == "error" else "") + line[mark.end():]
        line = clean(line).rstrip()
        if line:
            found.append(line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]} [...]")
    return found


def _is_error(line: str) -> bool:
    return _ERROR.search(line) is not None and _NO_ERROR.search(line) is None


def _failed_test(line: str) -> str:
    for pattern in _FAILED_TESTS:
        if (found := pattern.search(line)) is not None:
            return found[1].strip()[:200]
    return ""


def _joined(lines: list[str], kept: Iterable[int]) -> str:
    shown: list[str] = []
    last = -1
    for at in kept:
        if at != last + 1:
            shown.append(f"[... {at - last - 1} lines left out ...]")
        shown.append(lines[at])
        last = at
    if last + 1 < len(lines):
        shown.append(f"[... {len(lines) - last - 1} lines left out ...]")
    return "\n".join(shown)
