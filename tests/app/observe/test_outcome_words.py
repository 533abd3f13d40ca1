"""How an outcome reads on the page and in the terminal."""

from __future__ import annotations

from app.core.outcome import Refused
from app.observe.facts import headline
from app.observe.views import outcome_line
from tests.app.publish.conftest import MakeRun, make_run

__all__ = ["make_run"]


def test_a_stop_that_was_asked_for_is_no_refusal(make_run: MakeRun) -> None:
    stopped = Refused(reason="cancelled", text="Stopped, as asked for in the thread. Nothing was published.")
    assert outcome_line(stopped) == stopped.text
    shown = headline(make_run(state="done", outcome=stopped), "https://github.com")
    assert (shown.label, shown.text) == ("stopped", stopped.text)
    assert outcome_line(Refused(reason="new_symlink", text="It adds a link.")) == "refused: It adds a link."
