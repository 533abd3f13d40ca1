"""Taking secrets out of text that is about to leave: by exact value first, by their known shapes second.

A second line of defence, not a boundary: a value that is split or transformed gets through. No secret may be
where an agent can read it in the first place.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

MASK = "[secret removed]"

# A shorter value is a word that would turn up by chance.
_LEAST_CHARACTERS = 8
_TELLING_LINE = 40

# No pattern goes by length alone: GitHub's installation tokens were 40 characters and are now about 520.
_SHAPES = re.compile(
    r"""(?x)
      gh[opsur]_[A-Za-z0-9._-]{20,}
    | github_pat_[A-Za-z0-9_]{20,}
    | sk-ant-[A-Za-z0-9_-]{20,}
    | (?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}  # but not the end of a word such as task-
    | (?:eC1hY2Nlc3MtdG9rZW46|gtYWNjZXNzLXRva2Vu|LWFjY2Vzcy10b2tlbj)[A-Za-z0-9+/=_-]*  # base64 of x-access-token:
    | -----BEGIN[A-Z ]*PRIVATE\ KEY-----.*?(?:-----END[A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.DOTALL,
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` with every one of `secrets` (also in base64, hex and percent-encoding) and every known shape masked."""
    for form in _masked(tuple(secrets)):
        text = text.replace(form, MASK)
    return _SHAPES.sub(MASK, text)


def holds(text: str, secrets: Iterable[str], leave_out: re.Pattern[str] | None = None) -> bool:
    """Return whether `text` holds one of `secrets`, plain or in one of the encodings that `redact` knows.

    What matches `leave_out` counts neither in the text nor in what is looked for: white space, say, when an encoded
    key may be broken over lines. A key counts with and without the blank lines around it.
    """
    if leave_out is not None:
        text = leave_out.sub("", text)
    return any(form in text for form in _looked_for(tuple(secrets), leave_out))


# What the two below return is kept: the same few secrets are looked for in every file of every result. They are the process's own, and
# in its memory anyway.
@lru_cache(maxsize=16)
def _masked(secrets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


@lru_cache(maxsize=16)
def _looked_for(secrets: tuple[str, ...], leave_out: re.Pattern[str] | None) -> tuple[str, ...]:
    forms = {form for secret in secrets for one in (secret, secret.strip()) for form in _forms(one)}
    if leave_out is not None:
        forms = {leave_out.sub("", form) for form in forms}
    return tuple(form for form in forms if len(form) >= _LEAST_CHARACTERS)


def _forms(secret: str) -> set[str]:
    if len(secret) < _LEAST_CHARACTERS:
        return set()
    raw = secret.encode()
    forms = {secret, secret[::-1], raw.hex(), raw.hex().upper(), quote(secret, safe="")}
    # Base64 of a longer text holds the secret at one of three alignments; the bytes at both ends mix with their neighbours.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=").decode()
        core = encoded[(offset * 8 + 5) // 6 : len(encoded) - (1 if (offset + len(raw)) % 3 else 0)]
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    # A key of many lines is as good as out when one of them is.
    forms |= {line for line in secret.splitlines() if len(line) >= _TELLING_LINE and not line.startswith("-----")}
    return forms
