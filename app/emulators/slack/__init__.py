"""A stateful, strict Slack to test against: `SlackEmulator`, `serve`, `Seed`, `Fault`."""

from __future__ import annotations

from app.emulators.github.faults import Fault
from app.emulators.slack.emulator import SlackEmulator, create_app
from app.emulators.slack.seed import Seed, SeedApp, SeedChannel, SeedMember, SeedTeam, load_seed
from app.emulators.slack.serve import run, serve

__all__ = [
    "Fault", "Seed", "SeedApp", "SeedChannel", "SeedMember", "SeedTeam", "SlackEmulator", "create_app", "load_seed", "run", "serve",
]
