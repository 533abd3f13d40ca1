"""What the agent means to do stands in the run's card, as it has last said."""

from __future__ import annotations

from app.core.step import Step
from app.ledger import steps
from tasks.start import start
from tests.tasks.scene import Scene
from tests.tasks.talk import linked, say, talking


def test_the_card_has_the_newest_plan_without_secrets_however_long_ago_it_was_told(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    run_id = say(scene, "@bellhop mend the tests").run_id
    assert run_id is not None
    start(scene.parts, run_id)
    told = [Step(kind="plan", text=text) for text in ("[ ] look\n[ ] mend", f"[x] look\n[ ] mend {'sk-ant-' + 'a1' * 15}")]
    with scene.database.begin() as tx:
        steps.append(tx, run_id, f"{run_id}-work", told)
    # Two minutes later, when its progress is told again.
    scene.sql("UPDATE runs SET created_at_ms = created_at_ms - 130000 WHERE id = :id", id=run_id)
    scene.sql("UPDATE steps SET at_ms = at_ms - 60000 WHERE run_id = :id", id=run_id)
    scene.recover(1)
    expected = (("look", True), ("mend [secret removed]", False))
    assert talk.status(run_id).plan == expected
    with scene.database.begin() as tx:
        steps.append(tx, run_id, f"{run_id}-work", [Step(kind="log", text="...")] * 300)
    scene.work(run_id)
    scene.pump()
    card = talk.status(run_id)
    assert (card.state, card.plan) == ("done", expected)
