"""`files.*`: https://docs.slack.dev/messaging/working-with-files"""

from __future__ import annotations

from app.emulators.slack import blocks, posting
from app.emulators.slack.call import Call
from app.emulators.slack.problems import Refusal, invalid_arguments
from app.emulators.slack.shapes import conversation
from app.emulators.slack.state import File, Json


def get_upload_url(call: Call) -> Json:
    """Return where a file's bytes are to be sent."""
    call.need("files:write")
    name, length = call.required("filename"), call.required("length")
    if not length.isdigit() or not int(length):
        raise invalid_arguments("must provide a number [json-pointer:/length]")
    found = File(
        call.world.state.new_id("F"), name, name, call.bot, call.world.seconds, int(length), snippet_type=call.text("snippet_type"),
    )
    call.world.state.files[found.id] = found
    return {"upload_url": f"{call.world.web_url}/upload/v1/{found.id}", "file_id": found.id}


def complete_upload(call: Call) -> Json:
    """Take files that were sent, and share them with a message of their own where a conversation is named."""
    call.need("files:write")
    given = call.json("files")
    if not isinstance(given, list) or not given:
        raise invalid_arguments("missing required field: files")
    found = []
    for one in given:
        file = call.world.state.files.get(one.get("id", "")) if isinstance(one, dict) else None
        if file is None or file.content is None or file.channels:
            raise Refusal("file_not_found")
        file.title = one.get("title") or file.title
        found.append(file)
    for name in [part for part in (call.text("channel_id"), *(call.text("channels") or "").split(",")) if part]:
        call.args["channel"] = name
        channel = call.channel(seen=False)
        if call.bot.id not in channel.members:
            raise Refusal("not_in_channel")
        posting.post(
            call.world, channel, call.bot, call.text("initial_comment") or "", thread_ts=call.text("thread_ts"), files=found,
            blocks=blocks.checked(call.world.state, call.json("blocks", "invalid_blocks_format")),
        )
    return {"files": [conversation.file(call.world, one) for one in found]}


def info(call: Call) -> Json:
    """Tell of a file."""
    call.need("files:read")
    found = visible(call, call.required("file"))
    return {"file": conversation.file(call.world, found), "comments": [], "response_metadata": {"next_cursor": ""}}


def visible(call: Call, number: str) -> File:
    """Return a file that the bot may see: its own, or one of a conversation that it is in."""
    found = call.world.state.files.get(number)
    mine = found is not None and (found.user is call.bot or any(
        call.bot.id in call.world.state.channels[one].members for one in found.channels
    ))
    if found is None or found.content is None or not mine:
        raise Refusal("file_not_found")
    return found


METHODS = {"files.getUploadURLExternal": get_upload_url, "files.completeUploadExternal": complete_upload, "files.info": info}
