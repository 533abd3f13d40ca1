"""One job on several surfaces: found by what people link to, at work once, shown everywhere, stopped from anywhere."""

from __future__ import annotations

from app.core.event import Event
from app.core.outcome import PullRequest
from app.ledger import cases, runs
from tasks.route import route
from tests.tasks.scene import BOB, Scene, profile
from tests.tasks.talk import ANN, BEN, CHANNEL, TEAM, THREAD, Talk, linked, say, talking

ISSUE = "/octo/hello/issues/1"
PERMALINK = f"https://octo.slack.com/archives/{CHANNEL}/p1355517519000000"


def at_work(scene: Scene) -> tuple[Talk, str]:
    """Have ann ask in Slack for what the issue is about, and return the run's id."""
    talk = talking(scene)
    linked(scene)
    entry = say(scene, f"@bellhop see {scene.github.web_url}{ISSUE} please")
    assert entry.run_id is not None, entry
    return talk, entry.run_id


def test_a_link_to_an_issue_makes_its_thread_the_same_case(scene: Scene) -> None:
    talk, run_id = at_work(scene)
    [comment] = scene.comments()
    assert "On it" in comment.body, "its status is mirrored in the issue"
    assert scene.comment("and the docs, please").run_id == run_id, "a follow-up there reaches the same run"
    assert say(scene, "and the tests", kind="slack.message").run_id == run_id
    with scene.database.read() as tx:
        assert len(runs.recent(tx)) == 1
    # Stop from the other surface.
    assert scene.comment("@bellhop stop").run_id == run_id
    assert scene.run(run_id).stopped_by == "alice"
    assert "is to end" in talk.status(run_id).headline


def test_a_permalink_in_a_permitted_comment_brings_a_slack_thread_to_a_live_run(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene, BEN, 103, "carol")
    run_id = scene.routed()
    assert scene.comment(f"the discussion is at {PERMALINK}").run_id == run_id
    assert say(scene, "@bellhop and mind the docs", BEN).run_id == run_id
    card = talk.status(run_id)
    assert (card.thread, card.state) == (THREAD, "waiting"), "its status is mirrored where somebody has spoken"
    assert (say(scene, "@bellhop stop", BEN).run_id, scene.run(run_id).stopped_by) == (run_id, "carol")
    assert "is to end" in talk.status(run_id).headline


def test_t7_words_of_who_may_not_ring_join_nothing(scene: Scene) -> None:
    talking(scene)
    linked(scene)
    run_id = scene.routed()
    scene.comment(f"@bellhop see {PERMALINK}", BOB)
    scene.comment(f"see {PERMALINK}", BOB)
    entry = say(scene, "@bellhop mend the tests")
    assert entry.run_id not in (None, run_id)


def test_a_job_that_stands_outside_is_kept_apart_and_that_is_said(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    first = scene.routed()
    other = say(scene, "@bellhop mend the tests").run_id
    assert other not in (None, first)
    again = say(scene, f"@bellhop see {scene.github.web_url}{ISSUE}")
    assert again.run_id == other, "each of them goes on"
    with scene.database.read() as tx:
        assert cases.known_case(tx, THREAD) != cases.known_case(tx, "github:octo/hello#1")
    scene.sql("UPDATE runs SET state = 'done' WHERE id = :id", id=other)
    # Now one of them has neither a run under way nor a result: it goes into the other.
    assert say(scene, f"@bellhop see {scene.github.web_url}{ISSUE}").run_id == first
    assert talk.status(first).thread == THREAD
    assert scene.run(str(other)).case_id == scene.run(first).case_id


def test_the_database_keeps_a_case_from_two_live_runs(scene: Scene) -> None:
    _, run_id = at_work(scene)
    event = scene.run(run_id).event.model_copy(update={"thread": "github:octo/hello#1"})
    with scene.database.begin() as tx:
        assert runs.create(tx, event, profile(), None) is None


def test_a_link_to_another_issue_or_on_the_same_surface_is_no_second_name(scene: Scene) -> None:
    _, run_id = at_work(scene)
    scene.github.person("alice").open_issue("octo/hello", "another")
    say(scene, f"like {scene.github.web_url}/octo/hello/issues/2 and {scene.github.web_url}/octo/secret/issues/1", kind="slack.message")
    scene.comment(f"like {scene.github.web_url}/octo/hello/issues/2")
    with scene.database.read() as tx:
        assert cases.threads_of(tx, scene.run(run_id).case_id) == ["github:octo/hello#1", THREAD]


def test_the_first_card_of_a_command_makes_its_message_the_thread(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    real = f"slack:{TEAM}/{CHANNEL}/1355517600.000000"
    talk.moved_to = real
    run_id = say(scene, "@bellhop mend the tests", kind="slack.command", thread=f"slack:{TEAM}/{CHANNEL}/command-1").run_id
    assert run_id is not None
    assert say(scene, "@bellhop and the docs", thread=real).run_id == run_id
    assert {card.key for card in talk.cards} == {run_id}, "it is one card"


def test_what_follows_a_commands_first_card_stands_below_it_and_once(scene: Scene) -> None:
    """An answer or another run's card in a thread of its own would be a conversation beside the one, and from then on every card would come twice."""
    talk = talking(scene)
    linked(scene)
    real, talk.moved_to = f"slack:{TEAM}/{CHANNEL}/1355517600.000000", f"slack:{TEAM}/{CHANNEL}/1355517600.000000"
    first = say(scene, "@bellhop mend the tests", kind="slack.command", thread=f"slack:{TEAM}/{CHANNEL}/command-1").run_id
    assert first is not None
    # From now on what is shown elsewhere stands elsewhere.
    talk.moved_to = ""
    say(scene, "@bellhop status", thread=real)
    assert talk.now(f"{first}-answer").thread == real
    scene.sql("UPDATE runs SET state = 'done' WHERE id = :id", id=first)
    second = say(scene, "@bellhop and the docs", thread=real).run_id
    assert second not in (None, first)
    assert [card.thread for card in talk.cards if card.key == second] == [real]
    with scene.database.read() as tx:
        assert len(cases.places_of(tx, scene.run(first).case_id)) == 1


def test_work_in_another_repository_stands_on_nothing_of_the_first(scene: Scene) -> None:
    """One conversation, two repositories: what was published in the first is no branch of the second."""
    talking(scene, "octo/secret")
    scene.github.cover(55, "octo/secret")
    scene.github.set_role("octo/secret", "alice", "write")
    linked(scene)
    first = say(scene, "@bellhop repo=octo/hello mend the tests").run_id
    opened = PullRequest(url="https://github.com/octo/hello/pull/5", number=5, branch="b", title="t", draft=False, verify=None)
    scene.sql("UPDATE runs SET state = 'done', candidate = '{}', outcome = :outcome WHERE id = :id", id=first, outcome=opened.model_dump_json())
    run = scene.run(str(say(scene, "@bellhop repo=octo/secret likewise").run_id))
    assert (run.event.repo.full_name, run.case_id, run.parent_id) == ("octo/secret", scene.run(str(first)).case_id, None)
    again = run.model_copy(update={"id": "later", "event": scene.run(str(first)).event})
    with scene.database.read() as tx:
        assert runs.published_before(tx, run) == []
        assert [earlier.id for earlier, _ in runs.published_before(tx, again)] == [first]


def test_a_requester_in_slack_does_not_approve_their_own_at_github(scene: Scene) -> None:
    """Who has asked is looked up in what is on file: there it is the account at GitHub, not the one of the surface."""
    _, run_id = at_work(scene)
    say(scene, "and the docs", kind="slack.message")
    with scene.database.read() as tx:
        actors = {row[0] for row in tx.exec_driver_sql("SELECT event FROM inbox WHERE run_id IS NOT NULL").all()}
    assert {Event.model_validate_json(each).actor.id for each in actors} == {"101"}
    assert scene.run(run_id).event.said_by is not None
    assert scene.run(run_id).event.said_by.id == ANN  # type: ignore[union-attr]


def test_r38_a_service_that_does_not_answer_gets_the_card_later_and_once(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    talk.fails = 1
    entry = say(scene, "@bellhop mend the tests")
    assert talk.cards == []
    scene.recover(1)
    assert {card.key for card in talk.cards} == {entry.run_id}


def test_an_event_on_file_is_decided_on_once_whoever_routes_it_again(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    entry = say(scene, "@bellhop mend the tests")
    route(scene.parts, entry.id)
    assert (len(scene.all_runs()), talk.asked) == (1, 1)
