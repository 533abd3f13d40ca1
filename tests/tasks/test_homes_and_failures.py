"""A session outlives what goes wrong beside it, and what breaks the runner does not come again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.outcome import Refused
from app.errors import ToolingError
from tests.tasks.mortal import Doom, Killed, mortal
from tests.tasks.scene import Scene
from tests.tasks.test_conversations import first, followed, home, kept, talking, talks

pytestmark = pytest.mark.slow  # whole runs with a follow-up each

__all__ = ["talks"]


@pytest.mark.parametrize("reason", ["lost", "refused", "idle"])
def test_t62_a_home_that_broke_the_runner_is_not_given_again(talks: Scene, reason: str) -> None:
    first(talks)
    run_id = followed(talks)
    assert list(home(talks, run_id).iterdir())
    talks.end(run_id, reason=reason, exit_code=None, text="the runner failed: Symlink loop")
    talks.pump()
    assert kept(talks) == []
    assert list(home(talks, followed(talks, "@bellhop again")).iterdir()) == []


@pytest.mark.parametrize("what", ["no tooling", "a broken template"])
def test_r32_a_follow_up_that_fails_before_its_sandbox_leaves_the_session(talks: Scene, what: str) -> None:
    before, working = first(talks), talks.parts
    if what == "no tooling":
        def tooling(*_: Any) -> Any:
            raise ToolingError("no such part", retryable=False)

        talks.parts = replace(working, tooling=tooling)
    else:
        talks.profiles["fix"] = talking(templates={"prompt": "prompts/missing.md.j2"})
    run_id = followed(talks)
    assert talks.run(run_id).state == "done"
    assert kept(talks) == [before]
    talks.parts = working
    talks.profiles["fix"] = talking()
    assert (home(talks, followed(talks, "@bellhop again")) / "session").read_text() == "what was said\n"


def test_r37_a_follow_up_that_is_stopped_before_its_agent_began_leaves_the_session(talks: Scene) -> None:
    before = first(talks)
    run_id = talks.comment("@bellhop and the docs").run_id
    assert run_id is not None
    with pytest.raises(Killed):
        talks.pump(mortal(talks.parts, Doom("workspaces.prepare")))
    talks.comment("@bellhop stop")
    talks.recover(2)
    assert isinstance(talks.outcome(run_id), Refused)
    assert kept(talks) == [before]
