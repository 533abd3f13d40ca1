"""The filters of `on:` for services where people talk about work that is done at a forge: Slack, Linear."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from app.core.ringing.narrowing import ByFields

SlackType = Literal["command", "mention", "message", "form"]
LinearType = Literal["delegated", "mentioned", "prompted", "commented", "labeled", "assigned"]
ChannelId = Annotated[str, StringConstraints(pattern=r"^[CDG][A-Z0-9]{2,30}$")]
TeamKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,15}$")]


class SlackFilter(ByFields):
    """What people say to the bot in Slack that rings; an empty list means any.

    `types`: a slash command, a mention, a message (to the bot alone, or in a thread of its own), the form for a new run. `channels` are ids.
    """

    types: tuple[SlackType, ...] = ()
    channels: tuple[ChannelId, ...] = ()


class LinearFilter(ByFields):
    """What happens in Linear that rings; an empty list means any.

    `types`: an issue delegated to the bot, a mention or a prompt in one of its sessions, a comment that addresses it, an issue that was labelled or assigned
    for it. `labels` and `teams` (keys such as `ENG`) and `projects` (names) are those of the issue; of a `labeled` event `labels` means the one just added.
    """

    types: tuple[LinearType, ...] = ()
    labels: tuple[str, ...] = ()
    teams: tuple[TeamKey, ...] = ()
    projects: tuple[str, ...] = ()


# What an event's `places` call that which a filter lists under the name.
PLACES = {"channels": "channel", "teams": "team", "projects": "project"}
