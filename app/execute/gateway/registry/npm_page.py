"""A package's document at an npm registry, with its tarballs led to the door.

https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from app.execute.gateway.registry.links import Links, Page, PageRefused

JSON_TYPE = "application/json"
SHORT_TYPE = "application/vnd.npm.install-v1+json"


def npm_page(links: Links, package: str, content_type: str, body: bytes) -> Page:
    """Return the document as the door shows it: of a package, or of one version of it. Raises PageRefused.

    What it states of another package's tarballs is not taken for a statement: some registries let publishers write that.
    """
    stated: dict[str, tuple[str, str]] = {}
    try:
        document: dict[str, Any] = json.loads(body)
        versions = document["versions"].values() if "versions" in document else [document]
        for version in versions:
            dist = version.get("dist")
            if isinstance(dist, dict) and (found := links.file(str(dist.get("tarball", "")))) is not None:
                upstream, there = found
                if not (links.for_npm and upstream.startswith(links.entry.registry.url)):
                    dist["tarball"] = there
                if _is_of(package, upstream, links.entry.registry.addresses) and (digest := _digest(dist)):
                    stated[upstream] = digest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PageRefused("the registry answered with something else than a package's document") from None
    kind = content_type.partition(";")[0].strip().lower()
    return Page(json.dumps(document).encode(), stated, kind if kind == SHORT_TYPE else JSON_TYPE)


def _is_of(package: str, upstream: str, addresses: tuple[str, ...]) -> bool:
    """Return whether a tarball's address says that it is of this package, and not of a namesake in a scope."""
    for address in addresses:
        below = upstream.removeprefix(address)
        found = re.match(rf"((?:[^/]+/)*?){re.escape(package)}/(?:-/|[^/]+/[0-9a-f]{{40,128}}\Z)", below) if below != upstream else None
        if found is not None:
            return not found[1].rstrip("/").rpartition("/")[2].startswith("@")
    return False


def _digest(dist: dict[str, Any]) -> tuple[str, str] | None:
    """Return the strongest digest that the registry states: https://www.w3.org/TR/SRI/, or an old package's SHA-1."""
    found = dict(part.partition("?")[0].partition("-")[::2] for part in str(dist.get("integrity") or "").split())
    for algorithm in ("sha512", "sha256", "sha1"):
        if algorithm in found:
            try:
                return algorithm, base64.b64decode(found[algorithm], validate=True).hex()
            except binascii.Error:
                return None
    return ("sha1", str(dist["shasum"]).lower()) if dist.get("shasum") else None
