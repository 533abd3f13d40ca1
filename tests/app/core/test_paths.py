"""Names that are one file to somebody's file system, as properties; T34."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.profile import Limits
from app.core.result.lockfiles import is_lockfile
from app.core.result.paths import folded, may_be_short_for
from app.publish.policy import covers

PROTECTED = [".github/workflows/ci.yml", ".gitattributes", "docs/CODEOWNERS", "sub/AGENTS.md", ".claude/settings.json", ".mcp.json", ".husky/pre-commit"]
PIECE = st.one_of(st.sampled_from([".git", ".GITHUB ", "a.", "x::$DATA", "..", ".", "~", "\uff0f", "\u0130", "\u017f", "\ufe0f"]), st.text(max_size=5))
PATH = st.lists(PIECE, min_size=1, max_size=4).map("/".join)
BOUNDED = settings(max_examples=150, derandomize=True, deadline=None)


def is_protected(path: str) -> bool:
    return any(covers(pattern, path) for pattern in Limits().protected_paths)


@BOUNDED
@given(PATH)
def test_the_normal_form_is_one(path: str) -> None:
    assert folded("/".join(folded(path))) == folded(path)


@st.composite
def spellings(draw: st.DrawFn, path: str) -> str:
    """Another way to write a path that macOS, Windows or an eye takes for the same."""
    pieces = []
    for piece in path.split("/"):
        letters = [draw(st.sampled_from([c, c.upper(), c.lower(), chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c])) for c in piece]
        for _ in range(draw(st.integers(0, 2))):
            letters.insert(draw(st.integers(0, len(letters))), draw(st.sampled_from(["\u200c", "\u200d", "\ufeff", "\u202e", "\u00ad", "\ufe0f"])))
        pieces.append("".join(letters) + draw(st.sampled_from(["", ".", " ", ". .", "::$DATA", ":x"])))
    return draw(st.sampled_from(["/", "\\"])).join(pieces)


@BOUNDED
@given(st.sampled_from(PROTECTED).flatmap(spellings))
def test_t34_a_protected_path_is_protected_in_every_spelling(path: str) -> None:
    assert is_protected(path)


@BOUNDED
@given(st.sampled_from(["package-lock.json", "sub/Cargo.lock", "go.sum"]).flatmap(spellings))
def test_a_lockfile_is_one_in_every_spelling(path: str) -> None:
    assert is_lockfile(path)


@BOUNDED
@given(PATH, st.sampled_from(["a", "deep/er"]))
def test_what_lies_below_a_protected_directory_is_protected(below: str, at: str) -> None:
    for directory in (".github", f"{at}/.claude", f"{at}/.gitmodules"):
        assert is_protected(f"{directory}/{below}")


@pytest.mark.parametrize("path", ["GITHUB~1/workflows/x.yml", "github~12", "GI7EB4~1", "GITATT~1", "CLAUDE~1/settings.json", "a/AGENTS~1.MD", "CODEOW~1", "HUSKY~1/x"])
def test_t34_short_names_of_ntfs_are_protected(path: str) -> None:
    assert is_protected(path)


@pytest.mark.parametrize("path", [
    "README.md", "src/git.py", "github/x", "src/claude.py", "a~b/c.txt", "backup~1.txt", "docs/agents.html", "x/package.json", "my.github/x", "Makefile",
])
def test_what_is_not_protected_stays_so(path: str) -> None:
    assert not is_protected(path)
    assert not is_lockfile(path)


def test_short_names_of_patterns_and_names() -> None:
    assert may_be_short_for("gitmod~1", ".git*")
    assert not may_be_short_for("readme~1", ".git*")
    assert not may_be_short_for("github", ".github")
    assert not may_be_short_for("agents~1.txt", "agents.md")


@BOUNDED
@given(PATH)
def test_an_ordinary_name_folds_to_itself_in_lower_case(path: str) -> None:
    plain = "".join(c for c in path if c.isascii() and (c.isalnum() or c in "/-_"))
    assert "/".join(folded(plain)) == "/".join(piece for piece in unicodedata.normalize("NFKC", plain).lower().split("/") if piece)
