"""The shipped record answers the prompt as it is now; the whole demo says the same, minutes later."""

from __future__ import annotations

from app.core.profile import Limits
from app.settings import ROOT


def test_the_recorded_prompt_names_the_protected_paths_of_now() -> None:
    record = (ROOT / "app" / "demo" / "record.json").read_text()
    named = ", ".join(f"`{path}`" for path in Limits().protected_paths)
    assert named in record, "the prompt has changed: make the record anew with `python -m app.demo.record`"
