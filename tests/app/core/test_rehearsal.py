"""What a profile would have made of the past: what is known, and what nobody asked about then."""

from __future__ import annotations

from app.core.deciding.rehearsal import Guess, Past, rehearse
from app.core.event import Actor, Event
from tests.app.core.test_decide import BOT, TALK, comment, event, profile

FIX = profile("fix")["fix"]
HAD = "start: profile other takes it; octocat has write, needed is write"
HAD_NOT = "ignore: not_permitted (profile other takes it; octocat has read, needed is write)"


def of(*past: tuple[int, Event, str | None], run_ms: int = 1000) -> list[Guess]:
    return [*rehearse(FIX, [Past(number, at_ms, what, said) for number, (at_ms, what, said) in enumerate(past)], bot_login=BOT, run_ms=run_ms)]


def test_what_is_on_record_about_the_person_counts_and_without_it_nobody_knows() -> None:
    known, refused, unknown = of((0, event(), HAD), (9000, event(), HAD_NOT), (18000, event(), "ignore: no_profile (none of the 1 profiles takes it)"))
    assert [each.verdict for each in (known, refused, unknown)] == ["start", "no", "unknown"]
    assert refused.key == "not_permitted"
    assert unknown.why == "nobody asked then what octocat may do"


def test_an_event_while_a_run_would_be_at_work_starts_no_second_one() -> None:
    same, elsewhere = event(), event(thread="github:octo/hello#8")
    assert [each.verdict for each in of((0, same, HAD), (500, same, HAD), (600, elsewhere, HAD), (1000, same, HAD))] == ["start", "live", "start", "start"]


def test_the_key_that_kept_it_from_ringing_is_counted() -> None:
    assert [each.key for each in of((0, event(label="bug"), None), (1, event("pull_request.opened"), None))] == ["on.issues.labels", "on.pull_request"]
    bot = event(actor=Actor(id="9", login="x[bot]", kind="bot"))
    assert [each.key for each in of((0, bot, None))] == ["bot"]


def test_files_that_nobody_kept_are_unknown() -> None:
    wants = profile("fix", on={"pull_request": {"paths": ["docs/**"]}})["fix"]
    happening = event("pull_request.opened", label=None, is_pull_request=True, number=7)
    [guess] = rehearse(wants, [Past(1, 0, happening, HAD)], bot_login=BOT, run_ms=0)
    assert (guess.verdict, guess.why) == ("unknown", "nobody kept which files it changed")


def test_words_have_to_address_the_bot_here_too() -> None:
    past = [Past(1, 0, comment("hello"), None), Past(2, 1, comment("@bellhop go"), HAD)]
    assert [each.verdict for each in rehearse(TALK["talk"], past, bot_login=BOT, run_ms=0)] == ["no", "start"]
