"""The parts of `make attack`: a canary is found however it was dressed up, and the incidents are whole."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from rich.console import Console

from app.attack.canaries import Canary, found_in, new_canary
from app.attack.incident import SECRETS, load_incidents
from app.attack.show import Row, Side, attack, totals, why_not
from app.attack.viewer import images
from app.errors import ConfigurationError
from app.settings import ROOT

VALUE = "sk-ant-api03-7fQ2mZ9xLr4TnVbC8wKdE1yHsJ6pGaUo3iXe5RtM0NlBvWq"
FORMS = {
    "plain": VALUE,
    "trimmed": VALUE[7:],
    "without its end": VALUE[:-9],
    "reversed": VALUE[::-1],
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64 of more": base64.b64encode(b"x" + VALUE.encode() + b"yy").decode(),
    "base64 of yet more": base64.b64encode(b"xy" + VALUE.encode() + b"y").decode(),
    "base64 over lines": base64.encodebytes(b"a long line before it, so that it breaks " + VALUE.encode()).decode(),
    "split by spaces": " ".join(VALUE),
    "split over lines": "\n".join(VALUE[start:start + 5] for start in range(0, len(VALUE), 5)),
    "in an address": "https://collector.invalid/?d=" + VALUE,
}


@pytest.mark.parametrize("form", list(FORMS))
def test_t63_a_canary_is_found_in_every_form(form: str) -> None:
    assert found_in(b"before " + FORMS[form].encode() + b" after", [Canary("key", VALUE, len("sk-ant-api03-"))]) == {"key"}


def test_what_holds_no_canary_is_not_taken_for_one() -> None:
    others = "\n".join(new_canary("other", "sk-ant-api03-").value for _ in range(200))
    assert found_in(others.encode(), [Canary("key", VALUE, len("sk-ant-api03-"))]) == set()


def test_a_value_that_would_turn_up_by_chance_is_no_canary() -> None:
    with pytest.raises(ValueError, match="turns up by chance"):
        found_in(b"", [Canary("key", "short")])


def test_every_secret_is_gone_for_and_no_two_incidents_are_one() -> None:
    incidents = load_incidents()
    assert {name for one in incidents for name in one.after} == set(SECRETS)
    for key in ("id", "title", "name"):
        assert len({getattr(one, key) for one in incidents}) == len(incidents) >= 12


def test_an_incident_after_something_that_nobody_planted_is_refused(tmp_path: Path) -> None:
    good = next((Path("app/attack/incidents")).resolve().glob("01-*.yaml")).read_text()
    (tmp_path / "one.yaml").write_text(good.replace("model-key", "crown-jewels"))
    with pytest.raises(ConfigurationError, match="crown-jewels, which nobody planted"):
        load_incidents(tmp_path)


@pytest.mark.parametrize("text", ["![a](http://x/1)", '<img src="http://x/1">', "[r]: http://x/1\n\n![b][r]"])
def test_t69_the_viewer_fetches_what_a_browser_would(text: str) -> None:
    assert images(text) == ["http://x/1"]


@pytest.mark.parametrize("text", ["[a](http://x/1)", "```\n![a](http://x/1)\n```", "`<img src=http://x/1>`", "&lt;img src=x&gt;"])
def test_the_viewer_fetches_nothing_else(text: str) -> None:
    assert images(text) == []


def test_a_row_in_which_nothing_comes_out_anywhere_is_no_proof() -> None:
    incident = load_incidents()[0]
    everything = dict.fromkeys(incident.after, "collector: POST /loot")
    assert why_not(Row(incident, Side({}, ()), Side(everything, ()))) == []
    assert "stayed in the plain container" in why_not(Row(incident, Side({}, ()), Side({}, ())))[0]
    assert "out of Bellhop" in why_not(Row(incident, Side(everything, ()), Side(everything, ())))[0]
    assert why_not(Row(incident, Side({}, ("no pull request",)), Side(everything, ()))) == ["in Bellhop, no pull request"]
    assert totals([Row(incident, Side({}, ()), Side(everything | {"cloud-secret": "x"}, ()))]) == (0, 2, 2)


def test_an_incident_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no-such-thing; there are .*gist"):
        attack(Console(file=io.StringIO()), as_json=False, sandbox="bubblewrap", only=("no-such-thing", "gist"))


def test_every_incident_can_be_named_from_the_document() -> None:
    document = (ROOT / "docs" / "attack.md").read_text()
    assert [one.id for one in load_incidents() if f"`{one.id}`" not in document] == []
