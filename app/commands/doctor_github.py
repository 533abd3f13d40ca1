"""What `bellhop doctor` asks of GitHub: the App, its permissions and events, the bot's name, the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.commands.finding import Finding, several_processes
from app.core.account import SURFACES
from app.core.deciding.ci_head import PERMISSIONS as PERMISSIONS_OF_CI
from app.core.deciding.ci_head import kinds_of
from app.core.profile import Profile
from app.errors import BellhopError
from app.execute.grants.github_app import JWT_BACKDATE_SECONDS, GitHubApp
from app.execute.grants.outbound import client
from app.settings import Settings

TIMEOUT_SECONDS = 10.0

# Beyond this GitHub may refuse an App's signed request, dated by our clock and judged by theirs.
CLOCK_SKEW_SECONDS = JWT_BACKDATE_SECONDS / 2

# What the grants of a run ask for: https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
PERMISSIONS = {"metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write"}
CONNECT = "README.md, `Connect a real GitHub App`"
# What a profile with a check on its commits (`signs: check-run`) takes beside them.
CHECKS = {"checks": "write"}
EVENTS = ("issues", "issue_comment", "repository")


def look_at_github(settings: Settings, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Yield what is found, one finding per thing; the App must hear what the profiles wait for."""
    if settings.github_webhook_secret.get_secret_value().strip():
        yield Finding("webhook secret", "ok", "set")
    elif several_processes(settings):
        yield Finding("webhook secret", "off", "not given to this process: web has it, and does not start without")
    else:
        yield Finding("webhook secret", "missing", "not set", "set BELLHOP_GITHUB_WEBHOOK_SECRET to your App's webhook secret")
    try:
        app = GitHubApp.from_settings(settings)
    except BellhopError as error:
        yield Finding("GitHub App", "missing", str(error), CONNECT)
        return
    yield _clock(settings)
    with closing(app):
        try:
            about = app.about()
        except BellhopError as error:
            yield Finding("GitHub App", "missing", str(error), "check the App's id and private key, and this host's network")
            return
    # What rings in Slack or Linear is nothing that GitHub tells of.
    named = {name for profile in profiles.values() for name in profile.on.filters} - SURFACES.keys()
    checks = CHECKS if any(profile.signs.check_run for profile in profiles.values()) else {}
    ci = {PERMISSIONS_OF_CI[kind]: "read" for profile in profiles.values() for kind in kinds_of(profile.on)}
    named |= _events_of_offers(profiles, about.get("events") or [])
    yield _app(about, (*EVENTS, *sorted(named.difference(EVENTS))), PERMISSIONS | ci | checks)
    yield _bot(settings, str(about.get("slug")))


def _events_of_offers(profiles: Mapping[str, Profile], has: Sequence[str]) -> set[str]:
    """Return the events that the button on pull requests lives by."""
    offered = {friction for profile in profiles.values() for friction in profile.offer.for_}
    wanted = {"check_run"} if offered else set()
    if "conflict" in offered:
        wanted |= {"push", "pull_request"}
    if "red-build" in offered and "check_suite" not in has:
        wanted |= {"workflow_run"}
    return wanted


def _app(about: dict[str, Any], events: Sequence[str], permissions: Mapping[str, str]) -> Finding:
    name = f"{about.get('slug')} (id {about.get('id')})"
    has = about.get("permissions") or {}
    lacks = [f"{each}: {level}" for each, level in permissions.items() if has.get(each) not in (level, "write", "admin")]
    deaf = [event for event in events if event not in (about.get("events") or [])]
    if lacks or deaf:
        words = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"does not subscribe to {', '.join(deaf)}"] * bool(deaf)
        return Finding("GitHub App", "missing", f"{name} {' and '.join(words)}",
                       "in the App's settings, `Permissions & events`; then accept them at each installation")
    return Finding("GitHub App", "ok", name)


def _bot(settings: Settings, slug: str) -> Finding:
    login = f"{slug}[bot]"
    if settings.bot_login.casefold() != login.casefold():
        return Finding("bot login", "missing", f"BELLHOP_BOT_LOGIN is {settings.bot_login}, GitHub calls the App {login}",
                       f"set BELLHOP_BOT_LOGIN='{login}'")
    return Finding("bot login", "ok", login)


def _clock(settings: Settings) -> Finding:
    try:
        with client(settings.github_api_url, ca_bundle=settings.ca_bundle, proxy=settings.outbound_proxy,
                    timeout_seconds=TIMEOUT_SECONDS) as http:
            before = time.time()
            answer = http.get("/")
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except BellhopError as error:
        return Finding("clock", "missing", str(error), "correct BELLHOP_CA_BUNDLE")
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return Finding("clock", "missing", f"cannot be compared with GitHub's ({type(error).__name__})",
                       "check the network, BELLHOP_GITHUB_API_URL and BELLHOP_OUTBOUND_PROXY")
    # Their time has whole seconds, and lies somewhere between asking and being answered.
    skew_seconds = max(before - theirs - 1, theirs - time.time(), 0.0)
    if skew_seconds > CLOCK_SKEW_SECONDS:
        return Finding("clock", "missing", f"{skew_seconds:.0f} s from GitHub's", "set this host's clock (NTP)")
    return Finding("clock", "ok", "agrees with GitHub's")
