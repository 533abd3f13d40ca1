"""Cargo's sparse index: where crates are downloaded from, and what their digests are.

https://doc.rust-lang.org/cargo/reference/registry-index.html
"""

from __future__ import annotations

import json

from app.execute.gateway.registry.links import Links, Page, PageRefused
from app.execute.gateway.registry.paths import crate_prefix

_MARKERS = ("{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}")


def config_page(links: Links) -> Page:
    """Return the index's configuration as the door has it: no API, so nothing to publish to, and no token asked for."""
    return Page(json.dumps({"dl": f"{links.root()}/crates"}).encode(), {}, "application/json")


def download_template(body: bytes) -> str:
    """Return the `dl` of the registry's own configuration. Raises PageRefused."""
    try:
        template = json.loads(body)["dl"]
    except (ValueError, KeyError, TypeError, RecursionError):
        template = None
    if not isinstance(template, str):
        raise PageRefused("the index's config.json names no `dl`")
    return template


def download_url(template: str, name: str, version: str, checksum: str) -> str:
    """Return where a crate is."""
    if not any(marker in template for marker in _MARKERS):
        return f"{template}/{name}/{version}/download"
    values = (name, version, crate_prefix(name), crate_prefix(name.lower()), checksum)
    for marker, value in zip(_MARKERS, values, strict=True):
        template = template.replace(marker, value)
    return template


def index_page(crate: str, body: bytes) -> Page:
    """Return a crate's lines as they are; `stated` is by `name/version` here, of this crate only. Raises PageRefused."""
    stated: dict[str, tuple[str, str]] = {}
    try:
        for line in body.splitlines():
            if line.strip():
                each = json.loads(line)
                if str(each["name"]).lower() == crate:
                    stated[f"{each['name']}/{each['vers']}"] = ("sha256", str(each["cksum"]).lower())
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PageRefused("the index answered with something else than a crate's lines") from None
    return Page(body, stated, "text/plain")
