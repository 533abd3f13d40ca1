"""From a seed to records."""

from __future__ import annotations

from app.emulators.slack.seed import HOME_TEAM, Seed, SeedApp, SeedChannel, SeedMember, SeedTeam
from app.emulators.slack.state import App, Channel, Member, Team
from app.emulators.slack.world import World
from app.errors import ConfigurationError


def plant(world: World, seed: Seed) -> None:
    """Fill an empty world. Raises ConfigurationError for a seed that contradicts itself."""
    state = world.state
    home = _team(world, seed.team)
    # People say nothing, or the usual id, for the workspace that the App is installed in.
    state.teams.setdefault(HOME_TEAM, home)
    for team in seed.other_teams:
        _team(world, team)
    state.app = _app(world, seed.app, home)
    for member in seed.members:
        add_member(world, member)
    for channel in seed.channels:
        add_channel(world, channel)


def add_member(world: World, seed: SeedMember) -> Member:
    """Make a person or a bot. Raises ConfigurationError."""
    state = world.state
    if state.member(seed.name) or (seed.id and state.member(seed.id)):
        raise ConfigurationError(f"The member {seed.name} is there twice; give each name and id once")
    team = state.teams.get(seed.team)
    if team is None:
        raise ConfigurationError(f"The member {seed.name} is of workspace {seed.team}, which is not there; name it in other_teams")
    real_name = seed.real_name or seed.name.replace(".", " ").title()
    member = Member(
        id=seed.id or state.new_id("U"), team=team, name=seed.name, real_name=real_name,
        display_name=seed.name if seed.display_name is None else seed.display_name, email=seed.email or f"{seed.name}@example.test",
        deleted=seed.deleted, is_admin=seed.is_admin, is_restricted=seed.is_restricted or seed.is_ultra_restricted,
        is_ultra_restricted=seed.is_ultra_restricted, bot_id=state.new_id("B") if seed.is_bot else None,
        app_id=state.new_id("A") if seed.is_bot else None, updated=world.seconds,
    )
    state.members[member.id] = member
    return member


def add_channel(world: World, seed: SeedChannel) -> Channel:
    """Make a channel; nobody is told. Raises ConfigurationError."""
    state = world.state
    if state.channel(seed.name) or (seed.id and state.channel(seed.id)):
        raise ConfigurationError(f"The channel {seed.name} is there twice; give each name and id once")
    missing = [one for one in seed.shared_with if one not in state.teams]
    if missing:
        raise ConfigurationError(f"The channel {seed.name} is shared with {missing[0]}, which is not there; name it in other_teams")
    members = [state.member(name) or add_member(world, SeedMember(name=name)) for name in seed.members]
    channel = Channel(
        id=seed.id or state.new_id("C"), name=seed.name, kind="private" if seed.private else "public", team=world.team,
        creator=members[0] if members else world.app.bot, created=world.seconds, members=[one.id for one in members],
        shared_with=[state.teams[one] for one in seed.shared_with], archived=seed.archived,
    )
    strangers = [one.name for one in members if one.team is not world.team and one.team not in channel.shared_with]
    if strangers:
        raise ConfigurationError(f"{strangers[0]} is of another workspace, which {seed.name} is not shared with")
    state.channels[channel.id] = channel
    return channel


def _team(world: World, seed: SeedTeam) -> Team:
    if seed.id in world.state.teams:
        raise ConfigurationError(f"The workspace {seed.id} is there twice; give each id once")
    world.state.teams[seed.id] = Team(seed.id, seed.name, seed.domain)
    return world.state.teams[seed.id]


def _app(world: World, seed: SeedApp, home: Team) -> App:
    state = world.state
    bot = Member(
        id=state.new_id("U"), team=home, name=seed.bot, real_name=seed.name, display_name=seed.bot, email=None,
        bot_id=state.new_id("B"), app_id=seed.id, updated=world.seconds,
    )
    state.members[bot.id] = bot
    return App(
        id=seed.id, name=seed.name, bot=bot, signing_secret=seed.signing_secret,
        verification_token=seed.verification_token, bot_token=seed.bot_token, app_token=seed.app_token, scopes=list(seed.scopes),
        app_scopes=list(seed.app_scopes), events=list(seed.events), commands=list(seed.commands), shortcuts=list(seed.shortcuts),
        escapes_commands=seed.escapes_commands, request_url=seed.request_url,
        interactivity_url=seed.interactivity_url or seed.request_url, commands_url=seed.commands_url or seed.request_url,
        socket_mode=seed.socket_mode,
    )
