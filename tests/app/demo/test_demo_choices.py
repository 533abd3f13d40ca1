"""What the demo is told that cannot be is refused, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.demo.sandbox import choose
from app.errors import ConfigurationError
from app.settings import Settings


def test_an_image_for_bubblewrap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--image is for Docker"):
        choose(Settings(state_dir=tmp_path), "bubblewrap", "debian:12")
    assert list(tmp_path.iterdir()) == []
