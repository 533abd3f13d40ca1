"""The runner as a real process, against a strict door, with real commands."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.sidecar.runner.scene import Scene
from tests.sidecar.runner.strict_door import KEY


def test_a_command_runs_with_its_files_and_environment_and_its_end_is_told(scene: Scene) -> None:
    scene.environ |= {"JAVA_HOME": "/opt/java", "HTTP_PROXY": "http://nowhere", "https_proxy": "x", "HOME": "/root", "LANG": "xx"}
    scene.shell(
        'pwd; cat "$HOME/sub/prompt.md"; echo "$GREETING $JAVA_HOME $LANG ${HTTP_PROXY-none} ${https_proxy-none}"; echo "$PATH";'
        " echo oops >&2; exit 7",
        env={"GREETING": "hello"}, files={"sub/prompt.md": "do it\n"}, path=["/opt/more"],
    )
    end = scene.run()
    assert scene.door.texts("stdout") == [
        str(scene.workspace), "do it", "hello /opt/java C.UTF-8 none none", os.environ["PATH"] + ":/opt/more:/nowhere/agent/bin",
    ]
    assert scene.door.texts("stderr") == ["oops"]
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 7, False)
    assert 0 < end["duration_ms"] < 60_000


def test_a_command_that_is_not_there_ends_as_a_shell_would_say(scene: Scene) -> None:
    scene.assign("no-such-program-here")
    end = scene.run()
    assert (end["reason"], end["exit_code"]) == ("exited", 127)
    assert "no-such-program-here" in end["text"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", "a//b", "./x"])
def test_a_file_outside_home_is_refused_and_nothing_runs(scene: Scene, name: str) -> None:
    scene.shell("echo ran", files={"good": "x", name: "x"})
    end = scene.run()
    assert end["reason"] == "refused"
    assert scene.door.texts("stdout") == []
    assert not (scene.home / "good").exists()


def test_pictures_are_written_below_home_as_they_are(scene: Scene) -> None:
    scene.shell('od -An -tx1 "$HOME/.bellhop/thread/a-1.png"', pictures={".bellhop/thread/a-1.png": "iVBORw0KGgoA"})
    assert scene.run()["exit_code"] == 0
    assert scene.door.texts("stdout") == [" 89 50 4e 47 0d 0a 1a 0a 00"]
    assert (scene.home / ".bellhop/thread/a-1.png").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("pictures", [{"../x.png": "AA=="}, {"x.png": "AAA"}], ids=["outside", "no base64"])
def test_a_picture_that_cannot_be_written_is_refused_and_nothing_runs(scene: Scene, pictures: dict[str, str]) -> None:
    scene.shell("echo ran", pictures=pictures)
    assert scene.run()["reason"] == "refused"
    assert scene.door.texts("stdout") == []


def test_a_link_left_in_home_is_not_followed(scene: Scene) -> None:
    (scene.path / "outside").mkdir()
    (scene.home / "away").symlink_to(scene.path / "outside")
    scene.shell("true", files={"away/x": "x"})
    assert scene.run()["reason"] == "refused"
    assert list((scene.path / "outside").iterdir()) == []


def test_links_in_home_that_lead_in_a_circle_are_refused_in_words(scene: Scene) -> None:
    (scene.home / ".agent").symlink_to(".agent")
    scene.shell("echo ran", files={".agent/settings.json": "{}"})
    end = scene.run()
    assert end["reason"] == "refused"
    assert "`.agent/settings.json` leads nowhere, through a link in HOME" in end["text"]
    assert scene.door.texts("stdout") == []


def test_a_hello_that_is_refused_ends_the_runner_before_anything_runs(scene: Scene) -> None:
    scene.door.claimed = True
    scene.shell("touch ran")
    assert scene.run(expect=1) == {}
    assert "already_claimed" in scene.stderr
    assert not (scene.workspace / "ran").exists()


def test_a_runner_that_never_meets_a_door_gives_up(scene: Scene) -> None:
    scene.door.stop()
    scene.places["connect_patience_seconds"] = 0.3
    assert scene.run(expect=1) == {}
    assert "hello" in scene.stderr


def test_an_end_that_cannot_be_told_is_an_exit_code(scene: Scene) -> None:
    scene.places["door_patience_seconds"] = 0.5
    scene.shell("echo first; read line", wants_messages=True)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.stop()
    process.send_signal(signal.SIGTERM)
    scene.ended(process, expect=1)
    assert "could not say that it ended" in scene.stderr


def test_a_gateway_that_restarts_between_batches_loses_no_line(scene: Scene) -> None:
    scene.shell(f"echo one; while [ ! -e {scene.path}/go ]; do sleep 0.02; done; seq 1 500; echo last")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.stop()
    (scene.path / "go").touch()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert process.poll() is None
    scene.door.start()
    scene.ended(process)
    assert scene.door.texts("stdout") == ["one", *map(str, range(1, 501)), "last"]


def test_a_batch_that_was_taken_without_an_answer_is_not_doubled(scene: Scene) -> None:
    """The door has line 0 already: the runner repeats from 0 and goes on where the door says."""
    scene.door.lines = [{"stream": "stdout", "text": "one"}]
    scene.shell("echo one; echo two")
    scene.run()
    assert scene.door.texts("stdout") == ["one", "two"]


def test_busy_output_is_batched_and_quiet_output_comes_at_once(scene: Scene) -> None:
    scene.shell("for i in $(seq 1 40); do echo $i; sleep 0.01; done; sleep 0.5; echo end")
    scene.run()
    assert len(scene.door.lines) == 41
    assert len(scene.door.posts) < 15


@pytest.mark.parametrize(("limits", "reason"), [({"timeout_seconds": 0.5}, "timeout"), ({"idle_timeout_seconds": 0.5}, "idle")])
def test_r22_a_silent_agent_that_ignores_term_is_killed_and_its_work_kept(
    scene: Scene, limits: dict[str, float], reason: str
) -> None:
    scene.shell(
        "trap '' TERM; echo started; echo two >> kept.txt; while :; do sleep 0.1; done", base_commit=scene.base, **limits,
    )
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == (reason, 137, True)
    assert (scene.bundled() / "kept.txt").read_text() == "one\ntwo\n"
    assert any("stopped" in text for text in scene.door.texts("runner"))


def test_output_keeps_an_agent_from_being_idle(scene: Scene) -> None:
    scene.shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done", idle_timeout_seconds=0.7)
    assert scene.run()["reason"] == "exited"


def test_an_agent_that_waits_for_a_slow_door_is_not_idle(scene: Scene) -> None:
    scene.door.steps_seconds = 0.8
    scene.shell("head -c 3000000 /dev/zero | tr '\\0' x | fold -w 1000; echo; echo done", idle_timeout_seconds=0.7)
    end = scene.run()
    assert (end["reason"], end["exit_code"]) == ("exited", 0)
    assert scene.door.texts("stdout")[-1] == "done"


def test_cancel_through_the_door_stops_and_keeps_the_work(scene: Scene) -> None:
    scene.shell("echo two >> kept.txt; echo ready; sleep 60", base_commit=scene.base)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.ask_to_cancel()
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("cancelled", 143, True)


def test_t18_a_stop_for_the_budget_is_called_that_and_keeps_the_work(scene: Scene) -> None:
    scene.shell("echo two >> kept.txt; echo ready; sleep 60", base_commit=scene.base)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.ask_to_stop("budget")
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("budget", 143, True)
    assert (scene.bundled() / "kept.txt").read_text() == "one\ntwo\n"


def test_term_to_the_runner_is_a_cancel(scene: Scene) -> None:
    scene.shell("echo ready; sleep 60")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    process.send_signal(signal.SIGTERM)
    assert scene.ended(process)["reason"] == "cancelled"


def test_what_an_agent_leaves_behind_is_killed_before_the_result_is_made(scene: Scene) -> None:
    """A daemon of its own session holds the output open and would go on writing into the workspace."""
    daemon = f"echo $$ > {scene.path}/one; while :; do echo x >> busy.txt; sleep 0.05; done"
    grandchild = f"setsid sh -c 'echo $$ > {scene.path}/two; exec sleep 300'"
    scene.shell(f"setsid sh -c '{daemon}' & {grandchild} & sleep 0.3; echo over", base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 0, True)
    left = [(scene.path / name).read_text().strip() for name in ("one", "two")]
    assert [pid for pid in left if Path(f"/proc/{pid}").exists()] == []


def test_messages_come_in_on_standard_input_once_each(scene: Scene) -> None:
    scene.shell("echo ready; IFS= read -r a; IFS= read -r b; printf '%s\\n' \"$a\" \"$b\"", wants_messages=True)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "also näh: \"x\"\nand y")
    scene.door.wait(lambda: scene.door.seen == 1)
    scene.door.say("bob", "stop")
    scene.ended(process)
    assert scene.door.confirmed == 2
    got = [json.loads(text) for text in scene.door.texts("stdout")[1:]]
    assert got == [
        {"type": "message", "author": "ann", "text": "also näh: \"x\"\nand y"},
        {"type": "message", "author": "bob", "text": "stop"},
    ]


def test_r38_a_message_that_an_agent_has_not_read_is_not_taken_for_handed_over(scene: Scene) -> None:
    go = scene.path / "go"
    scene.shell(f"echo ready; IFS= read -r a; while [ ! -e {go} ]; do sleep 0.02; done; echo submitted", wants_messages=True)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    # More than a shell reads ahead of a pipe, which is nothing; and more than the pipe holds.
    for text in ("and the docs", "and the tests", "x" * 100_000):
        scene.door.say("ann", text)
    scene.door.wait(lambda: scene.door.seen == 3)
    go.touch()
    scene.ended(process)
    assert (scene.door.texts("stdout"), scene.door.confirmed) == (["ready", "submitted"], 1)


def test_without_messages_standard_input_is_empty_and_a_message_is_remarked(scene: Scene) -> None:
    scene.shell(f"cat; echo eof; while [ ! -e {scene.path}/go ]; do sleep 0.02; done")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "hello?")
    scene.door.wait(lambda: scene.door.confirmed == 1)
    (scene.path / "go").touch()
    scene.ended(process)
    assert scene.door.texts("stdout") == ["eof"]
    assert any("ann" in text for text in scene.door.texts("runner"))


def test_an_agent_that_never_reads_does_not_hold_up_a_cancel(scene: Scene) -> None:
    scene.shell("echo ready; sleep 60", wants_messages=True)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    for _ in range(20):
        scene.door.say("ann", "x" * 10_000)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"


def test_the_resume_key_is_in_no_child_and_the_runner_cannot_be_read_by_its_own_user(scene: Scene) -> None:
    """A child of the same user may read neither the environment nor the memory nor the open files of the runner."""
    nobody = 65_534 if os.geteuid() == 0 else None
    for path in (scene.path, scene.home, scene.workspace):
        path.chmod(0o777)
    scene.door.socket.chmod(0o777)
    scene.shell(
        'id -u; for f in environ mem maps; do (: < /proc/$PPID/$f) 2> /dev/null && echo "read $f"; done;'
        " ls /proc/$PPID/fd 2> /dev/null && echo read fd; tr '\\0' '\\n' < /proc/self/environ;"
        " tr '\\0' ' ' < /proc/$PPID/cmdline; echo; ls /proc/self/fd | tr '\\n' ' '"
    )
    scene.ended(scene.begin(user=nobody))
    seen = scene.door.texts("stdout")
    assert seen[0] == str(nobody or os.geteuid())
    assert not [text for text in seen if text.startswith("read ")]
    assert not [text for text in seen if KEY in text]
    assert seen[-1].split() == ["0", "1", "2", "3"]


def test_a_door_that_speaks_with_us_no_more_ends_the_agent(scene: Scene) -> None:
    """410 in the middle of the work: the host has closed this sandbox."""
    scene.shell("echo ready; sleep 60")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    with scene.door.changed:
        scene.door.end = {"reason": "lost"}
        scene.door.changed.notify_all()
    scene.ended(process)
    assert "410" in scene.stderr


def test_the_shipped_entry_protects_itself_before_anything_else() -> None:
    program = Path(__file__).resolve().parents[3] / "sidecar" / "runner" / "__main__.py"
    lines = [line for line in program.read_text().splitlines() if line and not line.startswith(("#", '"""'))]
    assert lines[:2] == ["import ctypes", "ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0)"]
