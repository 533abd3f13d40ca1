"""A stateful, strict GitHub to test against: `GitHubEmulator`, `serve`, `Seed`, `Fault`."""

from __future__ import annotations

from app.emulators.github.emulator import GitHubEmulator, create_app
from app.emulators.github.faults import Fault
from app.emulators.github.seed import Seed, SeedApp, SeedInstallation, SeedIssue, SeedRepository, SeedUser, load_seed
from app.emulators.github.serve import run, serve

__all__ = [
    "Fault", "GitHubEmulator", "Seed", "SeedApp", "SeedInstallation", "SeedIssue", "SeedRepository", "SeedUser",
    "create_app", "load_seed", "run", "serve",
]
