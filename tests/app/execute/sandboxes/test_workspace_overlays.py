"""How overlays are stacked, and what is said where there are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes import workspaces
from app.execute.sandboxes.bubblewrap.backend import BubblewrapSandboxes
from app.execute.sandboxes.bubblewrap.machine import Machine
from app.execute.sandboxes.cgroups import Hierarchy
from app.execute.sandboxes.conformance.lab import Lab, Subject
from app.ports import PreparedWorkspace
from tests.app.execute.sandboxes.conftest import MakeSubject

PLAIN = PreparedWorkspace(lower=Path("/bases/tree"), scratch=Path("/scratch/a-work"), base_commit="0" * 40)
BY_ITSELF = "index=off,metacopy=off,redirect_dir=off"
OVER = PLAIN.model_copy(update={"layer": Path("/layers/abc"), "needs_overlay": True})


def test_t39_the_checkout_lies_above_the_layer() -> None:
    assert workspaces.overlay_options(OVER) == (
        "lowerdir=/bases/tree:/layers/abc/workspace,upperdir=/scratch/a-work/upper,workdir=/scratch/a-work/work,"
        + BY_ITSELF
    )
    assert workspaces.home_options(OVER) == "lowerdir=/layers/abc/home,upperdir=/scratch/a-work/home,workdir=/scratch/a-work/home-work," + BY_ITSELF


def test_without_a_layer_home_is_no_overlay() -> None:
    assert workspaces.overlay_options(PLAIN) == "lowerdir=/bases/tree,upperdir=/scratch/a-work/upper,workdir=/scratch/a-work/work," + BY_ITSELF
    assert workspaces.home_options(PLAIN) is None


@pytest.mark.parametrize("character", [",", ":", '"', "\\"])
def test_a_path_that_separates_options_is_no_overlay(character: str) -> None:
    odd = OVER.model_copy(update={"layer": Path(f"/layers{character}/abc")})
    assert workspaces.overlay_options(odd) is workspaces.home_options(odd) is None


def test_a_layer_that_is_gone_is_told_before_anything_starts(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "home"):
        (tmp_path / name).mkdir()
    made = PLAIN.model_copy(update={"lower": tmp_path / "lower", "scratch": tmp_path})
    workspaces.require(made)
    with pytest.raises(SandboxUnavailable):
        workspaces.require(made.model_copy(update={"layer": tmp_path / "gone"}))


@pytest.mark.bubblewrap
def test_where_there_are_no_overlays_a_setup_is_refused_before_it_runs(room: Path, probe_tooling: str, bubblewrap: str) -> None:
    without_root = Machine(root=False, groups=Hierarchy(0, {}))
    with Lab(Subject(lambda: BubblewrapSandboxes(room / "state", without_root), room, probe_tooling, None)) as lab:
        spec = lab.spec("exit 0")
        with pytest.raises(SandboxRefused) as refused:
            lab.backend.create(spec.model_copy(update={"workspace": spec.workspace.model_copy(update={"needs_overlay": True})}))
        assert "run the worker as root" in str(refused.value)
        assert (refused.value.reason, lab.backend.find(), (spec.workspace.scratch / "copy").exists()) == ("no_overlay", {}, False)


@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)])
def test_one_overlay_that_cannot_be_mounted_is_told_and_keeps_no_other_one_from_being_mounted(
    kind: str, request: pytest.FixtureRequest, make_subject: MakeSubject
) -> None:
    if kind == "bubblewrap":
        request.getfixturevalue("bubblewrap")
        if os.geteuid() != 0:
            pytest.skip("without root bubblewrap has no overlays")
    with Lab(make_subject(kind, request.getfixturevalue("busybox_image") if kind == "docker" else None)) as lab:
        for needs_overlay in (False, True):
            broken = lab.spec("exit 0")
            # An overlay refuses to have its work directory below its upper one.
            work = broken.workspace.scratch / "work"
            work.rmdir()
            (broken.workspace.scratch / "upper" / "w").mkdir()
            work.symlink_to(broken.workspace.scratch / "upper" / "w")
            broken = broken.model_copy(update={"workspace": broken.workspace.model_copy(update={"needs_overlay": needs_overlay})})
            if needs_overlay:
                with pytest.raises(SandboxRefused, match=r"none could be mounted \(.*mount"):
                    lab.backend.create(broken)
            else:
                lab.launch(broken).expect({})
        spec = lab.spec("echo x > new")
        lab.launch(spec.model_copy(update={"workspace": spec.workspace.model_copy(update={"needs_overlay": True})})).expect({})
        assert (spec.workspace.scratch / "upper" / "new").is_file()
