"""What is cut from a job's log: first error, failing tests, end; bounded, without escapes, times and marks."""

from __future__ import annotations

import pytest

from app.core.words.ci_log import cut

TIME = "2026-11-22T03:00:00.1234567Z "


@pytest.mark.parametrize(("line", "name"), [
    ("FAILED tests/test_a.py::test_one[x y] - AssertionError: no", "tests/test_a.py::test_one[x y]"),
    ("ERROR tests/test_a.py::test_two", "tests/test_a.py::test_two"),
    ("FAIL: test_split (tests.test_split.Split)", "test_split (tests.test_split.Split)"),
    ("  \u25cf sum \u203a adds two", "sum \u203a adds two"),
    (" FAIL  src/a.test.ts > sum > adds", "src/a.test.ts > sum > adds"),
    ("    \u2715 adds two (3 ms)", "adds two"),
    ("    --- FAIL: TestAdd/two (0.00s)", "TestAdd/two"),
    ("test tests::adds ... FAILED", "tests::adds"),
    ("[ERROR]   SumTest.adds:12 expected: <1> but was: <2>", "SumTest.adds"),
    ("com.example.SumTest > adds() FAILED", "com.example.SumTest > adds()"),
    ("  Failed Sum.Tests.Adds [12 ms]", "Sum.Tests.Adds"),
    ("rspec ./spec/a_spec.rb:3 # Sum adds", "./spec/a_spec.rb:3"),
    ("1) App\\Tests\\SumTest::testAdds", "App\\Tests\\SumTest::testAdds"),
    ("not ok 3 - adds two", "adds two"),
    ('<testcase classname="a" name="adds" time="0"><failure message="x">', "adds"),
])
def test_failing_tests_are_named_whatever_runs_them(line: str, name: str) -> None:
    assert cut(f"{TIME}ok\n{TIME}\x1b[31m{line}\x1b[0m\n").tests == (name,)


def test_the_first_error_and_the_end_are_kept_and_what_lies_between_is_counted() -> None:
    lines = [f"{TIME}step {number}" for number in range(5000)]
    lines[1000] = f"{TIME}##[error]the first thing that broke"
    lines[4999] = f"{TIME}##[error]Process completed with exit code 1."
    found = cut("\n".join(lines))
    shown = found.text.splitlines()
    assert "Error: the first thing that broke" in shown
    assert shown[-1] == "Error: Process completed with exit code 1."
    assert "step 999" in shown
    assert "step 1001" in shown
    assert "step 500" not in shown
    assert sum(int(line.split()[1]) for line in shown if line.startswith("[... ")) == found.left_out == 5000 - (len(shown) - 2)


def test_what_says_that_nothing_is_wrong_is_no_error() -> None:
    lines = [*["compiled with 0 errors", "npm run lint -- --fail-on-warnings"], *["fine"] * 200, "src/a.c:3: error: expected ';'", *["x"] * 200]
    assert "src/a.c:3: error: expected ';'" in cut("\n".join(lines)).text
    assert "compiled with 0 errors" not in cut("\n".join(lines)).text


def test_t19_t26_what_is_cut_from_a_log_is_bounded_and_clean() -> None:
    hostile = f"{TIME}##[group]x\r\n{TIME}progress 1%\rprogress 100%\n\x1b]8;;https://evil\x07link\x1b]8;;\x07 \u202egnp\u200b\U000e0041\n{TIME}##[endgroup]\n{TIME}##[debug]secret plan\n"
    found = cut(hostile).text
    assert found == "x\nprogress 100%\nlink gnp"
    assert len(cut("error: " + "x" * 5_000_000).text) < 1000
    huge = cut("\n".join(f"{'error: ' if number % 50 == 0 else ''}{'again and again ' * 20}" for number in range(30_000)))
    assert len(huge.text) < 13_000
    assert huge.left_out > 9_000
    assert cut("").text == ""
