"""The emulated GitHub that is replied to."""

from tests.github_at_work import app_key, credential, github, minter, pace, service

__all__ = ["app_key", "credential", "github", "minter", "pace", "service"]
