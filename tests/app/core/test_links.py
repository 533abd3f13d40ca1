"""What people link to, by the names that conversations go by."""

from __future__ import annotations

import pytest

from app.core.event import Actor, Event, Repo
from app.core.words.links import names_in, names_of, repositories_in

WEB = "https://github.com"


@pytest.mark.parametrize(("text", "names"), [
    ("see https://github.com/octo/hello/issues/7.", ("github:octo/hello#7",)),
    ("(https://github.com/octo/hello/pull/8/files#diff-1)", ("github:octo/hello#8",)),
    ("https://octo.slack.com/archives/C024BE91L/p1355517523000008", ("slack:/C024BE91L/1355517523.000008",)),
    ("<https://octo.slack.com/archives/C024BE91L/p1355517523000008?thread_ts=1355517519.000000&cid=C024BE91L|there>", ("slack:/C024BE91L/1355517519.000000",)),
    ("https://linear.app/octo/issue/ENG-12/it-breaks", ("linear:ENG-12",)),
    ("https://github.com.evil.test/octo/hello/issues/7 http://github.com/octo/hello/issues/7", ()),
    ("https://evil-slack.com/archives/C024BE91L/p1355517523000008 https://linear.app.evil.test/o/issue/E-1", ()),
    ("octo/hello#7 and ENG-12", ()),
], ids=["issue", "pull", "message", "in-a-thread", "planned", "not-the-forge", "not-the-services", "no-links"])
def test_only_addresses_of_the_services_themselves_are_names(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text, WEB) == names


def test_at_most_ten_are_looked_at_and_each_once() -> None:
    text = " ".join(f"{WEB}/octo/hello/issues/{number % 15 + 1}" for number in range(60))
    assert len(names_in(text, WEB)) == 10
    assert repositories_in(text, WEB) == ("octo/hello",)


@pytest.mark.parametrize(("thread", "url", "names"), [
    ("slack:T061EG9R6/C024BE91L/1355517519.000000", "", ("slack:/C024BE91L/1355517519.000000",)),
    ("linear:9cfb482a", "https://linear.app/octo/issue/ENG-12/it-breaks", ("linear:ENG-12",)), ("linear:9cfb482a", "", ()),
], ids=["slack", "linear", "linear-without-address"])
def test_a_thread_goes_by_the_name_that_a_link_would_have(thread: str, url: str, names: tuple[str, ...]) -> None:
    source = thread.partition(":")[0]
    event = Event(
        source=source, kind=f"{source}.mention", delivery_key="1", thread=thread, actor=Actor(id="1", login="a", kind="person"), repo=Repo.unsaid(), url=url,
    )
    assert names_of(event) == names
