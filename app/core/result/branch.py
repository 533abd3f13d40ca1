"""What can be a branch's name."""

from __future__ import annotations

import re


def is_branch(name: str) -> bool:
    """Return whether a name can be a branch's, in plain letters. https://git-scm.com/docs/git-check-ref-format"""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199}", name) is not None
    return plain and not any(part in name for part in ("..", "//", "@{", "/.")) and not name.endswith((".lock", "/", "."))
