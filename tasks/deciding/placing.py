"""Which repository an event means that was said where none is: found out, or asked of the person who said it."""

from __future__ import annotations

from app.core.card import Card, Menu, Option
from app.core.deciding.placing import Ground, Placed, candidates, is_full_name, needed, place, ranked
from app.core.deciding.said import said_to
from app.core.deciding.whose import account_of
from app.core.event import Event, Repo
from app.core.permission import may
from app.core.words.links import repositories_in
from app.errors import GrantRefused, ServiceError
from app.ledger import cards, inbox, repositories, runs, waits
from tasks.deciding.identity import settle_ignored
from tasks.deciding.lookup import looked_up
from tasks.grants import authorise_grant
from tasks.keeping.census import count_repositories
from tasks.parts import Parts
from tasks.replying.loose_cards import show_cards

FORGE = "github"
CHOOSE_SECONDS = 24 * 3600.0
# Of each that is offered the forge is asked whether the person may work there: nobody reads the name of what they may not see.
MOST_OFFERED = 20
_HISTORY = 200


def of_its_case(parts: Parts, event: Event) -> Event:
    """Return the event with the repository of its case: of the run that is live there, or of the last one, unless the words name another."""
    if event.repo.is_said:
        return event
    names_one = event.is_comment and said_to(event.text, parts.settings.bot_login).repo
    with parts.database.read() as tx:
        run = runs.live_in_thread(tx, event.thread)
        if run is None and not names_one:
            run = next(iter(runs.over_in_thread(tx, event.thread)), None)
    return event if run is None else event.model_copy(update={"repo": run.event.repo})


def placed(parts: Parts, inbox_id: int, event: Event) -> tuple[Event, str] | None:
    """Return the event in its repository, as it is now at the forge, and how that comes to be the one.

    None: its person is asked which is meant, or told that there is none.

    `event` is of somebody who is linked. Raises BellhopError.
    """
    if event.repo.is_said:
        return looked_up(parts, event), f"{event.repo.full_name} is what this conversation is about"
    known = _installed(parts)
    with parts.database.read() as tx:
        wait = waits.of_event(tx, inbox_id)
    ground = _ground(parts, event, tuple(known), wait)
    found = place(event, parts.profiles, ground, parts.settings.bot_login)
    if ground.said and not ground.chosen and found.full_name in known and not is_full_name(ground.said) and not can_see(parts, event, known[found.full_name]):
        # Whoever guesses a name learns no owner: as if there were none that goes by it.
        hidden = ground.model_copy(update={"installed": tuple(name for name in known if name != found.full_name)})
        found = place(event, parts.profiles, hidden, parts.settings.bot_login)
    if not found.full_name:
        return _asked(parts, inbox_id, event, known, found)
    at = _at(parts, inbox_id, event, known.get(found.full_name) or Repo.named(found.full_name))
    return None if at is None else (at, f"{found.full_name}: {found.why}")


def _installed(parts: Parts) -> dict[str, Repo]:
    """Return the repositories that the App is installed on. Raises ServiceError as long as nobody has looked where that is."""
    for _ in range(2):
        with parts.database.read() as tx:
            known = {repo.full_name: repo for repo in repositories.known(tx, FORGE)}
        if known:
            return known
        # A Bellhop that has just been set up.
        count_repositories(parts, parts.settings.host_name)
    raise ServiceError("nobody knows yet which repositories the App is installed on, or it is on none", reason="repositories_unknown")


def _ground(parts: Parts, event: Event, installed: tuple[str, ...], wait: waits.Wait | None) -> Ground:
    spoken = event.is_comment
    return Ground(
        said=said_to(event.text, parts.settings.bot_login).repo if spoken else "", chosen=wait.repository if wait is not None else "",
        mapping=parts.places, installed=installed,
        # Of what is not said by whoever rings, such as an issue's text, links choose nothing.
        linked=repositories_in(event.text, parts.settings.github_web_url) if spoken else (),
    )


def _at(parts: Parts, inbox_id: int, event: Event, repo: Repo) -> Event | None:
    try:
        return looked_up(parts, event.model_copy(update={"repo": repo}))
    except GrantRefused:
        # In the same words whether it is there or not.
        _tell(parts, inbox_id, event, "no_repository", f"{repo.full_name} is no repository in which both you and this bot may work, as GitHub says.")
        return None


def _asked(parts: Parts, inbox_id: int, event: Event, known: dict[str, Repo], found: Placed) -> tuple[Event, str] | None:
    offered, is_all = _offered(parts, event, known)
    names_one = event.is_comment and bool(said_to(event.text, parts.settings.bot_login).repo)
    if len(offered) == 1 and is_all and not names_one:
        only = _at(parts, inbox_id, event, known[offered[0]])
        return None if only is None else (only, f"{offered[0]}: it is the only one that {event.actor.login} may work in")
    if not offered:
        _tell(parts, inbox_id, event, "no_repository", "there is no repository in which both you and this bot may work, as GitHub says.")
        return None
    said_by = event.said_by or event.actor
    with parts.database.begin() as tx:
        wait = waits.put(tx, inbox_id, "repository", account_of(event), event.thread, CHOOSE_SECONDS)
        if wait.left_seconds <= 0:
            settle_ignored(tx, inbox_id, event, "unplaced", f"{said_by.id} did not say in time which repository is meant")
            cards.put(tx, event.source, menu_card(inbox_id, event, "Too late: nobody has said in time which repository is meant, so nothing was started."))
        else:
            inbox.wait(tx, inbox_id, wait.left_seconds, f"waits until {said_by.id} says which repository is meant: {found.why}")
            cards.put_once(tx, event.source, _menu(inbox_id, event, offered, found, is_all=is_all), CHOOSE_SECONDS)
    show_cards(parts)
    return None


def _offered(parts: Parts, event: Event, known: dict[str, Repo]) -> tuple[list[str], bool]:
    """Return the repositories to offer, the likely ones first, and whether there are no others that could be meant."""
    bot_login = parts.settings.bot_login
    with parts.database.read() as tx:
        lately = runs.recent(tx, _HISTORY)
    channel = event.thread.rpartition("/")[0]
    of_channel = [run.event.repo.full_name for run in lately if channel and run.thread.startswith(f"{channel}/")]
    of_person = [run.event.repo.full_name for run in lately if run.event.actor.id == event.actor.id]
    all_of_them = ranked(candidates(event, parts.profiles, known, bot_login), of_channel, of_person)
    least = needed(event, parts.profiles, bot_login)
    found = [name for name in all_of_them[:MOST_OFFERED] if may(_role(parts, event, known[name]), least)]
    return found, len(all_of_them) <= MOST_OFFERED


def can_see(parts: Parts, event: Event, repo: Repo) -> bool:
    """Return whether somebody who is linked has any role of their own in a repository, as the forge says now. Raises ServiceError."""
    return _role(parts, event, repo) != "none"


def _role(parts: Parts, event: Event, repo: Repo) -> str:
    at = event.model_copy(update={"repo": repo})
    try:
        with parts.credential(authorise_grant(at), run_id=None) as credential:
            return parts.service(at).permission(credential, repo, event.actor.id, event.actor.login)
    except GrantRefused:
        return "none"


def menu_name(inbox_id: int) -> str:
    """Return the name of the menu that asks for an event's repository, which a choice brings back."""
    return f"repository-{inbox_id}"


def menu_card(inbox_id: int, event: Event, body: str, menu: Menu | None = None) -> Card:
    """Return the card that asks which repository is meant, or says what came of that."""
    said_by = event.said_by or event.actor
    return Card(
        key=menu_name(inbox_id), kind="menu" if menu is not None else "notice", thread=event.thread, handle=event.handle,
        only_for=said_by.id, headline="Which repository?" if menu is not None else "Repository", body=body, menu=menu,
    )


def _menu(inbox_id: int, event: Event, offered: list[str], found: Placed, *, is_all: bool) -> Card:
    more = "" if is_all else " These are the likely ones."
    body = (
        f"Bellhop does not know which repository is meant: {found.why}. Choose one, or write its name here.{more} "
        f"Only you can answer; it waits for {int(CHOOSE_SECONDS // 3600)} hours."
    )
    options = tuple(Option(value=name, label=name) for name in offered)
    return menu_card(inbox_id, event, body, Menu(name=menu_name(inbox_id), label="Repository", options=options))


def _tell(parts: Parts, inbox_id: int, event: Event, reason: str, text: str) -> None:
    with parts.database.begin() as tx:
        settle_ignored(tx, inbox_id, event, reason, text)
        said_by = event.said_by or event.actor
        # In the very words of `notice_of`, for who may not work in one that is there.
        cards.put(tx, event.source, Card(
            key=menu_name(inbox_id), kind="notice", thread=event.thread, handle=event.handle, only_for=said_by.id,
            headline="Nothing was started", body=f"Nothing was started: {text}",
        ))
    show_cards(parts)


