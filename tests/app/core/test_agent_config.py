"""Whose agent configuration a tree has: pure cases, and what holds for any two trees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.sandbox.agent_config import (
    AGENT_CONFIG,
    MOST_FILES,
    SYMLINK,
    Entry,
    is_agent_config,
    parents,
    with_config_of,
    with_own_config,
)

Tree = dict[str, str]


def files(tree: Tree) -> dict[str, Entry]:
    """A tree of texts; one that starts with `->` is a link."""
    return {path: Entry(SYMLINK if text.startswith("->") else "100644", text) for path, text in tree.items()}


def target(object_id: str) -> str:
    return object_id.removeprefix("->")


def shown(head: Tree, trusted: Tree) -> Tree:
    return {path: entry.object_id for path, entry in with_config_of(files(head), files(trusted), target).items()}


@pytest.mark.parametrize("path", [
    *AGENT_CONFIG, "CLAUDE.MD", "claude.md", "pkg/deep/AGENTS.md", ".claude/skills/x/SKILL.md", "a/.CLAUDE/settings.json", ".cla\u200dude/x",
    ".mcp.json", "AGENTS.md/x", ".github/copilot-instructions.md", "\uff21GENTS.md",
])
def test_t27_what_is_agent_configuration(path: str) -> None:
    assert is_agent_config(path)


@pytest.mark.parametrize("path", ["README.md", "src/claude.py", "docs/agents.md.txt", "claude", ".github/workflows/ci.yml", "xAGENTS.md"])
def test_what_is_not(path: str) -> None:
    assert not is_agent_config(path)


def test_t27_the_heads_configuration_is_the_default_branchs_or_none() -> None:
    head = {"a.py": "new", "AGENTS.md": "evil", ".claude/settings.json": "evil", "sub/CLAUDE.md": "evil", ".mcp.json": "same"}
    trusted = {"a.py": "old", "AGENTS.md": "good", ".mcp.json": "same", ".codex/config.toml": "good"}
    assert shown(head, trusted) == {"a.py": "new", "AGENTS.md": "good", ".mcp.json": "same", ".codex/config.toml": "good"}


@pytest.mark.parametrize("link", ["->docs/evil.md", "->/etc/passwd", "->../outside", "->AGENTS.md", "->nothing"])
@pytest.mark.parametrize("name", ["CLAUDE.md", ".claude", "sub/.codex"])
def test_t28_a_link_of_the_head_is_removed_and_never_followed(name: str, link: str) -> None:
    assert shown({"docs/evil.md": "evil", name: link}, {"docs/evil.md": "good"}) == {"docs/evil.md": "evil"}


def test_t28_a_link_of_the_head_on_the_way_is_removed() -> None:
    head = {"sub": "->evil", "evil/.claude/settings.json": "evil", "evil/x": "x"}
    assert shown(head, {"sub/.claude/settings.json": "good"}) == {"evil/x": "x", "sub/.claude/settings.json": "good"}


def test_t28_a_link_of_the_default_branch_becomes_what_it_leads_to_there() -> None:
    """As it happened to WordPress: the link was restored as a link, and the fork had its target."""
    trusted = {
        ".claude/skills": "->../shared/skills", "shared/skills/a/SKILL.md": "good", "shared/skills/b": "->../../docs/b.md",
        "docs/b.md": "good b", "CLAUDE.md": "->docs/rules.md", "docs/rules.md": "good rules", "GEMINI.md": "->CLAUDE.md",
    }
    head = {**trusted, "shared/skills/a/SKILL.md": "evil", "docs/b.md": "evil", "docs/rules.md": "evil"}
    found = shown(head, trusted)
    assert {path: text for path, text in found.items() if is_agent_config(path)} == {
        ".claude/skills/a/SKILL.md": "good", ".claude/skills/b": "good b", "CLAUDE.md": "good rules", "GEMINI.md": "good rules",
    }
    assert found["docs/rules.md"] == "evil"


@pytest.mark.parametrize("link", ["->/etc", "->../..", "->nothing", "->CLAUDE.md", "->a.py/x", "->.claude/loop"])
def test_t28_a_link_of_the_default_branch_that_leads_nowhere_goes(link: str) -> None:
    trusted = {"CLAUDE.md": link, ".claude/loop": "->../CLAUDE.md", "a.py": "x"}
    assert shown({"a.py": "x"}, trusted) == {"a.py": "x"}


def test_a_link_to_too_much_goes() -> None:
    trusted = {f"big/{number}": "x" for number in range(MOST_FILES + 1)} | {".claude/all": "->../big", "AGENTS.md": "good"}
    assert shown({}, trusted) == {"AGENTS.md": "good"}


def test_a_result_gets_the_heads_own_configuration_back() -> None:
    head = files({"a.py": "old", "AGENTS.md": "theirs", "sub": "->x"})
    seen = with_config_of(head, files({"AGENTS.md": "ours", "sub/.claude/x": "ours"}), target)
    result = {**seen, **files({"a.py": "new", "AGENTS.md": "agent's", ".claude/hook": "agent's"})}
    assert with_own_config(result, head, seen) == (
        files({"a.py": "new", "AGENTS.md": "theirs", "sub": "->x"}), (".claude/hook", "AGENTS.md")
    )


def test_a_result_that_cannot_have_it_back_is_an_error() -> None:
    head = files({"sub/CLAUDE.md": "theirs"})
    seen = with_config_of(head, {}, target)
    with pytest.raises(ValueError, match=r"sub/CLAUDE\.md"):
        with_own_config(files({"sub": "a file"}), head, seen)


PIECES = st.sampled_from(["a", "b", ".claude", "AGENTS.md", "claude.MD", "x"])
PATHS = st.lists(PIECES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(st.sampled_from(["1", "2", "3"]), PATHS.map("->{}".format), PATHS.map("->../{}".format))


@st.composite
def trees(draw: st.DrawFn, mark: str) -> dict[str, Entry]:
    """A tree in which no file is a directory as well; `mark` tells its contents apart from another one's."""
    found: Tree = {}
    for path in draw(st.lists(PATHS, max_size=8, unique=True)):
        if not any(parent in found for parent in parents(path)) and not any(other.startswith(f"{path}/") for other in found):
            text = draw(CONTENTS)
            found[path] = text if text.startswith("->") else mark + text
    return files(found)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(trees("head "), trees("trusted "))
def test_t27_t28_no_word_of_the_head_is_configuration(head: dict[str, Entry], trusted: dict[str, Entry]) -> None:
    found = with_config_of(head, trusted, target)
    for path, entry in found.items():
        assert not any(parent in found for parent in parents(path))
        if is_agent_config(path):
            assert entry.mode != SYMLINK
            assert entry.object_id.startswith("trusted ")
        else:
            assert entry == head[path]
    assert with_config_of(found, trusted, target) == found
    assert with_own_config(found, head, found) == (head, ())
