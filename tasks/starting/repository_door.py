"""What makes git and GitHub's clients inside a sandbox come to its door: environment, and no file of theirs."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.core.assignment import LOOPBACK_URL, Assignment

_COUNT = "GIT_CONFIG_COUNT"


def with_repository(assignment: Assignment, clone_url: str) -> Assignment:
    """Return the assignment with its repository's usual addresses leading to the door.

    `git fetch origin` then works as anywhere, whatever form of address somebody writes; git 2.31 or newer reads this.
    Where the profile lets tunnels to that host through, only the run's own repository leads here: the others (submodules)
    go their own way, without a token.
    https://git-scm.com/docs/git-config#Documentation/git-config.txt-urlltbasegtinsteadOf
    """
    if assignment.door.repository is None:
        return assignment
    parts = urlsplit(clone_url)
    is_tunnelled = parts.hostname in {entry.partition(":")[0] for entry in assignment.door.connect}
    own = assignment.door.repository if is_tunnelled else ""
    rewrite = f"url.{LOOPBACK_URL}/git/{own}.insteadOf"
    settings = (
        (rewrite, f"{parts.scheme}://{parts.netloc}/{own}"),
        (rewrite, f"git@{parts.hostname}:{own}"),
        (rewrite, f"ssh://git@{parts.hostname}/{own}"),
        # Whatever proxy the environment names: this is loopback.
        (f"http.{LOOPBACK_URL}/.proxy", ""),
    )
    env = {"GIT_TERMINAL_PROMPT": "0", "GITHUB_API_URL": f"{LOOPBACK_URL}/github", **assignment.env}
    said = env.get(_COUNT, "0")
    first = int(said) if said.isascii() and said.isdigit() else 0
    for number, (key, value) in enumerate(settings, first):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return assignment.model_copy(update={"env": env | {_COUNT: str(first + len(settings))}})
