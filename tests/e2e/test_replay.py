"""A recorded run once more, in a real sandbox: the same, or told apart."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pydantic import SecretStr
from rich.console import Console

from app.commands.replay import replay_run
from app.emulators.model import ANTHROPIC_KEY, ModelEmulator, Script, ToolCall, Turn, serve
from app.errors import BellhopError
from app.ledger import audit
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs, some seconds each

MINI = """\
on:
  issues: {types: [labeled], labels: [bellhop]}
agent: {uses: mini, model: anthropic/claude-sonnet-4-5}
container: {isolation: process}
"""
SUBMIT = "printf 'COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\\nThe cents are right now.\\n'"
COMMAND = "echo working\nsed -i s/999/1000/ till.txt\n"

Recorded = Callable[[], Road]


def bash(command: str) -> Turn:
    return Turn(text="I act.", tools=(ToolCall(name="bash", arguments={"command": command}),))


@pytest.fixture
def mini_run(embed: Embed) -> Iterator[Recorded]:
    """A run of mini that is over, its model gone."""
    with ExitStack() as stack:

        def start() -> Road:
            model = ModelEmulator(Script.model_validate({"turns": (
                bash("cat till.txt; date; git log -1 --format=%H; ls -l"),
                bash("sed -i s/999/1000/ till.txt && git commit -qam 'mend it' && git log -1 --format=%h && mktemp"),
                bash(SUBMIT),
            )}))
            with serve(model) as url:
                road = embed(MINI, anthropic_api_key=SecretStr(ANTHROPIC_KEY), anthropic_api_url=url)
                over(road)
            return road

        yield start
        stack.close()


def over(road: Road) -> None:
    road.ring()
    road.told("ull request")
    until(lambda: road.newest().state == "done", "the run is over", road.log)
    road.nothing_is_left()


def replayed(road: Road) -> tuple[int, str]:
    """Replay the newest run; return the exit code and all that was printed."""
    said = io.StringIO()
    console = Console(file=said, width=200, highlight=False, markup=False)
    before = (road.github.branches(REPO), len(road.comments()), len(road.github.pull_requests(REPO)))
    code = replay_run(road.bellhop.parts.settings, console, road.newest().id, as_json=False)
    assert (road.github.branches(REPO), len(road.comments()), len(road.github.pull_requests(REPO))) == before
    assert road.github.live_tokens() == []
    road.nothing_is_left()
    return code, said.getvalue()


def change(road: Road, statement: str, *values: object) -> None:
    with road.bellhop.database.begin() as tx:
        assert tx.exec_driver_sql(statement, values).rowcount > 0


def test_a_run_of_mini_comes_to_the_same_without_its_model(mini_run: Recorded) -> None:
    road = mini_run()
    code, said = replayed(road)
    assert (code, "The same: tree" in said) == (0, True), said
    assert "sed -i s/999/1000/" in said


def test_a_run_of_a_command_comes_to_the_same(embed: Embed, capsys: pytest.CaptureFixture[str]) -> None:
    road = embed(sealed(COMMAND))
    over(road)
    code, said = replayed(road)
    assert (code, "The same: tree" in said, "working" in said) == (0, True, True), said
    assert replay_run(road.bellhop.parts.settings, Console(file=io.StringIO()), road.newest().id, as_json=True) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["outcome"], found["why"], found["tree_then"]) == ("same", [], found["tree_now"])


def test_a_command_that_does_something_else_each_time_is_told_apart(embed: Embed) -> None:
    road = embed(sealed("head -c 8 /dev/urandom | od -An -tx1 > till.txt"))
    over(road)
    code, said = replayed(road)
    assert code == 1
    assert "the result is another one: then tree" in said


def test_a_record_whose_answer_was_changed_gives_another_result(mini_run: Recorded) -> None:
    road = mini_run()
    change(road, "UPDATE exchanges SET response = CAST(replace(CAST(response AS TEXT), '999/1000/', '999/1001/') AS BLOB)"
                 " WHERE CAST(response AS TEXT) LIKE '%999/1000/%'")
    code, said = replayed(road)
    assert code == 1
    assert "the result is another one" in said
    # The next request repeats what the model said, so it is not the one of then either.
    assert "was asked otherwise, first at request.messages" in said


def test_a_record_whose_request_was_changed_is_shown_where(mini_run: Recorded) -> None:
    road = mini_run()
    change(road, "UPDATE exchanges SET request = CAST(replace(CAST(request AS TEXT), 'A cent is lost', 'A cent is won') AS BLOB)")
    code, said = replayed(road)
    assert code == 1
    assert said.count("was asked otherwise") == 1
    assert "-" in said
    assert "A cent is won" in said
    assert "the result is another one" not in said


def test_a_record_with_an_exchange_too_many_or_too_few_is_told(mini_run: Recorded) -> None:
    road = mini_run()
    columns = ("run_id, sandbox_id, api, path, request, status, content_type, response, started_at_ms, duration_ms")
    change(road, f"INSERT INTO exchanges ({columns}) SELECT {columns} FROM exchanges LIMIT 1")  # noqa: S608 - the test's own words
    code, said = replayed(road)
    assert (code, "1 of 4 recorded requests were not made" in said) == (1, True), said
    change(road, "DELETE FROM exchanges WHERE id > 2")
    code, said = replayed(road)
    assert (code, "that was not made then" in said) == (1, True), said


def test_a_base_that_this_host_has_lost_is_fetched_again_and_the_token_revoked(embed: Embed) -> None:
    road = embed(sealed(COMMAND))
    over(road)
    shutil.rmtree(road.state_dir / "mirrors")
    code, said = replayed(road)
    assert (code, "The same" in said) == (0, True), said
    with road.bellhop.database.read() as tx:
        used = [row.action for row in audit.of_run(tx, road.newest().id)]
    assert used[-2:] == ["mint workspace", "revoke workspace"]


def test_a_base_that_nobody_has_any_more_is_said(embed: Embed) -> None:
    road = embed(sealed(COMMAND))
    over(road)
    change(road, "UPDATE runs SET base_commit = ?", "d" * 40)
    with pytest.raises(BellhopError, match="could not fetch it") as refused:
        replayed(road)
    assert refused.value.reason == "cannot_replay"
