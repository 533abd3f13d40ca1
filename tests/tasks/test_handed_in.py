"""A run that another process saved beside a Bellhop without a broker."""

from __future__ import annotations

from app.ledger import runs
from tasks.keeping.handed_in import HandedIn
from tests.tasks.scene import HOST, Scene


def test_a_run_that_somebody_else_saved_is_woken_once_and_no_other(scene: Scene) -> None:
    looking = HandedIn(scene.parts)
    looking.look()
    assert scene.wakeup.calls == []
    scene.ring()
    with scene.database.begin() as tx:
        [event] = [entry.event for entry in [scene.entry(1)]]
        run_id = runs.create(tx, event, scene.profiles["fix"], HOST)
        elsewhere = runs.create(tx, event.model_copy(update={"thread": "github:octo/hello#9"}), scene.profiles["fix"], "elsewhere")
    assert None not in (run_id, elsewhere)
    looking.look()
    looking.look()
    assert scene.wakeup.calls == [("start", run_id)]
    scene.wakeup.calls.clear()
    scene.pump()
    looking.look()
    assert scene.wakeup.calls == []
