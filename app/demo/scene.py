"""The demo's scene: the GitHub emulator, the model (replayed, or a real one), and a Bellhop set up for both."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from pydantic import SecretStr

from app.demo.sandbox import Choice
from app.embedded import Bellhop, running
from app.emulators.github.emulator import GitHubEmulator
from app.emulators.github.seed import load_seed
from app.emulators.github.serve import serve as serve_github
from app.emulators.model.emulator import ANTHROPIC_KEY, ModelEmulator
from app.emulators.model.record import Record, load_record
from app.emulators.model.script import Script
from app.emulators.model.serve import serve as serve_model
from app.errors import ServiceError
from app.settings import Settings

HERE = Path(__file__).resolve().parent
REPO = "corner-shop/till"
LONGEST_TEMPORARY = 30
VERIFY = "python3 -m unittest"
MODELS = {"replay": "anthropic/claude-sonnet-4-5", "anthropic": "anthropic/claude-sonnet-4-5", "openai": "openai/gpt-5"}

PROFILE = """\
on:
  issues:
    types: [labeled]
    labels: [bellhop]
agent:
  uses: mini
  model: {model}
container:
  isolation: {isolation}
{image}timeout-minutes: 10
verify: {verify}
"""


class Scene(NamedTuple):
    """Everything that plays in the demo; `model` is `replay`, `anthropic` or `openai`."""

    bellhop: Bellhop
    github: GitHubEmulator
    model: str
    directory: Path


def which_model(settings: Settings) -> str:
    """Return whose model works: a real one if there is a key for it, else the shipped record."""
    if settings.anthropic_api_key.get_secret_value():
        return "anthropic"
    return "openai" if settings.openai_api_key.get_secret_value() else "replay"


def demo_settings(directory: Path) -> Settings:
    """Return the settings of a Bellhop of its own below `directory`, whatever else is set up on this machine."""
    return Settings(
        state_dir=directory / "state", runtime_dir=directory / "run", profiles_dir=directory / "profiles",
        database_url="", broker_url="memory://", web_host="127.0.0.1", web_port=0, public_url="",
        host_name="demo", sandbox_backend="auto", bot_login="bellhop[bot]", log_level="ERROR", sweep_seconds=5.0,
        github_private_key_file=None, ca_bundle=None,
        # The GitHub of this demonstration is on this machine, and asks for none.
        github_write_spacing_seconds=0,
    )


@contextmanager
def directories(*, keep: bool) -> Iterator[Path]:
    """Yield a new directory with a short path (a socket's path may have 107 bytes), removed afterwards."""
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST_TEMPORARY else "/tmp"  # noqa: S108 - made new, for us alone
    if keep:
        yield Path(tempfile.mkdtemp(prefix="bellhop-demo-", dir=base))
        return
    with tempfile.TemporaryDirectory(prefix="bellhop-demo-", dir=base, ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def scene(
    settings: Settings, choice: Choice, directory: Path, repository: Path | None, source: Script | Record | None = None
) -> Iterator[Scene]:
    """Set everything up on loopback for the length of the block; `source` stands in for the shipped record.

    Raises ConfigurationError, ServiceError.
    """
    model = which_model(settings)
    with ExitStack() as stack:
        seed = load_seed(HERE / "seed.yaml")
        if repository is not None:
            repo = seed.repositories[0].model_copy(update={"content": repository})
            seed = seed.model_copy(update={"repositories": (repo,)})
        github = stack.enter_context(GitHubEmulator(directory / "github", seed))
        github_url = stack.enter_context(serve_github(github))
        changes = {
            "github_webhook_secret": SecretStr(seed.app.webhook_secret), "github_app_id": str(seed.app.id),
            "github_private_key": SecretStr(github.private_key_pem or ""), "github_api_url": github.api_url,
            "github_web_url": github_url, "sandbox_backend": choice.backend,
        }
        if model == "replay":
            upstream = stack.enter_context(serve_model(ModelEmulator(source or load_record(HERE / "record.json"))))
            changes |= {"anthropic_api_key": SecretStr(ANTHROPIC_KEY), "anthropic_api_url": upstream}
        settings = settings.model_copy(update=changes)
        settings.profiles_dir.mkdir(parents=True, exist_ok=True)
        image = f"  image: {choice.image}\n" if choice.image else ""
        (settings.profiles_dir / "fix-issue.yaml").write_text(
            PROFILE.format(model=MODELS[model], isolation=choice.isolation, image=image, verify=VERIFY)
        )
        bellhop = stack.enter_context(running(settings))
        yield Scene(bellhop, github, model, directory)


def deliver(bellhop: Bellhop) -> int:
    """Post the recorded, signed delivery, byte for byte, and return its inbox id. Raises ServiceError."""
    recorded = json.loads((HERE / "delivery.json").read_text(encoding="utf-8"))
    try:
        answer = httpx.post(
            f"{bellhop.url}/hooks/github", content=recorded["body"].encode(), headers=recorded["headers"], timeout=10,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise ServiceError(f"Bellhop did not take the delivery ({type(error).__name__})", reason="no_answer") from error
    if answer.status_code != 202:
        raise ServiceError(f"Bellhop answered the delivery with {answer.status_code}: {answer.text[:200]}",
                           status=answer.status_code, reason="delivery_refused")
    return int(answer.json()["id"])


def cache_directory() -> Path | None:
    """Return where `/agent` trees are kept between demos: below this user's home, where nobody else can write."""
    try:
        return Path.home() / ".cache" / "bellhop"
    except RuntimeError:  # neither HOME nor an entry in the user database
        return None
