"""A machine on which nothing is set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.commands.bellhop import Machine, machine


@pytest.fixture
def bare(tmp_path: Path, runtime_dir: Path) -> Machine:
    return machine(tmp_path, runtime_dir)
