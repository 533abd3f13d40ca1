"""What whoever answers for a run may do in its repository by now."""

from __future__ import annotations

from app.core.deciding.standing import voucher
from app.core.event import Event
from app.core.grant import Credential
from app.core.permission import may
from app.core.profile import Profile
from app.errors import PublishRefused
from tasks.parts import Parts

# What a program on a profile's list sees of a repository, and may: as much as a person who may ring at all.
_OF_A_LISTED_PROGRAM = "write"


def role_now(parts: Parts, credential: Credential, event: Event, profile: Profile) -> str | None:
    """Return the permission of whoever answers for the event, asked live where that is a person.

    None: nobody outside does (`bellhop run`), so the profile's own word holds. A program that is not on the profile's list has `none`.
    Raises ServiceError.
    """
    match voucher(event, profile.who.apps):
        case "operator":
            return None
        case "app":
            return _OF_A_LISTED_PROGRAM
        case "person":
            return parts.service(event).permission(credential, event.repo, event.actor.id, event.actor.login)
        case None:
            return "none"


def refuse_if_lost(role: str | None, event: Event, profile: Profile, so: str) -> None:
    """Raise PublishRefused where that is not enough any more; `so` says what therefore is not done."""
    is_listed = voucher(event, profile.who.apps) == "app"
    if role is not None and not is_listed and not may(role, profile.who.permission):
        raise PublishRefused(
            f"{event.actor.login} may no longer write to {event.repo.full_name} (has `{role}`), so {so}", reason="not_permitted",
        )
