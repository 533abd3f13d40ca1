"""Conversations, messages and files as the Web API and the events show them.

Shapes: https://github.com/slackapi/slack-api-specs (objs_conversation, objs_message, objs_file)
"""

from __future__ import annotations

import mimetypes

from app.emulators.slack.shapes.account import bot_profile
from app.emulators.slack.state import Channel, File, Json, Member, Message
from app.emulators.slack.world import World


def channel(world: World, found: Channel, caller: Member, *, with_count: bool = False) -> Json:
    """Return a conversation as `caller` sees it."""
    if found.kind == "im":
        other = next((one for one in found.members if one != caller.id), caller.id)
        return {
            "id": found.id, "created": found.created, "is_archived": False, "is_im": True, "is_org_shared": False,
            "context_team_id": found.team.id, "user": other, "is_user_deleted": world.state.members[other].deleted,
            "priority": 0, "is_open": True,
        }
    empty = {"value": "", "creator": "", "last_set": 0}
    shape: Json = {
        "id": found.id, "name": found.name, "is_channel": found.kind == "public", "is_group": found.kind == "private",
        "is_im": False, "is_mpim": found.kind == "mpim", "is_private": found.kind != "public", "created": found.created,
        "is_archived": found.archived, "is_general": found.name == "general", "unlinked": 0, "name_normalized": found.name,
        "is_shared": bool(found.shared_with), "is_org_shared": False, "is_pending_ext_shared": False, "pending_shared": [],
        "context_team_id": found.team.id, "creator": found.creator.id, "is_ext_shared": bool(found.shared_with),
        "shared_team_ids": [found.team.id, *(one.id for one in found.shared_with)], "is_member": caller.id in found.members,
        "topic": empty, "purpose": empty, "previous_names": [],
    }
    if with_count:
        shape["num_members"] = len(found.members)
    return shape


def message(world: World, found: Message, *, metadata: bool = True) -> Json:
    """Return a message; a thread's first one tells of its replies."""
    if found.tombstone:
        return {
            "type": "message", "subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT", "hidden": True,
            "ts": found.ts, "thread_ts": found.ts, **_thread(found),
        }
    shape: Json = {"type": "message", "user": found.user.id, "text": found.text, "ts": found.ts, "team": found.user.team.id}
    if found.subtype:
        shape["subtype"] = found.subtype
    if found.user.bot_id:
        shape |= {"bot_id": found.user.bot_id, "app_id": found.user.app_id, "bot_profile": bot_profile(world, found.user)}
    if found.client_msg_id:
        shape["client_msg_id"] = found.client_msg_id
    if found.user.team is not found.channel.team:
        shape |= {"user_team": found.user.team.id, "source_team": found.user.team.id}
    if found.blocks is not None:
        shape["blocks"] = found.blocks
    if found.attachments:
        shape["attachments"] = found.attachments
    if found.metadata and metadata:
        shape["metadata"] = found.metadata
    if found.files:
        shape |= {"files": [file(world, one) for one in found.files], "upload": False}
    if found.edited:
        shape["edited"] = {"user": found.edited[0], "ts": found.edited[1]}
    if found.reactions:
        shape["reactions"] = reactions(found)
    return shape | _thread(found)


def reactions(found: Message) -> list[Json]:
    """Return a message's reactions."""
    return [{"name": name, "users": list(who), "count": len(who)} for name, who in found.reactions.items()]


def _thread(found: Message) -> Json:
    if found.thread_ts and found.thread_ts != found.ts:
        parent = found.channel.messages.get(found.thread_ts)
        return {"thread_ts": found.thread_ts, **({"parent_user_id": parent.user.id} if parent else {})}
    replies = found.channel.replies(found.ts)
    if not replies:
        return {}
    users = list(dict.fromkeys(one.user.id for one in replies))
    return {
        "thread_ts": found.ts, "reply_count": len(replies), "reply_users_count": len(users), "latest_reply": replies[-1].ts,
        "reply_users": users, "is_locked": False, "subscribed": False,
    }


def file(world: World, found: File) -> Json:
    """Return a file; `url_private` asks for a token of somebody who may see it."""
    mimetype = "text/plain" if found.snippet_type else mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    kind = found.snippet_type or found.name.rpartition(".")[2] or "binary"
    state = world.state
    lists = {letter: [one for one in found.channels if state.channels[one].kind in kinds] for letter, kinds in
             (("channels", ("public",)), ("groups", ("private", "mpim")), ("ims", ("im",)))}
    private = f"{world.web_url}/files-pri/{found.user.team.id}-{found.id}"
    return {
        "id": found.id, "created": found.created, "timestamp": found.created, "name": found.name, "title": found.title,
        "mimetype": mimetype, "filetype": kind, "pretty_type": kind.upper(), "user": found.user.id,
        "user_team": found.user.team.id, "editable": found.snippet_type is not None, "size": found.size,
        "mode": "snippet" if found.snippet_type else "hosted", "is_external": False, "external_type": "",
        "is_public": bool(lists["channels"]), "public_url_shared": False, "display_as_bot": False, "username": "",
        "url_private": f"{private}/{found.name}", "url_private_download": f"{private}/download/{found.name}",
        "permalink": f"{world.web_url}/files/{found.user.id}/{found.id}/{found.name}",
        "permalink_public": f"{world.web_url}/public/{found.id}", "comments_count": 0, "is_starred": False,
        "has_rich_preview": False, **lists,
    }


def permalink(world: World, found: Message) -> str:
    """Return a message's own address."""
    link = "/".join((world.web_url, "archives", found.channel.id, f"p{found.ts.replace('.', '')}"))
    if found.thread_ts and found.thread_ts != found.ts:
        link += f"?thread_ts={found.thread_ts}&cid={found.channel.id}"
    return link
