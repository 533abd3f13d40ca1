from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sidecar.runner.scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    # A unix socket's path may not pass 107 bytes, and pytest's own directories are long and closed to other users.
    made = Scene(Path(tempfile.mkdtemp(prefix="bellhop-runner-")))
    yield made
    made.close()
