"""Tests that a change deletes or skips are named, whatever language they are written in."""

from __future__ import annotations

from difflib import unified_diff

import pytest

from app.core.profile import Limits, PullRequestPolicy
from app.publish.candidate import ABSENT, FileChange
from app.publish.policy import Violation, check
from app.publish.touched_tests import first_line, touched_tests


def told(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is said of a change from some files to others."""
    patch, changes = [], []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
        patch += [line.rstrip("\n") for line in unified_diff((old or "").splitlines(), (new or "").splitlines(), *names, lineterm="")]
        modes = ("100644" if old is not None else ABSENT, "100644" if new is not None else ABSENT)
        changes.append(FileChange(path=path, status="M", old_mode=modes[0], new_mode=modes[1]))
    return [each.violation.text for each in touched_tests("\n".join(patch), changes)]


PY = "import pytest\n\n\ndef test_one():\n    assert f() == 1\n\n\ndef test_two():\n    assert f() == 2\n"
LANGUAGES = {
    "python": ("tests/test_a.py", PY, PY.replace("def test_two", "@pytest.mark.skip\ndef test_two"), "test_two"),
    "python-xfail": ("tests/test_a.py", PY, PY.replace("    assert f() == 2", "    pytest.xfail('later')"), "test_two"),
    "jest": ("src/a.test.ts", "it('adds', () => {\n  x();\n});\n", "it.skip('adds', () => {\n  x();\n});\n", "adds"),
    "jest-only": ("src/a.test.ts", "describe('sum', () => {\n});\n", "describe.only('sum', () => {\n});\n", "sum"),
    "jasmine": ("spec/a.js", "it('adds', function () {});\n", "xit('adds', function () {});\n", "adds"),
    "go": ("a_test.go", "func TestAdd(t *testing.T) {\n\tadd()\n}\n", "func TestAdd(t *testing.T) {\n\tt.Skip(\"later\")\n\tadd()\n}\n", "TestAdd"),
    "rust": ("src/lib.rs", "#[test]\nfn adds() {\n}\n", "#[test]\n#[ignore]\nfn adds() {\n}\n", "adds"),
    "junit5": ("src/test/java/ATest.java", "  @Test\n  void adds() {\n  }\n", "  @Test\n  @Disabled(\"later\")\n  void adds() {\n  }\n", "adds"),
    "junit4": ("src/test/java/ATest.java", "  @Test\n  public void adds() {\n  }\n", "  @Ignore\n  @Test\n  public void adds() {\n  }\n", "adds"),
    "kotlin": ("src/test/kotlin/ATest.kt", "  @Test\n  fun `adds two`() {\n  }\n", "  @Disabled\n  @Test\n  fun `adds two`() {\n  }\n", "adds two"),
    "xunit": ("ATests.cs", "  [Fact]\n  public void Adds() {\n", "  [Fact(Skip = \"later\")]\n  public void Adds() {\n", "Adds"),
    "rspec": ("spec/a_spec.rb", "it 'adds' do\nend\n", "xit 'adds' do\nend\n", "adds"),
    "phpunit": ("tests/ATest.php", "function testAdds() {\n  a();\n}\n", "function testAdds() {\n  $this->markTestSkipped();\n}\n", "testAdds"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_that_is_skipped_is_named(language: str) -> None:
    path, before, after, name = LANGUAGES[language]
    assert told({path: before}, {path: after}) == [f"skips a test: {path}: {name}"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_that_is_taken_out_of_its_file_is_named(language: str) -> None:
    path, before, _, name = LANGUAGES[language]
    assert f"deletes a test: {path}: {name}" in told({path: before}, {path: "x\n"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_is_run_again_or_only_changed_is_not(language: str) -> None:
    path, before, after, _ = LANGUAGES[language]
    assert told({path: after}, {path: before}) == []


def test_a_file_of_tests_that_is_deleted_is_named_with_its_tests_and_one_that_moves_is_not() -> None:
    assert told({"tests/test_a.py": PY}, {}) == [
        "deletes a test: tests/test_a.py", "deletes a test: tests/test_a.py: test_one", "deletes a test: tests/test_a.py: test_two",
    ]
    assert told({"tests/test_a.py": PY}, {"tests/unit/test_b.py": PY}) == []


@pytest.mark.parametrize(("path", "before", "after"), [
    ("pyproject.toml", 'addopts = "-q"\n', 'addopts = "-q --deselect tests/test_a.py::test_one"\n'),
    ("package.json", '"test": "jest"\n', '"test": "jest || true"\n'),
    (".github/workflows/ci.yml", "- run: make test\n", "- run: make test\n  continue-on-error: true\n"),
    ("pom.xml", "<a/>\n", "<skipTests>true</skipTests>\n"),
])
def test_a_runner_that_is_told_to_pass_over_them_is_named(path: str, before: str, after: str) -> None:
    assert told({path: before}, {path: after}) == [f"skips a test: {path}"]


@pytest.mark.parametrize(("path", "text"), [
    ("src/app.ts", "if (pattern.test('x')) { queue.skip(); }\nconst pending = (x) => pending(x);\n"), ("app/models.rb", "skip 'x'\n"),
    ("docs/tests.md", "def test_one():\n@pytest.mark.skip\n"), ("app/skip.py", "def skip():\n    mark = 1\n"), ("main.go", "iterator.Next()\n"),
])
def test_words_that_are_no_tests_are_not_named(path: str, text: str) -> None:
    assert told({path: text}, {path: "\n", "other.txt": text}) == []


def test_they_are_the_first_line_above_what_any_template_makes_and_no_reason_for_a_draft() -> None:
    touched = [Violation(rule="deleted_test", path="tests/`a`.py: test_x"), Violation(rule="skipped_test", path="t.py: y")]
    line = first_line([Violation(rule="executable_bit", path="x"), *touched])
    assert line == "**Deletes or skips tests:** ``tests/`a`.py: test_x`` (deleted), `t.py: y` (skipped)"
    assert first_line([Violation(rule="executable_bit", path="x")]) == ""
    assert not check((), 0, Limits(), PullRequestPolicy()).with_tests(touched).draft
    many = first_line([Violation(rule="deleted_test", path=f"tests/test_{number}.py: " + "x" * 100) for number in range(500)])
    assert len(many) < 13_000
    assert many.endswith("more")


def test_a_hostile_patch_costs_no_more_than_its_length() -> None:
    lines = "\n".join("+" + "it.skip(" * 200 + "@Test " * 50 for _ in range(2000))
    assert touched_tests(f"--- /dev/null\n+++ b/a.test.js\n@@ -0,0 +1,2000 @@\n{lines}", ())
