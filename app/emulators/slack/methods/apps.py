"""`auth.test`, `apps.connections.open`, `team.info` and `bots.info`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from app.emulators.slack.call import Call
from app.emulators.slack.problems import Refusal, missing_scope
from app.emulators.slack.shapes import account
from app.emulators.slack.state import Json


def auth_test(call: Call) -> Json:
    """Say whose the token is."""
    world = call.world
    if call.kind == "app":
        return {"app_name": world.app.name, "app_id": world.app.id}
    return {
        "url": f"{world.web_url}/", "team": world.team.name, "user": call.bot.name, "team_id": world.team.id, "user_id": call.bot.id,
        "bot_id": call.bot.bot_id, "is_enterprise_install": False,
    }


def connections_open(call: Call) -> Json:
    """Return the address of a new Socket Mode connection, good once."""
    app = call.world.app
    if "connections:write" not in app.app_scopes:
        raise missing_scope("connections:write", app.app_scopes)
    if not app.socket_mode:
        raise Refusal("forbidden")
    base = call.world.web_url.replace("http", "ws", 1)
    return {"url": f"{base}/link?ticket={call.world.sockets.ticket()}&app_id={app.id}"}


def team_info(call: Call) -> Json:
    """Tell of a workspace."""
    call.need("team:read")
    wanted = call.text("team")
    found = call.world.state.teams.get(wanted) if wanted else call.world.team
    if found is None:
        raise Refusal("team_not_found")
    return {"team": account.team(call.world, found)}


def bots_info(call: Call) -> Json:
    """Tell of a bot."""
    call.need("users:read")
    wanted = call.text("bot")
    found = next((one for one in call.world.state.members.values() if wanted and one.bot_id == wanted), None)
    if found is None:
        raise Refusal("bot_not_found")
    shape = account.bot_profile(call.world, found)
    return {"bot": {**{key: value for key, value in shape.items() if key != "team_id"}, "user_id": found.id}}


METHODS = {"auth.test": auth_test, "apps.connections.open": connections_open, "team.info": team_info, "bots.info": bots_info}
