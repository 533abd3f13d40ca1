"""What coding agents and git hooks take for orders when it lies in a repository, and a tree with somebody else's; pure.

Whoever may only propose a change must not configure the agent that works on it: hooks, MCP servers, skills and instructions
come from the default branch (CVE-2025-59536, GHSA-8q5r-mmjf-575q). Links are resolved, never kept, so that none of them can
lead to files of the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.core.result.paths import folded

# A directory or a file of such a name counts at any depth: agents read them below the directory that they work in, too.
AGENT_CONFIG = (
    ".agent", ".agents", ".aider.conf.yml", ".aider.model.settings.yml", ".amazonq", ".amp", ".augment", ".claude", ".claude-plugin",
    ".claude.json", ".clinerules", ".codex", ".continue", ".crush", ".crush.json", ".cursor", ".cursorrules", ".envrc", ".factory",
    ".gemini", ".githooks", ".gitmodules", ".goosehints", ".husky", ".junie", ".kilocode", ".kiro", ".lfsconfig", ".mcp.json",
    ".opencode", ".qwen", ".ripgreprc", ".roo", ".trae", ".windsurf", ".windsurfrules", "AGENTS.md", "AGENTS.override.md",
    "CLAUDE.local.md", "CLAUDE.md", "CRUSH.md", "GEMINI.md", "QWEN.md", "copilot-instructions.md", "crush.json",
    "opencode.json", "opencode.jsonc",
)
# The same below HOME, beside those names: where agents keep what they read as the person's own settings.
HOME_CONFIG = (
    ".config/agents", ".config/amp", ".config/claude", ".config/codex", ".config/crush", ".config/gemini", ".config/goose", ".config/opencode",
    ".config/github-copilot", ".local/share/amp", ".local/share/crush", ".local/share/goose", ".local/share/opencode", ".local/state/opencode",
    ".cache/opencode", ".copilot",
)
_NAMES = frozenset(folded(name)[0] for name in AGENT_CONFIG)

SYMLINK = "120000"
SUBMODULE = "160000"
# What a link of the default branch may expand to, all links together: it could lead to the whole repository.
MOST_FILES = 2000
_MOST_LINKS = 40


class Entry(NamedTuple):
    """A file, link or submodule of a tree: git's six octal digits and the object's id."""

    mode: str
    object_id: str


Files = Mapping[str, Entry]


def is_agent_config(path: str) -> bool:
    """Return whether a path is agent configuration, or lies below a directory that is."""
    return not _NAMES.isdisjoint(folded(path))


def with_config_of(head: Files, trusted: Files, read_link: Callable[[str], str]) -> dict[str, Entry]:
    """Return the files of `head` with the agent configuration of `trusted`, or none where that has none.

    `read_link` returns the target of the link with an object id. A link among `trusted`'s configuration becomes what it
    leads to in `trusted`; one that leads nowhere there, or to too much, goes. A file or link of `head` that stands where
    `trusted`'s configuration needs a directory goes too.
    """
    config = _resolved(trusted, read_link)
    on_the_way = {parent for path in config for parent in parents(path)}
    kept = {path: entry for path, entry in head.items() if path not in on_the_way and not is_agent_config(path)}
    return kept | config


def with_own_config(result: Files, head: Files, shown: Files) -> tuple[dict[str, Entry], tuple[str, ...]]:
    """Take a result that was made over `shown` (head, with other configuration) back to the head's own configuration.

    Returns the files, and the paths of configuration that the result had changed, which is left out.
    Raises ValueError naming a path that cannot be both what the result and what the head makes of it.
    """
    swapped = {path for path in head if shown.get(path) != head[path]} | {path for path in shown if path not in head}
    swapped |= {path for path in (*head, *shown, *result) if is_agent_config(path)}
    files = {path: entry for path, entry in result.items() if path not in swapped}
    files |= {path: entry for path, entry in head.items() if path in swapped}
    for path in files:
        if any(parent in files for parent in parents(path)):
            raise ValueError(path)
    return files, tuple(sorted(path for path in swapped if result.get(path) != shown.get(path)))


def parents(path: str) -> list[str]:
    """Return the directories that a path lies in, the nearest first."""
    found = []
    while (path := path.rpartition("/")[0]):
        found.append(path)
    return found


def _resolved(trusted: Files, read_link: Callable[[str], str]) -> dict[str, Entry]:
    directories = {parent for path in trusted for parent in parents(path)}
    config: dict[str, Entry] = {}
    for path, entry in trusted.items():
        if not is_agent_config(path) or entry.mode == SUBMODULE:
            continue
        if entry.mode != SYMLINK:
            config[path] = entry
            continue
        found = _below(trusted, directories, path, read_link, MOST_FILES - len(config))
        config |= {f"{path}/{name}" if name else path: file for name, file in found.items()}
    return config


def _below(
    trusted: Files, directories: set[str], link: str, read_link: Callable[[str], str], room: int, depth: int = 3
) -> dict[str, Entry]:
    """Return what a link leads to, as plain files: `""` for a file itself, else names below; nothing if it is too much."""
    real = _followed(trusted, directories, link, read_link)
    if real is None:
        return {}
    if real in trusted:
        return {"": trusted[real]} if trusted[real].mode != SUBMODULE else {}
    found: dict[str, Entry] = {}
    for path, entry in trusted.items():
        if not path.startswith(f"{real}/" if real else "") or entry.mode == SUBMODULE:
            continue
        name = path[len(real) + 1 :] if real else path
        if entry.mode != SYMLINK:
            found[name] = entry
        elif depth:
            deeper = _below(trusted, directories, path, read_link, room - len(found), depth - 1)
            found |= {f"{name}/{more}" if more else name: file for more, file in deeper.items()}
        if len(found) > room:
            return {}
    return found


def _followed(trusted: Files, directories: set[str], path: str, read_link: Callable[[str], str]) -> str | None:
    """Return the file or directory of `trusted` that a path leads to (`""`: its root), or None."""
    left, at, links = path.split("/"), "", 0
    while left:
        piece = left.pop(0)
        if piece in ("", "."):
            continue
        if piece == "..":
            if not at:
                return None
            at = at.rpartition("/")[0]
            continue
        here = f"{at}/{piece}" if at else piece
        entry = trusted.get(here)
        if entry is not None and entry.mode == SYMLINK:
            links += 1
            target = read_link(entry.object_id)
            if links > _MOST_LINKS or target.startswith("/"):
                return None
            left = [*target.split("/"), *left]
        elif entry is not None:
            return here if not left else None
        elif here in directories:
            at = here
        else:
            return None
    return at
