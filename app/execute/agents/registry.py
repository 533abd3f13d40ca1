"""Short name -> the adapter of an agent; only the one that is asked for is imported."""

from __future__ import annotations

import importlib
from typing import cast

from app.errors import ProfileError
from app.ports import AgentAdapter

AGENTS = {
    "acp": "app.execute.agents.acp.Acp",
    "claude-code": "app.execute.agents.claude_code.ClaudeCode",
    "codex": "app.execute.agents.codex.Codex",
    "command": "app.execute.agents.command.Command",
    "gemini-cli": "app.execute.agents.gemini_cli.GeminiCli",
    "mini": "app.execute.agents.mini.Mini",
    "opencode": "app.execute.agents.opencode.OpenCode",
}


def agent_names() -> tuple[str, ...]:
    """Return what a profile may say after `agent: uses:`."""
    return tuple(sorted(AGENTS))


def agent_named(name: str) -> AgentAdapter:
    """Return the adapter of that name. Raises ProfileError for a name that is not known."""
    dotted = AGENTS.get(name)
    if dotted is None:
        raise ProfileError(f"`agent: uses: {name}` names no agent of this Bellhop. It has: {', '.join(agent_names())}")
    module, _, attribute = dotted.rpartition(".")
    return cast("AgentAdapter", getattr(importlib.import_module(module), attribute)())
