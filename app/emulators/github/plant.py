"""From a seed to records and bare repositories."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.emulators.github import issues, store, trees
from app.emulators.github.seed import Seed, SeedApp, SeedInstallation, SeedRepository, SeedUser
from app.emulators.github.state import App, Installation, Label, Repository, User
from app.emulators.github.store import Signature
from app.emulators.github.world import World
from app.errors import ConfigurationError

# Fixed, so that the same files always make the same commit.
SEED_AUTHOR = Signature("Emulated GitHub", "noreply@github.invalid", datetime(2026, 1, 1, tzinfo=UTC))
SEED_MESSAGE = "Initial commit"


def plant(world: World, seed: Seed) -> str | None:
    """Fill an empty world; return the App's private key (PEM) if it was made or read here. Raises ConfigurationError."""
    for user in seed.users:
        add_user(world, user)
    app, private_key = _app(world, seed.app)
    world.state.app = app
    for repo in seed.repositories:
        add_repository(world, repo)
    for installation in seed.installations:
        install(world, installation)
    return private_key


def add_user(world: World, seed: SeedUser) -> User:
    """Make an account; a person without a token of their own gets `ghp_<login>`. Raises ConfigurationError."""
    if world.state.user(seed.login):
        raise ConfigurationError(f"The account {seed.login} is there twice; give each login once")
    number = seed.id or world.state.new_id()
    if number in world.state.users:
        raise ConfigurationError(f"The id {number} of account {seed.login} is taken; give each account its own")
    token = seed.token or (f"ghp_{seed.login}" if seed.kind == "User" else None)
    email = seed.email or (f"{seed.login}@example.test" if seed.kind == "User" else None)
    user = User(number, seed.login, seed.kind, seed.name, email, token)
    world.state.users[number] = user
    return user


def add_repository(world: World, seed: SeedRepository) -> Repository:
    """Make a repository with its first commit, labels and issues; rings no webhook. Raises ConfigurationError."""
    owner_login, name = seed.full_name.split("/", 1)
    if world.state.repository(seed.full_name):
        raise ConfigurationError(f"The repository {seed.full_name} is there twice; give each name once")
    owner = world.state.user(owner_login) or add_user(world, SeedUser(login=owner_login, kind="Organization"))
    number = seed.id or world.state.new_id()
    if number in world.state.repositories:
        raise ConfigurationError(f"The id {number} of repository {seed.full_name} is taken; give each its own")
    source = world.state.repository(seed.fork_of) if seed.fork_of else None
    if seed.fork_of and source is None:
        raise ConfigurationError(f"{seed.full_name} is a fork of {seed.fork_of}, which is not there; put that one first")
    path = world.directory / f"{number}.git"
    now = world.now()
    repo = Repository(
        id=number, owner=owner, name=name, path=path, created_at=now, pushed_at=now, private=seed.private,
        default_branch=seed.default_branch, description=seed.description, fork_of=source,
        collaborators={_person(world, login).id: role for login, role in seed.collaborators.items()},
    )
    if path.exists():
        raise ConfigurationError(f"{path} is there already; give the emulator an empty directory")
    store.init(path, seed.default_branch)
    world.state.repositories[number] = repo
    if source:
        store.fetch(path, source.path, "+refs/heads/*:refs/heads/*")
    _first_commit(repo, seed)
    for label in seed.labels:
        repo.labels[label.name] = Label(world.state.new_id(), label.name, label.color, label.description)
    for issue in seed.issues:
        issues.create(
            world, repo, _person(world, issue.user), issue.title, issue.body, list(issue.labels), quiet=True
        )
    return repo


def install(world: World, seed: SeedInstallation) -> Installation:
    """Install the App on an account. Raises ConfigurationError for accounts, repositories or permissions it cannot have."""
    app = world.app
    account = world.state.user(seed.account)
    if account is None:
        raise ConfigurationError(f"The App cannot be installed on {seed.account}: there is no such account")
    chosen: set[int] | None = None
    if seed.repositories != "all":
        chosen = set()
        for full_name in seed.repositories:
            repo = world.state.repository(full_name)
            if repo is None or repo.owner is not account:
                raise ConfigurationError(f"The installation on {account.login} names {full_name}, which is not there")
            chosen.add(repo.id)
    permissions = dict(seed.permissions if seed.permissions is not None else app.permissions)
    permissions.setdefault("metadata", "read")
    found = Installation(
        id=seed.id or world.state.new_id(), account=account, permissions=permissions, events=list(app.events),
        created_at=world.now(), repository_ids=chosen,
    )
    world.state.installations[found.id] = found
    return found


def _first_commit(repo: Repository, seed: SeedRepository) -> None:
    files: dict[str, tuple[str, bytes] | None] = {}
    if seed.content:
        if not seed.content.is_dir():
            raise ConfigurationError(f"The content of {repo.full_name}, {seed.content}, is not a directory")
        files |= trees.read_directory(seed.content)
    files |= {name: ("100644", text.encode()) for name, text in seed.files.items()}
    if files:
        store.commit_files(
            repo.path, seed.default_branch, files, message=SEED_MESSAGE, author=SEED_AUTHOR, parent=None, whole_tree=True
        )


def _person(world: World, login: str) -> User:
    return world.state.user(login) or add_user(world, SeedUser(login=login))


def _app(world: World, seed: SeedApp) -> tuple[App, str | None]:
    private_key = None if seed.public_key else _private_key(seed.private_key_file)
    public_key = seed.public_key or _public_half(private_key or "")
    state = world.state
    owner = _person(world, seed.owner or f"{seed.slug}-owner")
    bot = User(state.new_id(), f"{seed.slug}[bot]", "Bot")
    state.users[bot.id] = bot
    permissions = {"metadata": "read", **seed.permissions}
    app = App(
        id=seed.id, slug=seed.slug, name=seed.name, client_id=seed.client_id, owner=owner, bot=bot,
        public_key_pem=public_key, webhook_secret=seed.webhook_secret, webhook_url=seed.webhook_url,
        hook_id=state.new_id(), permissions=permissions, events=list(seed.events), created_at=world.now(),
        client_secret=seed.client_secret, callback_urls=seed.callback_urls,
    )
    return app, private_key


def _private_key(path: Path | None) -> str:
    if path and path.exists():
        return path.read_text(encoding="ascii")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    if path:
        path.touch(mode=0o600)
        path.write_text(pem, encoding="ascii")
    return pem


def _public_half(private_key_pem: str) -> str:
    try:
        key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    except ValueError as error:
        raise ConfigurationError("The App's private_key_file holds no PEM private key") from error
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return public.decode()
