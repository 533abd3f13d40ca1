"""The agent `mini`: mini-swe-agent's core with Bellhop's own model class, run from the sidecar.

    agent:
      uses: mini
      model: anthropic/claude-sonnet-4-5        # or openai/<model>: Chat Completions
      with:
        command-timeout-seconds: 120
        max-output-tokens: 8192
"""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field

from app.core.assignment import LOOPBACK_URL, Assignment, SandboxEnd
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.execute.agents.options import CliOptions, model_patterns, read_options, run_members, vendor_and_model
from app.execute.agents.own_lines import final_step, parse_own
from app.execute.tooling import layout

VENDORS = ("anthropic", "openai")
# Relative to HOME: mini looks for it there.
CONFIG_NAME = ".bellhop/mini.json"


class MiniOptions(CliOptions):
    """How long one shell command may take, and how much the model may say at once."""

    command_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    max_output_tokens: Annotated[int, Field(ge=256, le=200_000)] = 8192


class Mini:
    """Adapter of the agent `mini`."""

    name = "mini"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` has keys that mini does not take, `model:` names no vendor it speaks to, or `fallback-model:` another one."""
        read_options(MiniOptions, choice)
        vendor_and_model(choice, VENDORS)
        model_patterns(choice)

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return none: it is in the base."""
        del choice
        return ()

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return mini's command line and configuration file. Raises ProfileError."""
        options = read_options(MiniOptions, profile.agent)
        vendor, model = vendor_and_model(profile.agent, VENDORS)
        config = {
            "vendor": vendor,
            "model": model,
            "base_url": f"{LOOPBACK_URL}/{vendor}",
            "task": prompt,
            "step_limit": profile.limits.max_steps,
            "command_timeout_seconds": options.command_timeout_seconds,
            "max_output_tokens": options.max_output_tokens,
        }
        return Assignment(
            argv=(layout.PYTHON, "-I", layout.MINI, CONFIG_NAME),
            env=profile.env,
            files={CONFIG_NAME: json.dumps(config, ensure_ascii=False, indent=1) + "\n"},
            wants_messages=True,
            models=model_patterns(profile.agent),
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Step that mini printed; whatever is none becomes a log Step."""
        return parse_own(stream, line)

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether mini ended with 0 and its last word says that the work was submitted."""
        final = final_step(steps)
        return end.reason == "exited" and end.exit_code == 0 and final is not None and final.data.get("status") == "submitted"

    def final_message(self, steps: list[Step]) -> str:
        """Return what the model submitted, or the last thing that it said."""
        final = final_step(steps)
        if final is not None:
            return final.text
        return next((step.text for step in reversed(steps) if step.kind == "message"), "")
