"""Modals as the Web API and the interactions show them: https://docs.slack.dev/reference/views"""

from __future__ import annotations

from app.emulators.slack.state import Json, View
from app.emulators.slack.world import World


def view(world: World, found: View) -> Json:
    """Return a view with what stands in its inputs."""
    app, body = world.app, found.body
    return {
        "id": found.id, "team_id": found.user.team.id, "type": "modal", "blocks": body["blocks"],
        "private_metadata": body.get("private_metadata", ""), "callback_id": body.get("callback_id", ""), "state": {"values": found.values},
        "hash": found.hash, "title": body["title"], "clear_on_close": body.get("clear_on_close", False),
        "notify_on_close": body.get("notify_on_close", False), "close": body.get("close"), "submit": body.get("submit"),
        "previous_view_id": None, "root_view_id": found.id, "app_id": app.id, "external_id": body.get("external_id", ""),
        "app_installed_team_id": world.team.id, "bot_id": app.bot.bot_id,
    }
