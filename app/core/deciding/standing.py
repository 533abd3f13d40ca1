"""Whose word an event is, and whether that word is enough for what follows from it; pure."""

from __future__ import annotations

from typing import Literal

from app.core.event import Event
from app.core.noun import Noun
from app.core.permission import Permission, may
from app.core.profile import Who
from app.core.ringing.schedule import SCHEDULE
from app.core.ringing.webhook_source import WEBHOOK

# `person`: whoever did it, asked of the service live. `app`: a program that the profile lists by its id. `operator`: nobody
# outside, so that the profile's own word is enough.
Voucher = Literal["person", "app", "operator"]

# Events that are nobody's word, by the name before the dot: that a profile takes them is all that it takes.
NOBODYS_WORD = frozenset({"by_hand", SCHEDULE, WEBHOOK})


class Needed(Noun):
    """What it takes for something to follow: the least live permission of a person, and the programs that may, too."""

    permission: Permission = "admin"
    apps: tuple[int, ...] = ()


def needed_by(who: Who) -> Needed:
    """Return what a profile asks of those who ring."""
    return Needed(permission=who.permission, apps=who.apps)


def voucher(event: Event, apps: tuple[int, ...]) -> Voucher | None:
    """Return who answers for the event; None: a program that nobody has listed. A name is never looked at, only the id."""
    if event.kind.partition(".")[0] in NOBODYS_WORD or event.actor.kind == "operator":
        return "operator"
    if event.actor.kind == "person":
        return "person"
    return "app" if event.actor.id in {str(each) for each in apps} else None


def standing(event: Event, needed: Needed, permission: str | None) -> tuple[str, str]:
    """Return why it is not enough, as a slug (empty: it is), and the same in words. `permission` is None as long as nobody has asked."""
    login = event.actor.login
    if event.is_elsewhere and (event.said_by is None or not event.repo.is_said):
        # Another service's id is nobody's at the forge, even where the forge has an account of that id.
        return "unidentified", f"nobody has said who {event.actor.id} is at the forge, and which repository is meant"
    match voucher(event, needed.apps):
        case "operator":
            return "", "nobody has to be asked: the profile's word is enough"
        case "app":
            return "", f"{login} is a program that the profile lists by its id, {event.actor.id}"
        case "person":
            if permission is None:
                return "permission_unknown", f"nobody has asked what {login} may do"
            says = f"{login} has {permission}, needed is {needed.permission}"
            return ("" if may(permission, needed.permission) else "not_permitted"), says
        case None:
            return "bot", f"{login} is a program, and the profile does not list its id, {event.actor.id}"
