"""What keeps a secret that a service changes by itself: chosen by whoever puts a process together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class SecretKeep(Protocol):
    """Where a secret is kept that a service changes by itself: the same for every host, sealed."""

    def read(self) -> str:
        """Return it; empty: there is none."""

    def write(self, value: str) -> None:
        """Put it in place of what is there; empty takes it away."""

    def change(self, make: Callable[[str], str]) -> str:
        """Replace it by what `make` makes of it, and return that; one process at a time. What it raises leaves it as it was.

        Raises ServiceError while another process does the same.
        """
