"""The agent `acp`: any agent that speaks the Agent Client Protocol over its standard streams.

    agent:
      uses: acp
      model: openai/gpt-5.2                    # what the door lets through; the agent is told by its own settings
      with:
        command: [my-agent, --acp]             # in the image, or of a part of the tooling
        mode: full-access                      # a session mode, where the agent has some and asks about every step in its own
        files: {.my-agent/settings.json: "..."}   # below HOME: the agent's own settings
        parts: [opencode]                      # the tooling's parts that it needs

https://agentclientprotocol.com/overview/agents
"""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.noun import Noun
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.errors import ProfileError
from app.execute.agents.options import model_patterns, read_options, run_members
from app.execute.agents.own_lines import final_step, parse_own
from app.execute.tooling import layout

CONFIG_NAME = ".bellhop/acp.json"

Word = Annotated[str, StringConstraints(min_length=1)]


class AcpOptions(Noun):
    """How the agent is started, and what it finds below HOME."""

    command: Annotated[tuple[Word, ...], Field(min_length=1)]
    mode: str = ""
    files: dict[str, str] = {}
    parts: tuple[str, ...] = ()


class Acp:
    """Adapter of the agent `acp`: the driver `sidecar/acp_driver` speaks with it, one process for each turn."""

    name = "acp"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` has no `command:`, or `model:` is not `vendor/model`."""
        read_options(AcpOptions, choice)
        if choice.model is None or "/" not in choice.model:
            raise ProfileError("`agent: model:` of `acp` must be `<vendor>/<model>`, such as `openai/gpt-5.2`: the door lets no other through")
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return the parts that `with:` names. Raises ProfileError."""
        return read_options(AcpOptions, choice).parts

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return the driver's command line and configuration file. Raises ProfileError."""
        self.check(profile.agent)
        options = read_options(AcpOptions, profile.agent)
        config = {"command": options.command, "mode": options.mode, "mcp_url": f"{LOOPBACK_URL}/mcp"}
        first = (layout.PYTHON, "-I", layout.ACP_DRIVER, CONFIG_NAME)
        again = (*first, "--continue")
        return Assignment(
            argv=again if continues else first,
            next_argv=again,
            stdin=prompt,
            # The driver passes it on as the protocol's own `session/cancel`.
            interrupt_signal="INT",
            env=profile.env,
            files={**options.files, CONFIG_NAME: json.dumps(config, indent=1) + "\n"},
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Step that the driver printed; whatever is none becomes a log Step."""
        return parse_own(stream, line)

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether the driver ended with 0 and the agent said that its turn had come to its end."""
        final = final_step(steps)
        return end.reason == "exited" and end.exit_code == 0 and final is not None and final.data.get("status") == "end_turn"

    def final_message(self, steps: list[Step]) -> str:
        """Return what the agent said last."""
        final = final_step(steps)
        if final is not None and final.text:
            return final.text
        return next((step.text for step in reversed(steps) if step.kind == "message" and step.text), "")
