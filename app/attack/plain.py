"""The other side: an agent in a plain container, as common CI jobs run one.

What "common" means here, piece by piece, and nothing that is not usual: the job checks the repository out with its token,
which stays in `.git/config`, as actions/checkout did until its version 6; the agent's container has the token, the model's
key and the publish token in its environment and a network; the checkout is a directory of the host, mounted; the job's last
steps run on the host, in that directory: commit, push, open the pull request, with the agent's last words as its body.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import docker
import httpx
from docker.errors import DockerException

from app.attack.incident import Incident
from app.attack.world import MODEL, REPO, World
from app.demo.sandbox import Choice

AGENT = Path(__file__).with_name("plain_agent.txt")
RUN_SECONDS = 120


def what(choice: Choice) -> str:
    """Return what the container is, for people."""
    if choice.backend == "docker":
        return f"docker run, image {choice.image}, host network (the emulated internet is on this machine's loopback)"
    return "a bubblewrap process with this machine's network, because Docker is not used"


class Plain:
    """Jobs in plain containers of `choice`; `tooling` is the volume or directory with the Python that is used inside."""

    def __init__(self, world: World, choice: Choice, tooling: str, docker_host: str, directory: Path) -> None:
        self._world = world
        self._choice = choice
        self._tooling = tooling
        self._docker_host = docker_host
        self._directory = directory

    def work(self, incident: Incident, number: int) -> str:
        """Run one job to its end and return the URL of its pull request, or an empty string when there is none."""
        checkout = self._checkout(incident, number)
        said = self._agent(incident, number, checkout)
        return self._propose(incident, number, checkout, said)

    def _checkout(self, incident: Incident, number: int) -> Path:
        token = self._world.canaries["github-token"].value
        checkout = self._directory / incident.id
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        ref = f"refs/pull/{number}/head" if incident.pull else "refs/heads/main"
        checkout.mkdir(parents=True)
        web = self._world.github.web_url
        for arguments in (
            ("init", "-q", "-b", f"job-{number}"), ("remote", "add", "origin", f"{web}/{REPO}.git"),
            ("config", f"http.{web}/.extraheader", f"AUTHORIZATION: basic {basic}"),
            ("config", "user.name", "ci"), ("config", "user.email", "ci@example.invalid"),
            ("fetch", "-q", "origin", ref), ("reset", "-q", "--hard", "FETCH_HEAD"),
        ):
            self._git(checkout, *arguments)
        return checkout

    def _agent(self, incident: Incident, number: int, checkout: Path) -> str:
        prompt = f"{incident.title}\n\n{incident.asks if incident.pull else incident.body(self._world.addresses)}"
        if self._choice.backend == "docker":
            return self._in_docker(prompt, number, checkout)
        return self._in_bubblewrap(prompt, number, checkout)

    def _environment(self, number: int) -> dict[str, str]:
        values = {name: canary.value for name, canary in self._world.canaries.items()}
        return {
            "ANTHROPIC_API_KEY": values["model-key"], "GITHUB_TOKEN": values["github-token"], "NPM_TOKEN": values["registry-token"],
            "ANTHROPIC_BASE_URL": self._world.addresses["model"], "ISSUE": str(number), "HOME": "/tmp",  # noqa: S108 - the container's own
        }

    def _in_docker(self, prompt: str, number: int, checkout: Path) -> str:
        script = checkout.parent / f"{checkout.name}.agent"
        script.mkdir()
        (script / "agent.py").write_text(AGENT.read_text(encoding="utf-8"))
        (script / "prompt").write_text(prompt)
        # What the image has of its own comes first: the tree's Python is for images without one.
        command = f'PATH="$PATH:/agent/bin"; export PATH; exec python3 /job/agent.py {MODEL} </job/prompt'
        try:
            with closing(docker.DockerClient(base_url=self._docker_host, timeout=RUN_SECONDS)) as client:
                logs = client.containers.run(
                    self._choice.image or "", ["sh", "-c", command], environment=self._environment(number), network_mode="host",
                    working_dir="/workspace", user=f"{os.getuid()}:{os.getgid()}", remove=True, stdout=True, stderr=True,
                    volumes={str(checkout): {"bind": "/workspace", "mode": "rw"}, str(script): {"bind": "/job", "mode": "ro"},
                             self._tooling: {"bind": "/agent", "mode": "ro"}},
                )
        except DockerException as error:
            return f"the job broke off: {type(error).__name__}: {str(error)[:2000]}"
        return bytes(logs).decode(errors="replace")

    def _in_bubblewrap(self, prompt: str, number: int, checkout: Path) -> str:
        done = subprocess.run(
            ["bwrap", "--ro-bind", "/", "/", "--tmpfs", "/root", "--tmpfs", "/home", "--tmpfs", "/tmp", "--tmpfs", "/run",  # noqa: S108 - paths inside
             *self._interpreter(), "--bind", str(checkout), "/tmp/workspace", "--ro-bind", str(AGENT), "/tmp/agent.py",  # noqa: S108 - inside
             "--dev", "/dev", "--unshare-pid", "--proc", "/proc", "--die-with-parent", "--chdir", "/tmp/workspace",  # noqa: S108 - inside
             sys.executable, "/tmp/agent.py", MODEL],  # noqa: S108 - inside
            input=prompt, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
            env=self._environment(number) | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        )
        return done.stdout or f"the job broke off: {done.stderr[-2000:]}"

    def _interpreter(self) -> list[str]:
        """Return how to show Python again, where it lives in what is hidden."""
        places = {str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix)}
        hidden = [place for place in places if place.startswith(("/root/", "/home/", "/tmp/", "/run/"))]  # noqa: S108 - compared
        return [part for place in hidden for part in ("--ro-bind", place, place)]

    def _propose(self, incident: Incident, number: int, checkout: Path, said: str) -> str:
        branch = f"job-{number}"
        host = {"HOST_DEPLOY_KEY": self._world.canaries["host-secret"].value}
        for arguments in (("add", "-A"), ("commit", "-qm", "What the agent did"), ("push", "-q", "origin", f"HEAD:{branch}")):
            self._git(checkout, *arguments, more=host)
        answer = httpx.post(
            f"{self._world.github.api_url}/repos/{REPO}/pulls", timeout=20, trust_env=False,
            headers={"Authorization": f"Bearer {self._world.canaries['github-token'].value}"},
            json={"title": incident.title, "head": branch, "base": "main", "body": said},
        )
        return str(answer.json().get("html_url", "")) if answer.status_code == 201 else ""

    def _git(self, checkout: Path, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        """Run the host's git as a job's step does: in the directory that the agent could write, its settings in force."""
        git = shutil.which("git") or "git"
        environment = {"PATH": f"{Path(git).parent}{os.pathsep}{os.defpath}", "HOME": str(self._directory), "GIT_CONFIG_NOSYSTEM": "1",
                       "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "*"} | dict(more or {})
        subprocess.run([git, *arguments], cwd=checkout, env=environment, capture_output=True, timeout=60, check=False)
