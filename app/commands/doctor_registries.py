"""What `bellhop doctor` says of each package registry: whether it answers, and whether its token is here."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from app.commands.finding import Finding
from app.core.sandbox.registry import Registry
from app.errors import BellhopError
from app.execute.gateway.registry.entry import Entry, entries
from app.execute.grants.outbound import client
from app.profiles import load_registries
from app.settings import Settings, registry_token

TIMEOUT_SECONDS = 10.0


def look_at_registries(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, one finding per registry."""
    if settings.registries_file is None:
        yield Finding("registries", "off", "none (BELLHOP_REGISTRIES_FILE): sandboxes install no packages")
        return
    try:
        found = load_registries(settings.registries_file)
    except BellhopError as error:
        yield Finding("registries", "missing", str(error).splitlines()[0], "correct the file: docs/registries.md")
        return
    for name, registry in sorted(found.items()):
        yield _registry(settings, name, registry)


def _registry(settings: Settings, name: str, registry: Registry) -> Finding:
    label = f"registry {name}"
    try:
        entry = entries({name: registry}, registry_token)[name]
    except BellhopError:
        # In compose only the gateway has it.
        return Finding(label, "off", f"{registry.kind}: its token is not readable here, so it is not asked")
    try:
        status = _ask(settings, entry)
    except (httpx.HTTPError, BellhopError) as error:
        return Finding(label, "missing", f"{registry.kind}: does not answer ({type(error).__name__})",
                       "check its url, BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE")
    if status in (401, 403) and entry.secrets:
        return Finding(label, "missing", f"{registry.kind}: does not take its token ({status})", "renew the token")
    return Finding(label, "ok", f"{registry.kind}: answers ({status})")


def _ask(settings: Settings, entry: Entry) -> int:
    credential = entry.credential(entry.registry.url)
    headers = {"authorization": credential.decode()} if credential else {}
    with client(entry.registry.url, ca_bundle=settings.ca_bundle, proxy=settings.outbound_proxy,
                timeout_seconds=TIMEOUT_SECONDS) as http:
        return http.head(entry.registry.url, headers=headers).status_code
