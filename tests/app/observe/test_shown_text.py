"""T70: what an agent wrote steers neither a page nor a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.core.outcome import Failed, NothingToDo
from app.core.step import Step
from app.ledger import runs
from app.ledger.database import Database
from app.observe import views
from app.observe.console import follow, print_step, rows_table, runs_table, transcript, watch
from app.observe.listing import Beside
from app.observe.text import cut, line, printable, span
from tests.app.observe.scene_runs import ended, event, log_lines, say, started

HOSTILE = {
    "link": "\x1b]8;;https://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;mine\x07",
    "colour": "\x1b[31mred\x1b[0m",
    "clear": "\x1b[2J\x1b[H",
    "eight bit": "\x9b31mred\x9d0;x\x9c",
    "carriage return": "safe\rrm -rf /",
    "backspace": "good\b\b\b\bevil",
    "bidi": "a\u202eb\u2066c\u2069\u200f\u061cd",
    "invisible": "a\u200bb\ufeffc\U000e0041d",
    "nul": "a\x00b",
    "separators": "a\u2028b\u2029c\x85d",
    "delete": "a\x7fb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_t70_nothing_that_steers_is_left(text: str) -> None:
    shown = printable(text)
    assert not [c for c in shown if not c.isprintable() and c not in "\n\t"]


def test_t70_words_stay_where_a_terminal_would_hide_them() -> None:
    assert "https://evil.test" in printable(HOSTILE["link"])
    assert printable(HOSTILE["carriage return"]) == "safe\nrm -rf /"
    assert printable(HOSTILE["colour"]) == "red"
    assert printable("a\u00a0b\u3000c") == "a b c"
    assert printable("日本語 ✓\n\tnaïve") == "日本語 ✓\n\tnaïve"
    assert printable("a\r\nb") == "a\nb"


def test_lines_and_cuts() -> None:
    assert line("a\n b\t c" * 2, 100) == "a b ca b c"
    assert line("x" * 50, 10) == "xxxxxxx..."
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "abc\n[1 more characters]"
    assert [span(ms) for ms in (None, -5, 0, 999, 1000, 59_949, 61_000, 3_600_000)] == [
        "...", "0 ms", "0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 01 s", "60 min 00 s"]


def terminal(width: int = 60) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, markup=False, emoji=False)


def said(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_t70_a_step_cannot_steer_the_terminal(text: str, database: Database) -> None:
    run_id, lease = started(database, event(title=text, login=text))
    say(database, run_id, Step(kind="log", text=text))
    ended(database, lease, Failed(reason="idle", text=text))
    console = terminal(200)
    with database.read() as tx:
        found = runs.recent(tx)
        rows = list(transcript(database, run_id))
        view = views.view(tx, run_id)
    assert view is not None
    print_step(console, rows[0])
    console.print(runs_table(found, Beside({}, {})))
    console.print(rows_table([("by", line(text))]))
    # What is left are the colours that we set ourselves.
    own = said(console)
    while "\x1b[" in own:
        before, _, after = own.partition("\x1b[")
        codes, _, rest = after.partition("m")
        assert set(codes) <= set("0123456789;")
        own = before + rest
    assert not [c for c in own if not c.isprintable() and c not in "\n\t"]


def test_a_long_line_is_not_folded_and_markup_is_text(database: Database) -> None:
    run_id, _ = started(database)
    text = "[bold]x[/bold] [/nothing] :smile: " + "y" * 500
    say(database, run_id, Step(kind="tool_result", text=text))
    console = Console(file=io.StringIO(), width=40, highlight=False, markup=False, emoji=False)
    print_step(console, next(transcript(database, run_id)))
    assert said(console) == f"[tool_result] {text}\n"


def test_following_ends_with_the_run_and_loses_no_step(database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, *log_lines(1_200))
    coming = follow(database, run_id)
    assert [next(coming).step.text for _ in range(1_200)] == [f"line {number}" for number in range(1_200)]
    say(database, run_id, Step(kind="message", text="last"))
    ended(database, lease, NothingToDo(text="x"))
    assert [row.step.text for row in coming] == ["last"]
    assert len(list(transcript(database, run_id))) == 1_201


def test_following_gives_up_after_its_time(database: Database) -> None:
    run_id, _ = started(database)
    with pytest.raises(TimeoutError, match=run_id):
        list(follow(database, run_id, timeout_seconds=0.01))
    with pytest.raises(TimeoutError, match="it is running"):
        watch(terminal(), database, run_id, timeout_seconds=0.01)


def test_watching_shows_each_stage_and_returns_the_run(database: Database) -> None:
    run_id, lease = started(database)
    say(database, run_id, Step(kind="message", text="hello"))
    ended(database, lease, NothingToDo(text="x"))
    console = terminal(100)
    assert watch(console, database, run_id, timeout_seconds=5).state == "done"
    for stage in ("waiting for a worker", "agent at work", "publishing"):
        assert stage in said(console)


def test_a_step_of_the_verify_sandbox_is_named_so(tmp_path: Path, database: Database) -> None:
    run_id, _ = started(database)
    say(database, run_id, Step(kind="log", text="OK"), role="verify")
    say(database, run_id, Step(kind="log", text="OK"), role="verify-2")
    say(database, run_id, Step(kind="log", text="OK"), role="work-2")
    assert [views.role_of(row) for row in transcript(database, run_id)] == ["verify", "verify", "work"]
