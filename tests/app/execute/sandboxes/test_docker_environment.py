"""What of an image's own environment reaches a sandbox: where its programs are, and nothing else."""

from __future__ import annotations

from pathlib import Path

from app.core.profile import Container
from app.execute.sandboxes.docker.config import environment
from app.execute.sandboxes.docker.image import Image
from app.ports import PreparedWorkspace, SandboxSpec

SPEC = SandboxSpec(
    id="abc-work", run_id="abc", door=Path("/run/x"), tooling="volume", container=Container(), uid=10001,
    workspace=PreparedWorkspace(lower=Path("/l"), scratch=Path("/s"), base_commit="0" * 40), argv=("/agent/bin/python3",),
    env={"GIVEN": "yes"}, ttl_seconds=1,
)


def test_the_images_path_stays_and_everything_else_of_it_goes() -> None:
    image = Image("sha256:x", env=("PATH", "LD_PRELOAD", "JAVA_HOME"), path="/usr/local/go/bin:/usr/bin")
    assert environment(SPEC, image) == {
        "PATH": "/usr/local/go/bin:/usr/bin", "LD_PRELOAD": None, "JAVA_HOME": None, "HOSTNAME": None, "GIVEN": "yes",
        "HOME": "/home/bellhop",
    }


def test_an_image_without_a_path_gets_the_usual_one() -> None:
    assert environment(SPEC, Image("sha256:x"))["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
