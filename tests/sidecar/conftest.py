from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SIDECAR = Path(__file__).resolve().parents[2] / "sidecar"


@pytest.fixture(scope="session")
def site() -> Path:
    """The pip packages of the sidecar's programs, as it has them; installed once per version of the list."""
    requirements = SIDECAR / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bellhop"
    made = cache / f"sidecar-site-{key}"
    if not made.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:
            subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
                 "--target", f"{fresh}/site", "-r", str(requirements)],
                check=True, timeout=240,
            )
            Path(f"{fresh}/site").replace(made)
    return made
