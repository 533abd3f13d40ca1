"""Cut the part of Slack's published schemas that our road uses into tests/payloads/slack/schema/.

Usage: python tests/app/emulators/slack/cut_schema.py DIRECTORY
where the directory holds slack_web_openapi_v2.json, slack_common_event_wrapper_schema.json, slack_events_api_async_v1.json and
LICENSE of https://github.com/slackapi/slack-api-specs. Descriptions and examples are left out; the rest is not changed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.app.emulators.github.cut_schema import references, trimmed

OUT = Path(__file__).resolve().parents[3] / "payloads" / "slack" / "schema"

METHODS = [
    "auth.test", "bots.info", "chat.delete", "chat.getPermalink", "chat.postEphemeral", "chat.postMessage", "chat.update",
    "conversations.history", "conversations.info", "conversations.join", "conversations.list", "conversations.members",
    "conversations.open", "conversations.replies", "files.info", "reactions.add", "reactions.get", "reactions.remove", "team.info",
    "users.conversations", "users.info", "users.list", "users.lookupByEmail", "views.open", "views.update",
]


def main(directory: str) -> None:
    source = Path(directory)
    web = json.loads((source / "slack_web_openapi_v2.json").read_text(encoding="utf-8"))
    methods = {}
    for name in METHODS:
        (operation,) = web["paths"][f"/{name}"].values()
        methods[name] = {status: trimmed(one["schema"]) for status, one in operation["responses"].items()}
    definitions: dict[str, Any] = {}
    waiting = references(methods)
    while waiting:
        name = waiting.pop().rsplit("/", 1)[-1]
        definitions[name] = trimmed(web["definitions"][name])
        waiting |= {one for one in references(definitions[name]) if one.rsplit("/", 1)[-1] not in definitions}
    write("web", {"version": web["info"]["version"], "methods": methods, "definitions": definitions})

    write("wrapper", trimmed(json.loads((source / "slack_common_event_wrapper_schema.json").read_text(encoding="utf-8"))))

    events = json.loads((source / "slack_events_api_async_v1.json").read_text(encoding="utf-8"))
    topics = {name: topic["subscribe"] for name, topic in events["topics"].items()}
    write("events", {
        "scopes": {name: topic.get("x-scopes-required", []) for name, topic in topics.items()},
        "wrapper": trimmed(events["components"]["schemas"]["GenericEventWrapper"]),
    })
    shutil.copyfile(source / "LICENSE", OUT / "LICENSE")


def write(name: str, content: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
