from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.mini.scripted_model import Raw, Said, ScriptedModel

SIDECAR = Path(__file__).resolve().parents[3] / "sidecar"


class MiniRun:
    """The real program in a copy of the tree's own layout, over a repository whose test fails."""

    def __init__(self, path: Path, site: Path) -> None:
        self.path = path
        self.home = path / "home"
        self.repository = path / "repository"
        self.program = path / "lib" / "mini"
        shutil.copytree(SIDECAR / "mini", self.program, ignore=shutil.ignore_patterns("__pycache__"))
        (path / "lib" / "site").symlink_to(site)
        self.options: dict[str, Any] = {}
        self.models: list[ScriptedModel] = []
        self.fresh()

    def fresh(self) -> None:
        for directory in (self.home, self.repository):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        (self.repository / "sums.py").write_text("def add(a, b):\n    return a - b\n")
        (self.repository / "test_sums.py").write_text("from sums import add\n\nassert add(2, 2) == 4, add(2, 2)\n")

    def model(self, script: Sequence[Said | Raw | str]) -> ScriptedModel:
        self.models.append(ScriptedModel(script))
        return self.models[-1]

    def begin(self, model: ScriptedModel, vendor: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        configuration = {
            "vendor": vendor, "model": "m-1", "base_url": f"{model.url}/{vendor}", "task": "Sums are {{ wrong }}: mend them.",
            "step_limit": 10, "command_timeout_seconds": 20, "max_output_tokens": 1000,
        } | self.options
        (self.home / "mini.json").write_text(json.dumps(configuration))
        return subprocess.Popen(
            [sys.executable, "-I", str(self.program), "mini.json"], cwd=self.repository, stdin=stdin, text=True,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, model: ScriptedModel, vendor: str = "anthropic", expect: int = 0) -> list[dict[str, Any]]:
        return self.ended(self.begin(model, vendor), expect)

    def ended(self, process: subprocess.Popen[str], expect: int = 0) -> list[dict[str, Any]]:
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == expect, stdout + stderr
        assert stderr == ""
        return [json.loads(line) for line in stdout.splitlines()]


@pytest.fixture
def mini(tmp_path: Path, site: Path) -> Iterator[MiniRun]:
    made = MiniRun(tmp_path, site)
    yield made
    for model in made.models:
        model.close()
