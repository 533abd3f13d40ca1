"""The agents that a profile can name."""

from app.execute.agents.registry import agent_named, agent_names

__all__ = ["agent_named", "agent_names"]
