"""What a backend without services says of one that is asked of it."""

from __future__ import annotations

from app.errors import SandboxRefused
from app.ports import SandboxBackend


def has_services(backend: SandboxBackend) -> bool:
    """Return whether it runs services; one of another package may not know of them."""
    return getattr(backend, "has_services", False)


def no_services(backend: str) -> SandboxRefused:
    """Return the refusal of a backend that has none."""
    return SandboxRefused(
        f"services run beside a sandbox of Docker with runc only, and this one would be of `{backend}`: leave `services:` out of the "
        "profile, or have it run at isolation `container`", reason="no_services",
    )
