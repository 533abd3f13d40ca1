"""The emulated GitHub that tokens are minted at."""

from tests.github_at_work import app_key, github, minter, pace

__all__ = ["app_key", "github", "minter", "pace"]
