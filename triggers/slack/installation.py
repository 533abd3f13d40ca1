"""Where the App is installed: the one workspace that Bellhop listens to, and who it is there."""

from __future__ import annotations

import re

from app.core.noun import Noun
from app.errors import DeliveryRefused, ServiceError

SOURCE = "slack"
# Slack's ids: https://docs.slack.dev/reference/objects/
_ID = re.compile(r"[A-Z][A-Za-z0-9]{1,30}")
# A message's name within its channel: seconds, a dot, and a number of its own.
_STAMP = re.compile(r"\d{1,12}\.\d{1,9}")


class Installation(Noun):
    """What Slack says of a bot token (`auth.test`), and the name that the bot goes by in our own words.

    `url` is the workspace's address, with a slash at its end (empty: not said); `name` is Bellhop's own login without `[bot]`.
    https://docs.slack.dev/reference/methods/auth.test
    """

    team_id: str
    bot_user_id: str
    bot_id: str = ""
    url: str = ""
    name: str

    @property
    def mention(self) -> str:
        """How text that is said to the bot begins once Slack's markup is gone."""
        return f"@{self.name}"

    def account(self, user_id: str) -> str:
        """Return what Bellhop calls a member's account, by Slack's own ids."""
        return f"{self.team_id}/{user_id}"

    def thread(self, channel: str, first: str) -> str:
        """Return the name of the conversation below a channel's message, or below what is to become one."""
        return f"{SOURCE}:{self.team_id}/{channel}/{first}"

    def permalink(self, channel: str, stamp: str, first: str) -> str:
        """Return where people can read a message, or nothing where the workspace's address is not known."""
        if not self.url:
            return ""
        tail = "" if first == stamp else f"?thread_ts={first}&cid={channel}"
        return f"{self.url}archives/{channel}/p{stamp.replace('.', '')}{tail}"


class Place(Noun):
    """Where a conversation is, as its name says; `first` is empty where no message begins it yet."""

    team_id: str
    channel: str
    first: str

    @classmethod
    def of(cls, thread: str) -> Place:
        """Return the place that a thread's name means. Raises ServiceError for a name that is none of ours."""
        parts = thread.removeprefix(f"{SOURCE}:").split("/")
        if not thread.startswith(f"{SOURCE}:") or len(parts) != 3:
            raise ServiceError(f"{thread[:100]} is no conversation of Slack's", reason="no_thread", retryable=False)
        return cls(team_id=parts[0], channel=parts[1], first=parts[2] if _STAMP.fullmatch(parts[2]) else "")


def an_id(value: object) -> str:
    """Return one of Slack's ids. Raises DeliveryRefused (400) for anything else: it becomes part of names."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise DeliveryRefused("an id in the payload is none of Slack's", status=400, reason="bad_payload")
    return value


def a_stamp(value: object) -> str:
    """Return a message's name. Raises DeliveryRefused (400)."""
    if not isinstance(value, str) or not _STAMP.fullmatch(value):
        raise DeliveryRefused("the payload names its message in no way that is Slack's", status=400, reason="bad_payload")
    return value
