"""`bellhop egress propose`: what denials suggest, and nothing that an agent could slip into a profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.sandbox.destination import NOT_NAMED
from app.ledger import audit
from app.ledger.database import Database
from tests.app.commands.bellhop import Machine, machine, one_line
from tests.app.observe.scene_runs import PROFILE, event, ledger, started

FILE = "on: {issues: {types: [labeled]}}\nagent: {uses: command, with: {run: 'true'}}\ncontainer: {isolation: process}\n"


@pytest.fixture
def place(tmp_path: Path, runtime_dir: Path) -> Machine:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "fix.yaml").write_text(FILE + "egress: {connect: [there.example, '*.pkg.example']}\n")
    return machine(tmp_path, runtime_dir, BELLHOP_PROFILES_DIR=str(profiles))


def deny(database: Database, run_id: str, target: str, why: str = NOT_NAMED) -> None:
    with database.begin() as tx:
        audit.record(tx, run_id=run_id, credential_id="-", action="egress", target=target, verdict=f"refused: {why}")


@pytest.fixture
def filled(place: Machine) -> list[str]:
    """Three runs, one of them of another profile; returns the two."""
    with ledger(place.directory / "state") as database:
        first, _ = started(database, event(number=1))
        second, _ = started(database, event(number=2))
        other, _ = started(database, event(number=3), PROFILE.model_copy(update={"name": "other"}))
        for run_id in (first, second):
            deny(database, run_id, "CONNECT files.example:443")
        deny(database, first, "CONNECT api.example:8443")
        deny(database, first, "CONNECT there.example:443")
        deny(database, first, "CONNECT 10.0.0.1:443")
        deny(database, first, "CONNECT github.com:443")
        deny(database, first, "CONNECT packages.example:443")
        deny(database, first, "GET http://plain.example/\\x1b[2J", "only CONNECT is served here")
        deny(database, other, "CONNECT elsewhere.example:443")
        with database.begin() as tx:
            audit.record(tx, run_id=first, credential_id="-", action="registry", target="CONNECT registry.example:443",
                         verdict=f"refused: {NOT_NAMED}")
    return [first, second]


def test_it_prints_the_lines_that_denials_suggest(place: Machine, filled: list[str]) -> None:
    registries = place.directory / "registries.yaml"
    registries.write_text("own: {kind: npm, url: 'https://packages.example/npm/'}\n")
    code, out, err = place.run("egress", "propose", "fix", BELLHOP_REGISTRIES_FILE=str(registries))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Profile fix, its newest 2 runs."
    assert lines[2:6] == [" egress:", "   connect:", "     - 'there.example'", "     - '*.pkg.example'"]
    assert lines[6].startswith("+    - 'files.example'  # denied in 2 runs: ")
    assert lines[7] == f"+    - 'api.example:8443'  # denied in 1 run: {filled[0]}"
    assert "Each added line is a way out" in out
    assert "  CONNECT 10.0.0.1:443: an address is not proposed" in out
    assert "  CONNECT github.com:443: Bellhop speaks to it" in out
    assert "  CONNECT packages.example:443: Bellhop speaks to it" in out
    assert "elsewhere.example" not in out
    assert "registry.example" not in out
    assert "\x1b" not in out


def test_json_and_the_number_of_runs(place: Machine, filled: list[str]) -> None:
    said = json.loads(place.run("egress", "propose", "fix", "--json", "--runs", "1").out)
    assert (said["profile"], said["runs"], said["present"]) == ("fix", 1, ["there.example", "*.pkg.example"])
    assert [each["entry"] for each in said["lines"]] in (
        ["files.example"], ["api.example:8443", "files.example", "packages.example"])


def test_nothing_denied_is_nothing_to_propose(place: Machine) -> None:
    with ledger(place.directory / "state"):
        pass
    assert "Nothing to propose" in place.run("egress", "propose", "fix").out
    assert "there are: fix" in one_line(place.run("egress", "propose", "fixx"))


def test_a_profile_with_an_entry_that_says_nothing_is_told_by_line(place: Machine) -> None:
    file = place.directory / "profiles" / "fix.yaml"
    file.write_text(FILE + "egress:\n  connect:\n    - there.example\n    - 'https://a.example'\n")
    code, _, err = place.run("profiles", "check", str(file.parent))
    assert code == 1
    assert err.startswith(f"{file}:7:7: egress.connect[1]: ")
