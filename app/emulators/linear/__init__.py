"""A stateful, strict Linear to test against: `LinearEmulator`, `serve`, `Seed`, `Fault`."""

from __future__ import annotations

from app.emulators.github.faults import Fault
from app.emulators.linear.emulator import LinearEmulator, create_app
from app.emulators.linear.seed import Seed, SeedApp, SeedIssue, SeedProject, SeedState, SeedTeam, SeedUser, load_seed
from app.emulators.linear.serve import run, serve

__all__ = [
    "Fault", "LinearEmulator", "Seed", "SeedApp", "SeedIssue", "SeedProject", "SeedState", "SeedTeam", "SeedUser",
    "create_app", "load_seed", "run", "serve",
]
