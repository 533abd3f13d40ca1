"""GitHub's `Link` header, so that it leads through the door: the next page of this repository, and nowhere else."""

from __future__ import annotations

import re

from app.core.assignment import LOOPBACK_URL

# https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
_LINK = re.compile(r'<([^<>\s]{1,2000})>;\s*rel="(next|prev|first|last)"')


def rewritten(value: str, api_url: str, repository: str) -> str:
    """Return the links that lead to this repository, as seen from inside; the others are left out.

    GitHub names the repository there by its number, which can be no other than the one that was asked for.
    """
    kept = []
    for url, relation in _LINK.findall(value):
        if not url.startswith(f"{api_url}/"):
            continue
        below = re.sub(r"\A/repositories/[0-9]+(?=[/?]|\Z)", f"/repos/{repository}", url[len(api_url):])
        if re.match(rf"/repos/{re.escape(repository)}(?=[/?]|\Z)", below):
            kept.append(f'<{LOOPBACK_URL}/github{below}>; rel="{relation}"')
    return ", ".join(kept)
