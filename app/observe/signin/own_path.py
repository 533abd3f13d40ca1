"""Where somebody goes on to after signing in: a path of these pages and nothing else."""

from __future__ import annotations

import re

# Printable ASCII without a backslash, which browsers take for a slash; no second slash, which would begin a host.
_OWN = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_LONGEST = 500


def own_path(asked: str) -> str:
    """Return a path of ours with its query; `/` for anything else."""
    return asked if len(asked) <= _LONGEST and _OWN.fullmatch(asked) else "/"
