"""The agent's turns: what is said while one works is what the next one reads, and no turn leaves anything running."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.sidecar.runner.scene import Scene

# Reads all of its standard input, and says so line by line.
READ = "sed 's/^/got: /'"


def a_turn_until(go: Path) -> str:
    return f"echo ready; while [ ! -e {go} ]; do sleep 0.02; done; echo over"


def test_the_standard_input_is_written_whole_and_closed(scene: Scene) -> None:
    text = "näh\n" + "x" * 300_000 + "\nend\n"
    scene.shell("wc -c; echo after", stdin=text)
    assert scene.run()["exit_code"] == 0
    assert [line.strip() for line in scene.door.texts("stdout")] == [str(len(text.encode())), "after"]


def test_an_agent_that_never_reads_its_standard_input_blocks_nothing(scene: Scene) -> None:
    scene.shell("echo ready; sleep 60", stdin="x" * 1_000_000)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"


def test_r38_what_is_said_while_a_turn_works_is_read_by_the_next_in_order(scene: Scene) -> None:
    go = scene.path / "go"
    scene.turns(a_turn_until(go) + "; echo one >> kept.txt; exit 3", f"{READ}; pwd; echo $HOME", base_commit=scene.base)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "and the docs")
    scene.door.say("bob", "and the tests")
    go.touch()
    end = scene.ended(process)
    assert scene.door.texts("stdout") == [
        "ready", "over", "got: A message from ann, sent while you worked:", "got: ", "got: and the docs", "got: ",
        "got: A message from bob, sent while you worked:", "got: ", "got: and the tests", str(scene.workspace), str(scene.home),
    ]
    # The exit code is the last turn's, and the work is that of all of them.
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 0, True)
    assert "turn 2 begins, with what ann, bob said" in scene.door.texts("runner")
    assert scene.door.confirmed == 2


def test_without_anything_said_there_is_one_turn(scene: Scene) -> None:
    scene.turns("echo one; exit 4", "echo two")
    end = scene.run()
    assert (scene.door.texts("stdout"), end["exit_code"]) == (["one"], 4)


def test_r38_a_message_that_no_turn_has_read_is_not_taken_for_handed_over(scene: Scene) -> None:
    scene.turns("echo ready; sleep 60", "echo never")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "too late")
    scene.door.wait(lambda: scene.door.seen == 1)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"
    assert (scene.door.confirmed, scene.door.texts("stdout")) == (0, ["ready"])


def wait_for_turns(scene: Scene, count: int) -> None:
    """Wait until the agent has said that it has begun so many turns."""
    scene.door.wait(lambda: [line["text"] for line in scene.door.lines].count("begun") == count)


def test_r38_what_an_interrupted_turn_was_told_is_told_again_before_the_new(scene: Scene) -> None:
    go = scene.path / "go"
    scene.turns("echo begun; sleep 60", f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done; {READ}")
    process = scene.begin()
    wait_for_turns(scene, 1)
    scene.door.say("ann", "first", now=True)
    wait_for_turns(scene, 2)
    scene.door.say("bob", "second", now=True)
    wait_for_turns(scene, 3)
    assert scene.door.confirmed == 0
    go.touch()
    scene.ended(process)
    said = [text for text in scene.door.texts("stdout") if text in ("got: first", "got: second")]
    assert (said, scene.door.confirmed) == (["got: first", "got: second"], 2)


def test_r38_a_message_before_the_last_word_of_the_gateway_is_told_again_with_it(scene: Scene) -> None:
    go, last = scene.path / "go", scene.path / "last"
    scene.turns(
        f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done",
        f"echo begun; while [ ! -e {last} ]; do sleep 0.02; done; {READ}",
    )
    process = scene.begin()
    wait_for_turns(scene, 1)
    scene.door.say("ann", "and the docs")
    go.touch()
    wait_for_turns(scene, 2)
    scene.door.say_ourselves("the budget is used up: finish now")
    wait_for_turns(scene, 3)
    last.touch()
    scene.ended(process)
    assert {"got: and the docs", "got: the budget is used up: finish now"} <= set(scene.door.texts("stdout"))
    assert scene.door.confirmed == 1


@pytest.mark.parametrize("is_stopped", [True, False], ids=["stopped", "ended"])
def test_r38_a_turn_that_has_not_read_what_it_was_told_was_not_told(scene: Scene, is_stopped: bool) -> None:
    go = scene.path / "go"
    wait = f"while [ ! -e {go} ]; do sleep 0.02; done"
    scene.turns("echo begun; sleep 60", f"echo begun; {wait}")
    process = scene.begin()
    wait_for_turns(scene, 1)
    scene.door.say("ann", "and the docs", now=True)
    wait_for_turns(scene, 2)
    if is_stopped:
        scene.door.ask_to_cancel()
    else:
        go.touch()
    scene.ended(process)
    assert scene.door.confirmed == 0
    assert scene.door.texts("stdout") == ["begun", "begun"]


def test_r38_a_turn_that_was_stopped_after_it_had_read_was_told(scene: Scene) -> None:
    scene.turns("echo begun; sleep 60", f"{READ}; echo begun; sleep 60")
    process = scene.begin()
    wait_for_turns(scene, 1)
    scene.door.say("ann", "and the docs", now=True)
    wait_for_turns(scene, 2)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"
    assert scene.door.confirmed == 1


def test_r38_a_task_that_no_turn_has_read_is_given_once_more(scene: Scene) -> None:
    """What was written while the run waited for its place may interrupt it at its first moment: then there is no session yet."""
    go = scene.path / "go"
    scene.turns(f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done; {READ}", "echo never", stdin="the task")
    process = scene.begin()
    wait_for_turns(scene, 1)
    scene.door.say("ann", "and the docs", now=True)
    wait_for_turns(scene, 2)
    go.touch()
    scene.ended(process)
    assert scene.door.texts("stdout") == [
        "begun", "begun", "got: the task", "got: ", "got: A message from ann, sent while you worked:", "got: ", "got: and the docs",
    ]
    assert scene.door.confirmed == 1


def test_r38_several_that_do_not_wait_interrupt_once_and_a_cancel_is_heard_after_them(scene: Scene) -> None:
    scene.turns("sleep 60", f"{READ}; echo begun; sleep 60")
    with scene.door.changed:
        scene.door.messages = [{"id": number, "author": "ann", "text": f"say {number}", "now": True} for number in (1, 2, 3)]
    process = scene.begin()
    wait_for_turns(scene, 1)
    # All of one answer are taken at once, so the runner listens again.
    scene.door.wait(lambda: scene.door.seen == 3)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"
    assert [text for text in scene.door.texts("runner") if "begins" in text] == ["turn 2 begins, with what ann said"]
    assert {"got: say 1", "got: say 2", "got: say 3"} <= set(scene.door.texts("stdout"))


def test_r37_a_cancel_that_comes_with_messages_is_not_kept_waiting_by_them(scene: Scene) -> None:
    scene.turns("echo begun; sleep 60", "echo never; sleep 60")
    with scene.door.changed:
        scene.door.messages = [{"id": number, "author": "ann", "text": f"say {number}", "now": True} for number in (1, 2)]
        scene.door.cancel = True
    assert scene.run()["reason"] == "cancelled"
    assert not any("interrupted" in text or "begins" in text for text in scene.door.texts("runner"))


def test_turns_follow_each_other_for_as_long_as_somebody_speaks(scene: Scene) -> None:
    wait = f"while [ ! -e {scene.path}/go$n ]; do sleep 0.02; done"
    scene.turns(f"n=1; echo 2 > count; echo ready; {wait}", f"{READ}; n=$(cat count); echo $((n + 1)) > count; {wait}")
    process = scene.begin()
    for number, seen in enumerate(("ready", "got: say 1", "got: say 2"), 1):
        scene.door.wait(lambda seen=seen: any(line["text"] == seen for line in scene.door.lines))  # type: ignore[misc]
        if number < 3:
            scene.door.say("ann", f"say {number}")
        (scene.path / f"go{number}").touch()
    assert scene.ended(process)["exit_code"] == 0
    assert [text for text in scene.door.texts("runner") if "begins" in text] == [
        "turn 2 begins, with what ann said", "turn 3 begins, with what ann said",
    ]


@pytest.mark.parametrize(("name", "signal"), [("INT", "INT"), ("TERM", "TERM")])
def test_now_interrupts_the_turn_by_the_agents_own_signal(scene: Scene, name: str, signal: str) -> None:
    scene.turns(
        f"trap 'echo told; exit 9' {signal}; echo ready; while :; do sleep 0.05; done", READ, interrupt_signal=name,
    )
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "stop that, do this", now=True)
    end = scene.ended(process)
    assert scene.door.texts("stdout")[:3] == ["ready", "told", "got: A message from ann, sent while you worked:"]
    assert (end["reason"], end["exit_code"]) == ("exited", 0)


def test_an_agent_that_ignores_the_interruption_is_killed_and_goes_on(scene: Scene) -> None:
    scene.places["interrupt_seconds"] = 0.3
    scene.turns("trap '' INT TERM; echo ready; while :; do sleep 0.05; done", READ, interrupt_signal="INT")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "now", now=True)
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"]) == ("exited", 0)
    assert "got: now" in scene.door.texts("stdout")


def test_no_turn_leaves_anything_running(scene: Scene) -> None:
    """A server of the turn before would go on writing while the next one works."""
    scene.turns(
        f"setsid sh -c 'echo $$ > {scene.path}/one; while :; do sleep 0.05; done' & "
        f"while [ ! -e {scene.path}/one ]; do sleep 0.02; done; echo ready; sleep 60",
        f"if [ -e /proc/$(cat {scene.path}/one) ]; then echo alive; else echo gone; fi",
    )
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "go on", now=True)
    scene.ended(process)
    assert scene.door.texts("stdout") == ["ready", "gone"]


def test_t18_the_last_word_of_the_gateway_is_read_by_a_turn_after_which_there_is_none(scene: Scene) -> None:
    go = scene.path / "go"
    scene.turns("echo two >> kept.txt; echo ready; sleep 60", f"{READ}; {a_turn_until(go)}", base_commit=scene.base)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say_ourselves("the budget is used up: finish now")
    scene.door.wait(lambda: len(scene.door.texts("stdout")) > 4)
    scene.door.say("ann", "one more thing", now=True)
    go.touch()
    end = scene.ended(process)
    assert scene.door.texts("stdout") == [
        "ready", "got: A message from Bellhop, sent while you worked:", "got: ", "got: the budget is used up: finish now", "ready", "over",
    ]
    assert (end["reason"], end["exit_code"], end["has_bundle"], scene.door.confirmed) == ("exited", 0, True, 0)


def test_r22_some_time_before_its_end_a_turn_is_told_to_wrap_up(scene: Scene) -> None:
    scene.turns("echo two >> kept.txt; echo ready; sleep 60", f"{READ}; echo three >> kept.txt", timeout_seconds=21.0, wrap_up_seconds=20.0,
                base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 0, True)
    assert any("Your time is nearly up" in text for text in scene.door.texts("stdout"))
    assert (scene.bundled() / "kept.txt").read_text() == "one\ntwo\nthree\n"


def test_r22_an_agent_that_stays_is_told_on_its_standard_input(scene: Scene) -> None:
    scene.shell("IFS= read -r line; printf '%s\\n' \"$line\"", wants_messages=True, timeout_seconds=21.0, wrap_up_seconds=20.0)
    assert scene.run()["reason"] == "exited"
    [line] = scene.door.texts("stdout")
    assert "Your time is nearly up" in line
    assert '"author": "Bellhop"' in line


def test_r22_a_wrap_up_that_does_not_end_is_stopped_at_the_wall_clock_and_the_work_kept(scene: Scene) -> None:
    endless = "trap '' TERM INT; echo two >> kept.txt; echo at it; while :; do sleep 0.05; done"
    scene.places["interrupt_seconds"] = 0.2
    scene.places["grace_seconds"] = 0.3
    scene.turns(endless, endless, timeout_seconds=3.0, wrap_up_seconds=2.5, base_commit=scene.base)
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("timeout", 137, True)
    assert scene.door.texts("stdout") == ["at it", "at it"]
    assert (scene.bundled() / "kept.txt").read_text() == "one\ntwo\ntwo\n"


def test_r22_quiet_is_counted_anew_in_each_turn(scene: Scene) -> None:
    scene.turns("echo ready; sleep 60", "echo again; sleep 60", idle_timeout_seconds=1.0)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "go on", now=True)
    assert scene.ended(process)["reason"] == "idle"
    assert scene.door.texts("stdout") == ["ready", "again"]


def test_a_next_turn_that_cannot_be_started_says_so_and_keeps_the_work(scene: Scene) -> None:
    scene.shell("echo two >> kept.txt; echo ready; sleep 60", next_argv=["no-such-program-here"], base_commit=scene.base)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "go on", now=True)
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 127, True)
    assert "no-such-program-here" in end["text"]


def test_a_stop_that_comes_while_a_turn_is_interrupted_is_not_lost(scene: Scene) -> None:
    scene.places["interrupt_seconds"] = 1.0
    scene.turns("trap '' TERM; echo ready; while :; do sleep 0.05; done", "echo never; sleep 60")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "go on", now=True)
    scene.door.ask_to_cancel()
    assert scene.ended(process)["reason"] == "cancelled"


def test_a_gateway_that_restarts_between_two_turns_loses_no_message(scene: Scene) -> None:
    go = scene.path / "go"
    scene.turns(a_turn_until(go), READ)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "and the docs")
    scene.door.stop()
    go.touch()
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        assert process.poll() is None
    scene.door.start()
    scene.ended(process)
    assert "got: and the docs" in scene.door.texts("stdout")


def test_an_agent_that_stays_is_told_what_does_not_wait_and_our_own_words_break_nothing_off(scene: Scene) -> None:
    scene.shell("echo ready; IFS= read -r a; IFS= read -r b; printf '%s\\n' \"$a\" \"$b\"", wants_messages=True)
    process = scene.begin()
    scene.door.wait(lambda: scene.door.lines)
    scene.door.say("ann", "not that", now=True)
    scene.door.wait(lambda: scene.door.confirmed == 1)
    scene.door.say_ourselves("the budget is used up")
    scene.ended(process)
    persons, own = (json.loads(text) for text in scene.door.texts("stdout")[1:])
    assert (persons["now"], own["text"], "now" in own) == (True, "the budget is used up", False)
