"""Links in people's words to what a case may be about: issues and pull requests, messages, issues of a plan; pure.

https://docs.slack.dev/reference/methods/chat.getPermalink
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from app.core.event import LINEAR, SLACK, Event
from app.core.showing.reply import thread_in

MOST_LINKS = 10
_URL = re.compile(r"https?://[^\s<>\"'`|)\]]{5,500}")
_ISSUE = re.compile(r"/([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})/(?:issues|pull)/([1-9][0-9]{0,17})(?:/.*)?")
_MESSAGE = re.compile(r"/archives/([CDG][A-Z0-9]{2,30})/p([0-9]{10})([0-9]{6})")
_FIRST = re.compile(r"(?:^|&)thread_ts=([0-9]{10}\.[0-9]{6})(?:&|$)")
_PLANNED = re.compile(r"/[^/]{1,100}/issue/([A-Za-z][A-Za-z0-9]{0,15}-[1-9][0-9]{0,9})(?:/.*)?")


def slack_name(channel: str, first: str) -> str:
    """Return the name that a link has for a Slack thread: it does not say the workspace's id."""
    return f"{SLACK}:/{channel}/{first}"


def linear_name(identifier: str) -> str:
    """Return the name that a link has for an issue in Linear, such as `linear:ENG-123`."""
    return f"{LINEAR}:{identifier.upper()}"


def names_in(text: str, github_web_url: str, linear_web_url: str = "https://linear.app") -> tuple[str, ...]:
    """Return the names of the conversations that a text links to, each once, in order, at most ten."""
    found = (_name_of(url.rstrip(".,;:!?"), github_web_url, linear_web_url) for url in _URL.findall(text))
    return tuple(dict.fromkeys(name for name in found if name))[:MOST_LINKS]


def repositories_in(text: str, github_web_url: str) -> tuple[str, ...]:
    """Return the repositories whose issues and pull requests a text links to."""
    names = (name.removeprefix("github:").partition("#")[0] for name in names_in(text, github_web_url) if name.startswith("github:"))
    return tuple(dict.fromkeys(names))


def names_of(event: Event) -> tuple[str, ...]:
    """Return the other names of an event's thread, by which a link would call it."""
    if event.source == SLACK:
        _, _, rest = event.thread.partition("/")
        return (f"{SLACK}:/{rest}",) if rest else ()
    if event.source == LINEAR:
        found = _PLANNED.fullmatch(urlsplit(event.url).path)
        return (linear_name(found[1]),) if found is not None else ()
    return ()


def _name_of(url: str, github_web_url: str, linear_web_url: str) -> str:
    try:
        parts, forge, planning = urlsplit(url), urlsplit(github_web_url), urlsplit(linear_web_url)
    except ValueError:
        return ""
    at = (parts.scheme, parts.netloc.lower())
    if at == (forge.scheme, forge.netloc.lower()) and (issue := _ISSUE.fullmatch(parts.path)):
        return thread_in(issue[1], int(issue[2]))
    if at == (planning.scheme, planning.netloc.lower()) and (planned := _PLANNED.fullmatch(parts.path)):
        return linear_name(planned[1])
    if parts.scheme == "https" and (parts.hostname or "").endswith(".slack.com") and (message := _MESSAGE.fullmatch(parts.path)):
        first = _FIRST.search(parts.query)
        return slack_name(message[1], first[1] if first else f"{message[2]}.{message[3]}")
    return ""
