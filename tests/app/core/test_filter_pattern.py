"""Patterns as GitHub Actions reads them: the examples of its own documentation."""

from __future__ import annotations

import pytest

from app.core.ringing.filter_pattern import fault_of, is_wanted

# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#patterns-to-match-branches-and-tags
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#patterns-to-match-file-paths
TAKES = [
    ("feature/*", "feature/my-branch feature/your-branch"), ("feature/**", "feature/beta-a/my-branch feature/your-branch feature/mona/the/octocat"),
    ("main", "main"), ("releases/mona-the-octocat", "releases/mona-the-octocat"), ("*", "main releases"),
    ("**", "all/the/branches every/tag"), ("*feature", "mona-feature feature ver-10-feature"), ("v2*", "v2 v2.0 v2.9"),
    ("v[12].[0-9]+.[0-9]+", "v1.10.1 v2.0.0"), ("*.jsx?", "page.js page.jsx"), ("**.js", "index.js js/index.js src/js/app.js"),
    ("docs/*", "docs/README.md docs/file.txt"), ("docs/**", "docs/README.md docs/mona/octocat.txt"), ("docs/**/*.md", "docs/README.md docs/mona/hello-world.md docs/a/markdown/file.md"),
    ("**/docs/**", "docs/hello.md dir/docs/my-file.txt space/docs/plan/space.doc"), ("**/README.md", "README.md js/README.md"),
    ("**/*src/**", "a/src/app.js my-src/code/js/app.js"), ("**/*-post.md", "my-post.md path/their-post.md"), ("**/migrate-*.sql", "migrate-10909.sql db/migrate-v1.0.sql db/sept/migrate-v1.sql"),
]
LEAVES = [("feature/*", "feature/a/b"), ("*", "a/b"), ("docs/*", "docs/a/b"), ("main", "main2"), ("v2*", "v2/x"), ("a.b", "axb"), ("(a|b)", "a"), ("*.jsx?", "page.jsxx")]


@pytest.mark.parametrize(("pattern", "name"), [(pattern, name) for pattern, names in TAKES for name in names.split()])
def test_a_pattern_takes_what_github_says(pattern: str, name: str) -> None:
    assert is_wanted(name, [pattern])


@pytest.mark.parametrize(("pattern", "name"), LEAVES)
def test_a_pattern_leaves_the_rest(pattern: str, name: str) -> None:
    assert not is_wanted(name, [pattern])


def test_the_last_pattern_that_matches_decides() -> None:
    patterns = ["releases/**", "!releases/**-alpha", "releases/9-alpha"]
    assert is_wanted("releases/10", patterns)
    assert not is_wanted("releases/beta/3-alpha", patterns)
    assert is_wanted("releases/9-alpha", patterns)


def test_exclusions_alone_take_nothing() -> None:
    assert fault_of(["!main"]) is not None
    assert fault_of(["!main", "**"]) is None
    assert fault_of([]) is None


@pytest.mark.parametrize("pattern", ["v[9-0]", "!v[z-a]", "*a" * 300], ids=["range", "excluded", "long"])
def test_a_pattern_that_cannot_be_read_is_a_fault_and_takes_nothing(pattern: str) -> None:
    assert "cannot be read" in (fault_of([pattern, "main"]) or "")
    assert not is_wanted("v1", [pattern])


def test_t6_neither_a_name_nor_a_pattern_makes_looking_take_long() -> None:
    # With backtracking this is over when nobody waits for it any more.
    assert not is_wanted("a" * 4000, ["*a" * 20 + "b"])
    assert not is_wanted("test/x/" * 500, ["**/test/**/test/**/test/**/test/**/fixtures/**"])


def test_a_name_made_to_be_looked_at_for_long_is_not() -> None:
    assert not is_wanted("a" * 250 + "!", ["**a+a?a+**/x*a+*a"])
