"""What a test, and what a skipped one, looks like in the languages that people write tests in: data for `touched_tests`."""

from __future__ import annotations

import re
from typing import NamedTuple


class Signs(NamedTuple):
    """Of one language: `named` holds a test's name in its first group; below a line with `mark`, `below` does. `skips` says that a test is not run.

    `skips_in_tests` says so only in a file of tests: elsewhere these are words like any other.
    """

    suffixes: tuple[str, ...]
    named: re.Pattern[str] | None = None
    mark: re.Pattern[str] | None = None
    below: re.Pattern[str] | None = None
    skips: re.Pattern[str] | None = None
    skips_in_tests: re.Pattern[str] | None = None


_JS_BLOCK = r"(?:it|test|describe|suite|context|specify)"

SIGNS = (
    Signs(
        (".py",), named=re.compile(r"^\s*(?:async\s+)?def\s+(test\w*)|^\s*class\s+(Test\w*)"),
        skips=re.compile(
            r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|importorskip)\(|\bunittest\.(?:skip\w*|expectedFailure)"
            r"|\.skipTest\(|\bSkipTest\b|^\s*@(?:skip|skipIf|skipUnless|expectedFailure)\b|\bcollect_ignore|\b__test__\s*=\s*False"
        ),
    ),
    Signs(
        (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte"),
        named=re.compile(rf"(?<![\w.])[xf]?{_JS_BLOCK}(?:\.\w+)*(?:\([^()]*\))?\(\s*(?:['\"`])(.+?)['\"`]\s*,"),
        skips=re.compile(rf"(?<![\w.]){_JS_BLOCK}\.(?:\w+\.)*(?:skip|only|todo|fails|failing|fixme|skipIf|runIf)\b|(?<![\w.])[x]{_JS_BLOCK}\s*\("),
        skips_in_tests=re.compile(rf"(?<![\w.])f{_JS_BLOCK}\s*\(|\bthis\.skip\(\)|(?<![\w.])pending\("),
    ),
    Signs((".go",), named=re.compile(r"^func\s+((?:Test|Fuzz|Benchmark|Example)\w*)\s*\("), skips=re.compile(r"\b\w+\.(?:Skip|Skipf|SkipNow)\(")),
    Signs(
        (".rs",), mark=re.compile(r"^\s*#\[(?:\w+::)*test\b"), below=re.compile(r"\bfn\s+(\w+)"),
        skips=re.compile(r"^\s*#\[ignore\b|#\[cfg_attr\(.*\bignore\b"),
    ),
    Signs(
        (".java", ".kt", ".kts", ".groovy", ".scala"),
        mark=re.compile(r"^\s*@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b"), below=re.compile(r"(?:\bfun\s+`?|\bvoid\s+|\bdef\s+)([\w ]+?)`?\s*\("),
        skips=re.compile(r"^\s*@(?:\w+\.)*(?:Ignore|Disabled\w*|EnabledIf\w*)\b|\bAssum(?:e|ptions?)\.assum|\benabled\s*=\s*false"),
    ),
    Signs(
        (".cs", ".fs", ".vb"), mark=re.compile(r"^\s*\[(?:\w+,\s*)*(?:Test|TestCase|TestMethod|Fact|Theory)\b"), below=re.compile(r"(\w+)\s*\("),
        skips=re.compile(r"^\s*\[(?:Ignore|Explicit)\b|\bSkip\s*=\s*\"|\bAssert\.(?:Ignore|Inconclusive)\("),
    ),
    Signs(
        (".rb",), named=re.compile(r"^\s*(?:x|f)?(?:it|specify|describe|context|test|scenario)[\s(]+['\"](.+?)['\"]|^\s*def\s+(test_\w+)"),
        skips_in_tests=re.compile(r"^\s*(?:x(?:it|describe|context|specify|scenario)|f(?:it|describe|context))\b|^\s*(?:skip|pending)\b|,\s*(?:skip|pending|focus):"),
    ),
    Signs((".php",), named=re.compile(r"\bfunction\s+(test\w*)\s*\("), skips=re.compile(r"\bmarkTest(?:Skipped|Incomplete)\(")),
    Signs((".swift",), named=re.compile(r"\bfunc\s+(test\w*)\s*\("), skips=re.compile(r"\bXCTSkip")),
    Signs((".ex", ".exs"), named=re.compile(r"^\s*test\s+\"(.+?)\""), skips=re.compile(r"@(?:module|describe)?tag\s+:?skip")),
    Signs((".dart",), named=re.compile(r"^\s*(?:test|testWidgets|group)\(\s*['\"](.+?)['\"]"), skips_in_tests=re.compile(r"\bskip:\s*(?!false)")),
)

# How a runner is told, in a file that configures it or CI, to pass tests over or not to mind that they fail.
_CONFIGURES = re.compile(
    r"(?:^|/)(?:pytest\.ini|pyproject\.toml|setup\.cfg|tox\.ini|noxfile\.py|conftest\.py|package\.json|(?:jest|vitest|karma|playwright)\.config\.\w+|\.mocharc[.\w]*"
    r"|Makefile|justfile|Taskfile\.ya?ml|pom\.xml|build\.gradle(?:\.kts)?|Cargo\.toml|Jenkinsfile|\.gitlab-ci\.yml|\.travis\.yml|azure-pipelines\.ya?ml)$"
    r"|^\.github/workflows/|^\.circleci/"
)
_PASSES_OVER = re.compile(
    r"--deselect\b|--ignore(?:-glob)?[= ]|\bcollect_ignore|\btestPathIgnorePatterns\b|--passWithNoTests\b|\bcontinue-on-error:\s*true|\ballow_failure:\s*true"
    r"|\bskipTests\b|\bmaven\.test\.skip\b|\bignoreFailures\s*=\s*true|-m\s+['\"]not |-k\s+['\"]not |\btest\b.*\|\|\s*(?:true|:)\s*[\"',]*$"
)

_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|e2e|testing|[\w-]*_tests?)/|(?:^|[/._-])(?:test|tests|spec|specs)(?=[._-][^/]*$)|(?:Tests?|Spec|IT)\.\w+$")


def signs_of(path: str) -> Signs | None:
    """Return what to look for in a file, by its name."""
    for signs in SIGNS:
        if path.endswith(signs.suffixes):
            return signs
    return None


def is_test_path(path: str) -> bool:
    """Return whether a file holds tests, as far as its name says."""
    return _TEST_PATH.search(path) is not None


def passes_over(path: str, text: str) -> bool:
    """Return whether a line of a file that configures tests or CI passes some over."""
    return _CONFIGURES.search(path) is not None and _PASSES_OVER.search(text) is not None
