"""Switches the guards of the house off, one at a time, and has the named test of each fail: `make guards`.

    python -m tests.guards.switch [--jobs 2] [WORDS...]     only the guards whose name or file holds one of the words

Works on copies of the checkout, never on the checkout itself. A guard's test must pass with the guard and fail without it; a
test that is skipped proves nothing and counts as an error, and so does an entry whose text is not in its file exactly once.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("guards.toml")
TEST_SECONDS = 300
# https://docs.pytest.org/en/stable/reference/exit-codes.html
PASSED, FAILED = 0, 1

Verdict = Literal["held", "survived", "stale", "broken"]


class Guard(NamedTuple):
    """One guard: `text` stands once in `file`, `instead` is what it becomes, `test` is the pytest id that must fail then."""

    name: str
    threats: tuple[str, ...]
    file: str
    text: str
    instead: str
    test: str


class Result(NamedTuple):
    """`held`: the test failed without the guard. `survived`: it passed. `stale`, `broken`: the entry itself is wrong."""

    guard: Guard
    verdict: Verdict
    why: str = ""


def load(path: Path = LIST) -> list[Guard]:
    """Return the list. Raises TypeError for an entry with another shape."""
    return [Guard(**{**entry, "threats": tuple(entry["threats"])}) for entry in tomllib.loads(path.read_text())["guard"]]


def copy_of(root: Path, place: Path) -> Path:
    """Copy what git knows of the checkout, and what it would add, to `place`; the virtual environment is linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, check=True, timeout=60
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, target = root / name, place / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    (place / ".venv").symlink_to((root / ".venv").resolve())
    return place


def run_test(place: Path, *tests: str) -> tuple[int, str]:
    """Run tests of a copy; return pytest's exit code and what it said last. A skipped test counts as an error of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-rs", *tests], cwd=place, capture_output=True,
        text=True, timeout=TEST_SECONDS * max(1, len(tests) // 4), check=False,
        # A compiled module is told from another by its source's size and second: here one is exchanged within a second.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    code = 5 if done.returncode == PASSED and "SKIPPED" in done.stdout else done.returncode
    return code, (done.stdout + done.stderr)[-1500:]


@contextmanager
def switched_off(place: Path, guard: Guard) -> Iterator[str]:
    """Take the guard out of a copy for the length of the block; yields why it cannot be, or an empty string."""
    path = place / guard.file
    before = path.read_text() if path.is_file() else ""
    count = before.count(guard.text)
    if count != 1:
        yield f"its text stands {count} times in {guard.file}"
        return
    path.write_text(before.replace(guard.text, guard.instead))
    try:
        yield ""
    finally:
        path.write_text(before)


def judge(place: Path, guard: Guard) -> Result:
    """Switch one guard off in a copy and run its test."""
    with switched_off(place, guard) as stale:
        if stale:
            return Result(guard, "stale", stale)
        try:
            code, said = run_test(place, guard.test)
        except subprocess.TimeoutExpired:
            # Without its guard a test may well wait for what never comes.
            return Result(guard, "held", "ran out of time")
    if code == FAILED:
        return Result(guard, "held")
    if code == PASSED:
        return Result(guard, "survived", f"{guard.test} passes without it")
    return Result(guard, "broken", f"{guard.test} ended with pytest's code {code}: {said[-600:]}")


def switch_all(guards: Sequence[Guard], root: Path = ROOT, jobs: int = 2) -> list[Result]:
    """Judge every guard; first all of their tests must pass with everything in place."""
    with tempfile.TemporaryDirectory(prefix="bellhop-guards-", ignore_cleanup_errors=True) as name:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(copy_of(root, Path(name) / str(number)))
        place = copies.get()
        code, said = run_test(place, *sorted({guard.test for guard in guards}))
        copies.put(place)
        if code != PASSED:
            return [Result(guard, "broken", f"with every guard in place the tests end with pytest's code {code}: {said}") for guard in guards[:1]]

        def one(guard: Guard) -> Result:
            mine = copies.get()
            try:
                return judge(mine, guard)
            finally:
                copies.put(mine)

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, guards))


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 0 only if every guard's test fails without it."""
    parser = argparse.ArgumentParser(prog="make guards", description="switch guards off, one at a time")
    parser.add_argument("words", nargs="*", help="only guards whose name or file holds one of these")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", type=Path, default=LIST)
    chosen = parser.parse_args(arguments)
    guards = [one for one in load(chosen.list) if not chosen.words or any(word in one.name + one.file for word in chosen.words)]
    results = switch_all(guards, jobs=chosen.jobs)
    out = sys.stdout
    for result in results:
        out.write(f"{result.verdict:<9}{','.join(result.guard.threats):<9}{result.guard.name}  ({result.guard.file})\n")
        if result.verdict != "held":
            out.write(f"         {result.why}\n")
    held = sum(result.verdict == "held" for result in results)
    out.write(f"guards: {held} of {len(guards)} held, each by a test that fails without it\n")
    return 0 if guards and held == len(guards) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
