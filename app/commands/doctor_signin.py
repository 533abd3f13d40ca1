"""What `bellhop doctor` says of signing in with GitHub: whether people can, and what is half done."""

from __future__ import annotations

from app.commands.finding import Finding, several_processes
from app.errors import ConfigurationError
from app.main import signin_options
from app.observe.signin.options import checked
from app.settings import Settings


def look_at_signin(settings: Settings) -> Finding:
    """Return what is found; the secret is not tried, because GitHub has no way to."""
    if not settings.github_client_id and several_processes(settings):
        return Finding("sign-in", "off", "not given to this process: web has it, if people sign in with GitHub")
    try:
        options = checked(signin_options(settings))
    except ConfigurationError as error:
        return Finding("sign-in", "missing", str(error), "docs/identity.md")
    if options is None:
        return Finding("sign-in", "off", "BELLHOP_GITHUB_CLIENT_ID is not set: only a link of `bellhop link` opens the pages, and only `bellhop identity link` links accounts of Slack and Linear")
    if not options.is_secure and settings.link_url:
        return Finding("sign-in", "missing", f"{options.public_url} is without TLS: whoever is on the way can take a session",
                       "put a reverse proxy with TLS in front, and set BELLHOP_PUBLIC_URL to its https:// address")
    return Finding("sign-in", "ok", f"not tried; the App must name the callback URL {options.callback_url}")
