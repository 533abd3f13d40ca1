"""What every agent CLI is told alike: where the agent's tools are, and a key that is none."""

from __future__ import annotations

from app.core.assignment import LOOPBACK_URL

# The CLIs refuse to start without a key; the gateway strips it and puts the real one in.
NO_KEY_INSIDE = "bellhop-puts-the-key-in"
# docs/door.md: post_update, ask, propose_pull_request, report_nothing_to_do.
TOOLS_NAME = "bellhop"
TOOLS_URL = f"{LOOPBACK_URL}/mcp"
# A question may be waited on for 240 seconds.
TOOLS_SECONDS = 300
