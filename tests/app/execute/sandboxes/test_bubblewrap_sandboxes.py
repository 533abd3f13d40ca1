"""What is bubblewrap's own: its record on disk, workers that die at the wrong moment, what of the host is shown."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes.bubblewrap import binds, machine, processes
from app.execute.sandboxes.bubblewrap.backend import BubblewrapSandboxes
from app.execute.sandboxes.bubblewrap.record import Record
from app.execute.sandboxes.conformance.lab import Lab, Subject
from app.execute.sandboxes.conformance.suite import run_check

FOREVER = "while :; do $B sleep 1; done"


@pytest.fixture
def lab(room: Path, probe_tooling: str, bubblewrap: str) -> Iterator[Lab]:
    subject = Subject(lambda: BubblewrapSandboxes(room / "state", machine.look()), room, probe_tooling, None)
    with Lab(subject) as opened:
        yield opened


def record_file(room: Path, sandbox_id: str) -> Path:
    return room / "state" / sandbox_id / "record.json"


@pytest.mark.bubblewrap
def test_a_sandbox_whose_worker_died_before_its_record_is_adopted(lab: Lab, room: Path) -> None:
    cell = lab.start(FOREVER)
    record_file(room, cell.spec.id).unlink()
    assert lab.another_worker().find() == {cell.spec.id: cell.handle}
    assert lab.another_worker().create(cell.spec) == cell.handle


@pytest.mark.bubblewrap
def test_a_launch_that_got_nowhere_is_cleared_and_started_anew(lab: Lab, room: Path) -> None:
    spec = lab.spec("exit 4")
    place = room / "state" / spec.id
    place.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (place / "launcher.pid").write_text(f"{ended.pid}\n")
    assert lab.launch(spec).wait().exit_code == 4


@pytest.mark.bubblewrap
def test_no_mount_is_left_when_everything_is_killed_outright(lab: Lab) -> None:
    cell = lab.start(FOREVER)
    record = Record.model_validate(cell.handle)
    for process in (record.monitor, record.init):
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
    assert cell.wait().state == "exited"
    assert cell.spec.id not in Path("/proc/self/mountinfo").read_text()
    lab.backend.destroy(cell.handle)
    assert not any(Path(group).exists() for group in record.cgroups)


@pytest.mark.bubblewrap
def test_the_sandbox_outlives_the_process_that_started_it(lab: Lab, room: Path) -> None:
    spec = lab.spec(FOREVER)
    script = (
        "import sys\nfrom pathlib import Path\nfrom app.execute.sandboxes.bubblewrap import machine\n"
        "from app.execute.sandboxes.bubblewrap.backend import BubblewrapSandboxes\nfrom app.ports import SandboxSpec\n"
        "BubblewrapSandboxes(Path(sys.argv[1]), machine.look()).create(SandboxSpec.model_validate_json(sys.argv[2]))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(room / "state"), spec.model_dump_json()], check=True, timeout=60,
        cwd=Path(__file__).parents[4],
    )
    handle = lab.backend.find()[spec.id]
    assert lab.backend.poll(handle).state == "running"
    assert lab.launch(spec).handle == handle


@pytest.mark.bubblewrap
def test_a_process_that_took_over_the_number_is_not_touched(lab: Lab) -> None:
    cell = lab.start("exit 0")
    cell.wait()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        taken = processes.Process(pid=stranger.pid, started_ticks=1, boot_id="another")
        handle = Record.model_validate(cell.handle).model_copy(update={"init": taken, "monitor": taken})
        assert lab.backend.poll(handle.model_dump(mode="json")).state == "exited"
        lab.backend.stop(handle.model_dump(mode="json"), 0)
        lab.backend.destroy(handle.model_dump(mode="json"))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.bubblewrap
def test_the_host_is_not_seen(lab: Lab) -> None:
    lab.start(
        "for d in /root /home/* /var/lib /proc/1/root/root /work /etc/shadow /etc/hostname /sys; do"
        '  [ "$d" = /home/bellhop ] || [ ! -e $d ] || exit 11; done; '
        "[ $($B wc -l < /etc/passwd) = 2 ] || exit 12; [ \"$($B hostname)\" = bellhop ] || exit 13"
    ).expect({11: "something of the host shows", 12: "the host's users show", 13: "the host's name shows"})


@pytest.mark.bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts overlays")
def test_where_an_overlay_cannot_be_mounted_the_workspace_is_copied(lab: Lab) -> None:
    spec = lab.spec('[ "$($B cat given.txt)" = given ] || exit 11; echo x > new')
    work = spec.workspace.scratch / "work"
    work.rmdir()
    (spec.workspace.scratch / "upper" / "w").mkdir()
    work.symlink_to(spec.workspace.scratch / "upper" / "w")
    lab.launch(spec).expect({11: "the checkout does not show"})
    assert (spec.workspace.scratch / "copy" / "new").is_file()
    assert not (spec.workspace.lower / "new").exists()


@pytest.mark.bubblewrap
def test_a_command_that_is_not_there_is_the_commands_failure(lab: Lab) -> None:
    cell = lab.launch(lab.spec("").model_copy(update={"argv": ("/agent/bin/none",)}))
    assert cell.wait().exit_code == 127


@pytest.mark.bubblewrap
@pytest.mark.parametrize("check", ["door_opens", "golden_mounts", "readonly_root"])
def test_tooling_made_of_links_to_the_hosts_programs_works(
    check: str, room: Path, static_busybox: Path, bubblewrap: str
) -> None:
    tooling = room / "agent"
    (tooling / "bin").mkdir(parents=True)
    shutil.copy(static_busybox, tooling / "bin" / "busybox")
    interpreter = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    (tooling / "bin" / "python3").symlink_to(interpreter.resolve())
    prefix = str(interpreter.resolve().parent.parent)
    subject = Subject(
        lambda: BubblewrapSandboxes(room / "state", machine.look()), room, str(tooling), None, shown=(prefix,)
    )
    assert run_check(check, subject).problem is None


def test_a_name_that_is_a_path_is_refused(room: Path) -> None:
    backend = BubblewrapSandboxes(room, machine.Machine(root=False, groups=machine.look().groups))
    record = Record(id="../x", run_id="r", init=processes.Process(pid=1, started_ticks=0, boot_id=""), monitor=None)
    with pytest.raises(SandboxRefused):
        backend.destroy(record.model_dump(mode="json"))


def test_the_interpreters_base_prefix_is_shown(tmp_path: Path) -> None:
    prefix = tmp_path / "opt" / "python"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3.11").touch()
    tooling = tmp_path / "tooling"
    (tooling / "bin").mkdir(parents=True)
    (tooling / "bin" / "python3").symlink_to(prefix / "bin" / "python3.11")
    (tooling / "bin" / "sh").symlink_to("/usr/bin/env")
    (tooling / "bin" / "runner").touch()
    (tooling / "bin" / "alias").symlink_to("runner")
    assert binds.of_tooling(tooling) == ((str(prefix), str(prefix)),)


@pytest.mark.parametrize("place", ["home", "state"])
def test_an_interpreter_that_would_show_a_home_or_our_own_state_is_refused(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T45: `~/bin/python3` has the whole home as its prefix, keys and all."""
    prefix = tmp_path / "people" / "ann"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").touch()
    tooling = (tmp_path if place == "home" else prefix / "state") / "tooling"
    (tooling / "bin").mkdir(parents=True)
    (tooling / "bin" / "python3").symlink_to(prefix / "bin" / "python3")
    if place == "home":
        ann = pwd.struct_passwd(("ann", "x", 1, 1, "", str(prefix), "/bin/sh"))
        monkeypatch.setattr(pwd, "getpwall", lambda: [ann])
    with pytest.raises(SandboxUnavailable, match="too much"):
        binds.of_tooling(tooling)


@pytest.mark.bubblewrap
@pytest.mark.skipif(not Path("/usr/local/etc").is_dir(), reason="this host has no /usr/local/etc")
def test_the_hosts_own_settings_below_usr_are_not_seen(lab: Lab) -> None:
    """T45, T46: an npmrc there can hold a token."""
    lab.start(
        "[ -d /usr/local/etc ] || exit 11; [ -z \"$(ls -A /usr/local/etc)\" ] || exit 12;"
        " ( : > /usr/local/etc/x ) 2>/dev/null && exit 13; exit 0"
    ).expect({11: "it is gone", 12: "something of it shows", 13: "it can be written"})


def test_a_link_through_elsewhere_is_shown_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "git").touch()
    (tmp_path / "hop").symlink_to(tmp_path / "real" / "git")
    (tmp_path / "tooling" / "bin").mkdir(parents=True)
    (tmp_path / "tooling" / "bin" / "git").symlink_to(tmp_path / "hop")
    real, hop = str(tmp_path / "real" / "git"), str(tmp_path / "hop")
    assert binds.of_tooling(tmp_path / "tooling") == ((real, real), (real, hop))


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(tmp_path / "none")
    with pytest.raises(SandboxUnavailable, match="not there"):
        binds.of_tooling(tmp_path)


def test_a_host_with_real_root_directories_is_shown_as_it_is(tmp_path: Path) -> None:
    for name in ("usr", "bin", "etc/ssl/certs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    host = binds.of_host(tmp_path)
    assert host.links == (("usr/lib", "/lib"),)
    assert [destination for _, destination in host.shown] == ["/usr", "/bin", "/etc/ssl/certs"]


def test_bubblewrap_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap") as told:
        BubblewrapSandboxes(tmp_path, machine.look()).check()
    assert told.value.reason == "bubblewrap_missing"
