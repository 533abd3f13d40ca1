"""A machine on which nothing is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.commands.bellhop import WARM, Machine, machine


@pytest.fixture
def bare(tmp_path: Path, runtime_dir: Path) -> Machine:
    return machine(tmp_path, runtime_dir)


@pytest.fixture(scope="session", autouse=True)
def warm_until_the_end() -> Iterator[None]:
    """End what `Machine.run` has loaded the commands into."""
    yield
    WARM.close()
