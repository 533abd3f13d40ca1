"""The link to the run in the thread: there when others can follow it, left out when it leads to this machine only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.route import route
from tests.tasks.scene import Scene


@pytest.mark.parametrize(("url", "is_linked"), [("https://bellhop.test", True), ("http://127.0.0.1:8300", False)])
def test_a_comment_links_to_the_run_where_others_can_follow_it(url: str, is_linked: bool, scene: Scene) -> None:
    parts = replace(scene.parts, settings=scene.settings.model_copy(update={"public_url": url}))
    route(parts, scene.ring())
    [comment] = scene.comments()
    assert (f"{url}/runs/" in comment.body) is is_linked
    assert "On it" in comment.body
