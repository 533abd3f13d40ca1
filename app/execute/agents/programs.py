"""Where the agents' programs are inside a sandbox: each in the part of the tooling that its adapter names."""

from __future__ import annotations

CODEX = "/agent-codex/bin/codex"
CLAUDE = "/agent-claude-code/bin/claude"
OPENCODE = "/agent-opencode/bin/opencode"
GEMINI = "/agent-gemini-cli/bin/gemini"

# Where the runner writes an assignment's files: app/execute/sandboxes/places.py.
HOME = "/home/bellhop"
