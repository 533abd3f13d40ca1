"""What people say at a chat service: whose word it is at GitHub, which repository it means, and how they are answered."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from app.core.person import Membership
from app.core.roster import Known, Roster
from app.emulators.github.seed import SeedRepository
from app.ledger import links, repositories
from tasks.deciding.identity import go_on_with_linked
from tasks.route import route
from tests.tasks.scene import Scene
from tests.tasks.talk import ANN, BEN, THREAD, linked, say, talking


def test_a_linked_members_words_start_a_run_with_what_their_github_account_may_do(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene)
    entry = say(scene, "@bellhop mend the tests")
    assert entry.state == "routed", entry
    assert entry.run_id is not None
    run = scene.run(entry.run_id)
    assert (run.event.actor.id, run.event.actor.login, run.event.repo.full_name) == ("101", "alice", "octo/hello")
    assert run.event.said_by is not None
    assert run.event.said_by.id == ANN
    card = talk.status(run.id)
    assert (card.state, card.thread, [each.name for each in card.buttons]) == ("waiting", THREAD, ["stop"])
    assert scene.comments() == [], "it speaks where it was asked, and opens nothing at GitHub"
    assert (entry.decision or "").startswith(f"start: {ANN} is linked with alice (id 101); octo/hello: it is the only one that Bellhop works in; ")
    # What is on file is the account that GitHub knows: approvals look there for who has asked.
    assert entry.event.actor.id == "101"


def test_words_that_a_delivery_leaves_out_are_asked_for_in_a_live_run_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = talking(scene)
    linked(scene)
    run_id = say(scene, "@bellhop mend the tests").run_id
    monkeypatch.setattr(talk, "complete", lambda event: event.model_copy(update={"text": "@bellhop stop"}))
    entry = say(scene, "@bellhop")
    assert (entry.run_id, scene.run(str(run_id)).stopped_by) == (run_id, "alice"), entry.decision


def test_t7_a_run_is_granted_no_more_than_the_linked_account_may_do(scene: Scene) -> None:
    talk = talking(scene)
    linked(scene, BEN, 102, "bob")
    entry = say(scene, "@bellhop mend the tests", BEN)
    assert entry.decision is not None
    assert entry.decision.startswith("ignore: not_permitted")
    [card] = talk.cards
    assert card.only_for == BEN
    assert "has the role triage" in card.body


@pytest.mark.parametrize("membership", ["guest", "stranger", "deactivated", "bot"])
def test_t15_t16_who_is_no_member_starts_nothing_linked_or_not(scene: Scene, membership: Membership) -> None:
    talk = talking(scene)
    linked(scene)
    talk.is_one(ANN, membership)
    for _ in range(2):
        entry = say(scene, "@bellhop mend the tests")
        assert (entry.state, (entry.decision or "").split(" (")[0]) == ("ignored", f"ignore: {membership}")
    assert scene.all_runs() == []
    assert [card.only_for for card in talk.cards] == ([ANN] if membership == "guest" else []), "told once, or not at all"


def test_t15_an_account_of_another_workspace_is_a_stranger_whatever_the_service_says(scene: Scene) -> None:
    talking(scene)
    linked(scene, "T0OTHER/U0ANN")
    assert (say(scene, "@bellhop mend it", "T0OTHER/U0ANN").decision or "").startswith("ignore: stranger")


def test_t17_a_maintainers_name_or_id_gives_nobody_anything(scene: Scene) -> None:
    """The account is called as a maintainer is, by what people see, by its login, and its id is the number of one at GitHub."""
    talk = talking(scene)
    linked(scene)
    talk.is_one("T061EG9R6/101", "member", "alice")
    for _ in range(2):
        assert say(scene, "@bellhop mend it", "T061EG9R6/101", login="alice").state == "stored", "it waits to be linked"
    assert scene.all_runs() == []
    [card] = talk.cards
    assert card.only_for == "T061EG9R6/101"


def test_what_nobody_has_addressed_costs_no_question_and_no_answer(scene: Scene) -> None:
    talk = talking(scene)
    entry = say(scene, "lunch, anybody?", kind="slack.message")
    assert (entry.decision or "").startswith("ignore: not_addressed")
    assert (talk.asked, talk.cards, scene.github.live_tokens()) == (0, [], [])


def test_who_is_not_linked_gets_a_link_and_their_wish_goes_on_once_they_are(scene: Scene) -> None:
    talk = talking(scene)
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"public_url": "https://bellhop.example.com"}))
    entry = say(scene, "@bellhop mend the tests")
    assert entry.state == "stored"
    assert scene.all_runs() == []
    [card] = talk.cards
    assert card.only_for == ANN
    token = re.fullmatch(r"https://bellhop\.example\.com/link\?token=(\S+)", card.links[0].url)
    assert token is not None
    with scene.database.read() as tx:
        kept = tx.exec_driver_sql("SELECT card FROM cards").all()
    assert token[1] not in str(kept), "only its hash is on file"
    # A second word within the minutes is no second link; both go on.
    say(scene, "@bellhop and the docs")
    assert len(talk.cards) == 1
    with scene.database.begin() as tx:
        assert links.spend(tx, token[1], 101, "alice") is not None
    go_on_with_linked(scene.parts)
    scene.later()
    scene.recover(1)
    [run] = scene.all_runs()
    assert run.event.actor.login == "alice"
    assert any(card.body == "Linked with alice on GitHub. What you asked for goes on now." for card in talk.cards)


def test_who_is_not_linked_in_time_is_told_nothing_more_and_starts_nothing(scene: Scene) -> None:
    talk = talking(scene)
    entry = say(scene, "@bellhop mend the tests")
    assert "bellhop identity link slack" in talk.cards[0].body, "without a public address the operator has to say so"
    scene.sql("UPDATE waits SET expires_at_ms = 0")
    scene.sql("UPDATE inbox SET next_at_ms = 0")
    route(scene.parts, entry.id)
    assert (scene.entry(entry.id).decision or "").startswith("ignore: unlinked")
    assert scene.all_runs() == []


def test_a_command_has_no_thread_to_write_the_answer_in_so_its_channel_does(scene: Scene) -> None:
    talking(scene, "octo/secret")
    scene.github.cover(55, "octo/secret")
    scene.github.set_role("octo/secret", "alice", "write")
    linked(scene)
    linked(scene, BEN, 103, "carol")
    channel = THREAD.rpartition("/")[0]
    earlier, newest = (say(scene, f"@bellhop task {number}", kind="slack.command", thread=f"{channel}/command-{number}") for number in (1, 2))
    assert (earlier.state, newest.state) == ("stored", "stored")
    say(scene, "@bellhop octo/hello", thread=f"{channel}0/1355517600.000000")
    say(scene, "@bellhop octo/hello", BEN, thread=f"{channel}/1355517600.000001")
    assert [scene.entry(each.id).state for each in (earlier, newest)] == ["stored", "stored"], "not from another channel, nor by somebody else"
    assert (say(scene, "@bellhop octo/hello", thread=f"{channel}/1355517600.000002").decision or "").startswith("answer: ")
    scene.pump()
    [run] = [each for each in scene.all_runs() if each.event.actor.login == "alice"]
    assert run.event.text == "@bellhop task 2"


def test_who_asks_again_later_gets_a_new_link(scene: Scene) -> None:
    """What only one person sees is gone when they load Slack anew, and what they ask then must not wait for a link that nobody can open."""
    talk = talking(scene)
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"public_url": "https://bellhop.example.com"}))
    say(scene, "@bellhop mend the tests")
    scene.sql("UPDATE cards SET put_at_ms = put_at_ms - 61000")
    say(scene, "@bellhop and the docs", thread=f"{THREAD}7")
    first, again = talk.cards
    assert (first.thread, again.thread) == (THREAD, f"{THREAD}7")
    old, new = (card.links[0].url.partition("token=")[2] for card in (first, again))
    with scene.database.begin() as tx:
        assert (links.spend(tx, old, 101, "alice"), links.spend(tx, new, 101, "alice") is not None) == (None, True)


def test_who_links_too_late_is_told_to_ask_again(scene: Scene) -> None:
    """The link is sent after the wish was noted, and may be later still where the service does not take it at once."""
    talk = talking(scene)
    scene.parts = replace(scene.parts, settings=scene.settings.model_copy(update={"public_url": "https://bellhop.example.com"}))
    entry = say(scene, "@bellhop mend the tests")
    token = talk.cards[0].links[0].url.partition("token=")[2]
    scene.sql("UPDATE waits SET expires_at_ms = 0")
    scene.sql("UPDATE inbox SET next_at_ms = 0")
    route(scene.parts, entry.id)
    with scene.database.begin() as tx:
        assert links.spend(tx, token, 101, "alice") is not None
    go_on_with_linked(scene.parts)
    assert talk.cards[-1].body == "Linked with alice on GitHub. What you asked for did not wait any longer: ask for it again."
    assert scene.all_runs() == []


def test_an_ambiguous_repository_is_asked_for_and_only_the_asker_answers(scene: Scene) -> None:
    talk = talking(scene, "octo/secret")
    scene.github.cover(55, "octo/secret")
    scene.github.set_role("octo/secret", "alice", "write")
    linked(scene)
    linked(scene, BEN, 103, "carol")
    entry = say(scene, "@bellhop mend the tests")
    assert entry.state == "stored"
    [card] = talk.cards
    assert card.menu is not None
    assert (card.only_for, [option.value for option in card.menu.options]) == (ANN, ["octo/hello", "octo/secret"])
    assert (say(scene, "octo/hello", BEN, kind="slack.choice", button=card.menu.name).decision or "").startswith("ignore: no_answer")
    assert scene.all_runs() == []
    assert (say(scene, "octo/hello", kind="slack.choice", button=card.menu.name, thread=f"{THREAD}7").decision or "").startswith("answer: ")
    scene.pump()
    [run] = scene.all_runs()
    assert (run.event.repo.full_name, run.event.actor.login, run.event.text) == ("octo/hello", "alice", "@bellhop mend the tests")
    assert talk.now(card.key).menu is None
    # The next word in the thread is about the same repository, and nobody is asked.
    assert say(scene, "@bellhop and the docs").run_id == run.id


def test_nobody_reads_the_name_of_a_repository_that_they_may_not_work_in(scene: Scene) -> None:
    talk = talking(scene, "octo/secret")
    scene.github.cover(55, "octo/secret")
    linked(scene)
    say(scene, "@bellhop mend the tests")
    assert "octo/secret" not in str(talk.cards)
    [run] = scene.all_runs()
    assert run.event.repo.full_name == "octo/hello", "it is the only one that alice may write to"
    # By name: in the same words whether it is there or not.
    for name in ("octo/secret", "octo/nothing"):
        say(scene, f"@bellhop repo={name} do it", thread=f"{THREAD}9")
        assert talk.cards[-1].headline == "Nothing was started"
        assert talk.cards[-1].body.replace(name, "X") == (
            "Nothing was started: X is no repository in which both you and this bot may work, as GitHub says."
        )
    assert len(scene.all_runs()) == 1


def test_a_guess_at_a_repositorys_name_says_nothing_of_one_that_they_may_not_work_in(scene: Scene) -> None:
    """Neither in the request nor as the answer to which is meant: it is as if none went by that name."""
    made = scene.github.add_repository(SeedRepository(full_name="octo/shop", files={"a": "b"}, collaborators={"alice": "write"}))
    scene.github.cover(55, "octo/shop")
    scene.github.cover(55, "octo/secret")
    talk = talking(scene, "octo/secret")
    with scene.database.begin() as tx:
        here = (Known(id=made.id, full_name="octo/shop", default_branch="main", archived=False),)
        repositories.hear(tx, Roster(source="github", kind="installation_repositories.added", installation_id=55, here=here))
    linked(scene)
    shown = []
    for name in ("secret", "vault"):
        before = len(talk.cards)
        for words in (f"@bellhop repo={name} do it", f"@bellhop {name}", f"@bellhop repo={name}"):
            assert say(scene, words, thread=f"{THREAD}{len(name)}").state == "stored", "each is a wish, and which repository it means is asked"
        shown.append([(card.kind, card.body.replace(name, "X"), card.menu and card.menu.options) for card in talk.cards[before:]])
    assert shown[0] == shown[1]
    assert "octo/secret" not in str(talk.cards)
    # Of one that they may work in the name alone is enough.
    assert (say(scene, "@bellhop shop", thread=f"{THREAD}6").decision or "").startswith("answer: ")


def test_words_and_the_operators_file_say_which_repository_is_meant(scene: Scene) -> None:
    talking(scene, "octo/secret")
    linked(scene)
    entry = say(scene, "@bellhop repo=hello mend it")
    assert entry.run_id is not None, entry
    assert scene.run(entry.run_id).event.repo.full_name == "octo/hello"
    scene.parts = replace(scene.parts, places={"channel:c024be91l": "octo/hello"})
    entry = say(scene, "@bellhop mend it", thread=f"{THREAD}1")
    assert entry.run_id is not None, entry
    assert scene.run(entry.run_id).event.repo.id == 1001
