"""Members, bots and workspaces as the Web API shows them.

Shapes: https://github.com/slackapi/slack-api-specs (objs_user, objs_bot_profile, objs_team)
"""

from __future__ import annotations

from app.emulators.slack.state import Json, Member, Team
from app.emulators.slack.world import World


def user(world: World, member: Member, *, email: bool) -> Json:
    """Return a user object; the address is there for a token with `users:read.email` only."""
    shape: Json = {
        "id": member.id, "team_id": member.team.id, "name": member.name, "deleted": member.deleted,
        "profile": profile(world, member, email=email), "is_bot": member.is_bot, "updated": member.updated, "is_app_user": False,
    }
    if member.team is not world.team:
        # https://docs.slack.dev/reference/objects/user-object: nobody of ours, and in no channel that the App sees.
        shape["is_stranger"] = not meets_app(world, member)
    if member.deleted:
        return shape
    return shape | {
        "color": "9f69e7", "real_name": member.real_name, "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
        "is_admin": member.is_admin, "is_owner": False, "is_primary_owner": False, "is_restricted": member.is_restricted,
        "is_ultra_restricted": member.is_ultra_restricted,
    }


def profile(world: World, member: Member, *, email: bool) -> Json:
    """Return a user's profile."""
    shape: Json = {
        "title": "", "phone": "", "skype": "", "real_name": member.real_name, "real_name_normalized": member.real_name,
        "display_name": member.display_name, "display_name_normalized": member.display_name, "fields": None,
        "status_text": "", "status_emoji": "", "status_expiration": 0, "avatar_hash": "g0000000000a", "team": member.team.id,
        **{f"image_{size}": f"{world.web_url}/avatars/{member.id}/{size}.png" for size in (24, 32, 48, 72, 192, 512)},
    }
    if member.is_bot:
        shape |= {"bot_id": member.bot_id, "api_app_id": member.app_id or "", "always_active": True}
    if email and member.email and not member.is_bot:
        shape["email"] = member.email
    return shape


def meets_app(world: World, member: Member) -> bool:
    """Whether a member is in a conversation that the App is in."""
    return any(world.app.bot.id in one.members and member.id in one.members for one in world.state.channels.values())


def bot_profile(world: World, member: Member) -> Json:
    """Return what stands beside a bot's messages."""
    icons = {f"image_{size}": f"{world.web_url}/avatars/{member.id}/{size}.png" for size in (36, 48, 72)}
    return {
        "id": member.bot_id, "deleted": member.deleted, "name": member.real_name, "updated": member.updated,
        "app_id": member.app_id, "icons": icons, "team_id": member.team.id,
    }


def team(world: World, found: Team) -> Json:
    """Return a workspace."""
    icon = {f"image_{size}": f"{world.web_url}/avatars/{found.id}/{size}.png" for size in (34, 44, 68, 88, 102, 132)}
    return {
        "id": found.id, "name": found.name, "domain": found.domain, "email_domain": "",
        "icon": {**icon, "image_default": True},
    }
