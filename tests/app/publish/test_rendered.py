"""T68, T69: what a CommonMark renderer makes of replies that hold any words at all: no link, picture or tag of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.core.outcome import Failed, Message, Refused
from app.core.run import comment_marker
from app.publish.candidate import FileChange
from app.publish.describe import Work, render_comment, render_pull_request
from app.publish.inert import block, span, words
from app.publish.policy import Violation
from tests.app.publish.conftest import MakeRun
from tests.app.publish.test_inert import PIECES

URL = "http://127.0.0.1:8300"
OURS = re.compile(r"<details><summary>(?:Files|The last lines of the failed check)</summary>|</details>|<!-- bellhop-run: abcdefabcdef -->")
# Beyond CommonMark, GitHub links bare addresses, mentions and references, but not in code: https://github.github.com/gfm/#autolinks-extension-
ACTED_ON = re.compile(r"(?i)(?:https?|ftp)://|\bwww\.|(?<![\w/])@\w|(?<!\w)#\d|\bGH-\d|[\w.+-]+@[\w-]+\.\w|(?:mailto|xmpp):\w")
MORE = st.sampled_from([
    "[a](http://evil.invalid)", "[a]: http://evil.invalid\n", "[a]", "![", "](", "<http://evil.invalid>", "<a href='http://evil.invalid'>",
    "a@evil.invalid", "<b", ">", "\n\n", "    x", "\n===\n", "\n---\n", "| a |\n|---|\n", "~~", "&#64;octocat", "&lt;img&gt;", "\\", "``` ", "\n> ", "\n- [ ] ", "\f", "\v",
])
TEXT = st.lists(st.one_of(PIECES, MORE, st.text(max_size=5)), max_size=25).map("".join)
BOUNDED = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def acts(markdown: str) -> list[str]:
    """What a reader's browser or GitHub would act on, but for our own page's address and our own tags."""
    found = []
    for token in tokens(markdown):
        if token.type == "image" or (token.type == "link_open" and not str(token.attrs.get("href", "")).startswith(f"{URL}/")):
            found.append(f"{token.type} {token.attrs}")
        elif token.type in ("html_block", "html_inline") and OURS.sub("", token.content).strip():
            found.append(f"{token.type} {token.content}")
        elif token.type == "text" and (acted := ACTED_ON.search(token.content)):
            found.append(acted.group())
    return found


@BOUNDED
@given(TEXT, TEXT, TEXT)
def test_t68_words_spans_and_blocks_render_as_text_wherever_they_stand(one: str, two: str, three: str) -> None:
    markdown = f"- {words(one)}: {span(two)}, {words(three)}\n\n> {words(two)}\n\n{words(three)}\n\n{block(one)}\n\nafter\n"
    assert acts(markdown) == []
    last = [token for token in tokens(markdown) if token.type == "text"][-1]
    assert last.content == "after"
    assert [token.type for token in tokens(markdown) if token.type == "fence"] == (["fence"] if block(one) else [])


@settings(BOUNDED, max_examples=80)
@given(text=TEXT, name=TEXT)
def test_t69_a_pull_request_of_any_words_renders_as_text(make_run: MakeRun, text: str, name: str) -> None:
    run = make_run()
    run = run.model_copy(update={"event": run.event.model_copy(update={"title": name, "text": text, "number": None})})
    _, body = render_pull_request(
        run, changes=(FileChange(path=name, status="M", old_mode="100644", new_mode="100644", size=1),), work=Work(model=name),
        agent_text=text, unfinished=text, warnings=(Violation(rule="submodule", path=name),), settings_url=URL,
    )
    assert acts(body) == []
    assert body.endswith(comment_marker(run.id) + "\n")


@pytest.mark.parametrize("kind", [Failed, Message, Refused])
@settings(BOUNDED, max_examples=60)
@given(text=TEXT, name=TEXT)
def test_t69_a_comment_of_any_words_renders_as_text(make_run: MakeRun, kind: type[Failed | Message | Refused], text: str, name: str) -> None:
    outcome = Message(text=text) if kind is Message else kind.model_validate({"reason": "x", "text": text})
    run = make_run(outcome=outcome, state="done")
    run = run.model_copy(update={"event": run.event.model_copy(update={"title": name, "label": name})})
    assert acts(render_comment(run, settings_url=URL, unread=(name,))) == []


@pytest.mark.parametrize("raw", ["![x](http://e)", "[a](http://e)", "<http://e>", "<img src=x>", "@octocat", "see www.e.invalid", "a@e.invalid", "fixes #1"])
def test_the_oracle_sees_what_it_is_to_see(raw: str) -> None:
    assert acts(f"- {raw}\n")
