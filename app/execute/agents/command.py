"""The agent `command`: any shell command, for chores that need no model.

    agent:
      uses: command
      with:
        run: npx prettier --write .
        next: my-agent --continue        # optional

The run's prompt is in the file that `BELLHOP_PROMPT_FILE` names. Exit status 0 is success. `next` is run for what people
say later, which it reads on its standard input, in the same HOME.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from app.core.assignment import Assignment, SandboxEnd
from app.core.noun import Noun
from app.core.profile import AgentChoice, Profile
from app.core.step import Step
from app.errors import ProfileError
from app.execute.agents.options import read_options, run_members

PROMPT_NAME = "prompt.md"
PROMPT_PATH = f"/home/bellhop/{PROMPT_NAME}"


class CommandOptions(Noun):
    """`run` and `next` are shell text, run in `/workspace` by `sh -ec`: the image's own sh where it has one."""

    run: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    next: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None


class Command:
    """Adapter of the agent `command`."""

    name = "command"

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` holds anything but `run:` and `next:`, or a model is named."""
        read_options(CommandOptions, choice)
        if choice.model is not None:
            raise ProfileError("`agent: model:` does not suit `command`, which asks no model: leave it out")
        if choice.fallback_model is not None:
            raise ProfileError("`agent: fallback-model:` does not suit `command`, which asks no model: leave it out")

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return none."""
        del choice
        return ()

    def assignment(self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False) -> Assignment:
        """Return the shell command as an assignment. Raises ProfileError."""
        self.check(profile.agent)
        options = read_options(CommandOptions, profile.agent)
        goes_on = continues and options.next is not None
        return Assignment(
            argv=("sh", "-ec", options.next if goes_on and options.next else options.run),
            stdin=prompt if goes_on else "",
            next_argv=("sh", "-ec", options.next) if options.next else (),
            env=profile.env | {"BELLHOP_PROMPT_FILE": PROMPT_PATH},
            files={PROMPT_NAME: prompt},
            **run_members(run_id, profile, base_commit),
        )

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the line as a log Step."""
        return [Step(kind="log", text=line, data={"stream": stream})]

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether the command itself ended with 0."""
        return end.reason == "exited" and end.exit_code == 0

    def final_message(self, steps: list[Step]) -> str:
        """Return the last line of standard output that says something."""
        said = (step.text for step in reversed(steps) if step.data.get("stream") == "stdout")
        return next((text.strip() for text in said if text.strip()), "")
