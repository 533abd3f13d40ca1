"""Untrusted words, as properties: whatever goes in, nothing that comes out is acted on or hides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.words.clean import clean
from app.publish.inert import Inert, address, block, defang, line, span, words

# Text that is dense in what matters, mixed with any text at all.
PIECES = st.sampled_from([
    "@octocat", "@org/team", "@dependabot merge", "fixes #1", "Closes: GH-12", "octo/hello#3", "https://evil.invalid/?d=1",
    "www.evil.invalid", "/close", "\n/lgtm\n", "  /merge", "[skip ci]", "[ci skip]", "[no ci]", "[travis skip]", "[skip\u00a0ci]", "***NO_CI***", "\nRelease-As: 9.0.0", "skip-checks: true",
    "\nCo-authored-by: Boss <b@c>", "\nSigned-off-by : x", "\nReviewed-by: Boss", "\nBellhop-Run: aaaaaaaaaaaa", "<!-- bellhop-run: x -->", "-->",
    "![x](http://e/x.png)", "[y](javascript:z)", "<img src=x>", "</details>", "```", "````", "~~~", "`", "``", "*", "_", "|",
    "\\", "&lt;", "$$", "# h", "- ", "1. ", "> ", "\x1b[31m", "\x1b]8;;http://e\x07", "\r", "\r\n", "\u2028", "\x85", "\u202e",
    "\u200b", "\u200d", "\u2066", "\ufeff", "\U000e0041", "\u3164", "\x00", "\t", "\n", " ", "a", "7",
])
TEXT = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=30).map("".join)

ACTIVE = [
    r"@(?=\w)", r"#(?=\d)", r"(?i)\bGH-(?=\d)", r"://", r"(?i)\bwww\.", r"(?m)^[^\S\n]*/\w",
    r"(?i)\[\s*(?:skip\sci|ci\sskip|no\sci|skip\sactions|actions\sskip|travis\sskip)\]", r"\*NO_CI\b", r"<!--",
    r"(?im)^[^\S\n]*(?:skip-checks|[a-z][a-z-]*-by|change-id|bellhop-run|release-as)\s*:",
]
FORMS: list[Callable[[str], str]] = [defang, line, words, span, block]


@pytest.mark.parametrize("form", FORMS)
@given(text=TEXT)
def test_nothing_is_left_that_anybody_acts_on(form: Callable[[str], str], text: str) -> None:
    """T68: for those who render it and for those who match the raw text."""
    shown = form(text)
    for pattern in ACTIVE:
        assert not re.search(pattern, shown), (pattern, shown)


@pytest.mark.parametrize("form", FORMS)
@given(text=TEXT)
def test_nothing_hides(form: Callable[[str], str], text: str) -> None:
    """T70: no control, bidirectional or invisible character but line feed, tab and our own break."""
    hidden = {c for c in form(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert hidden <= {"\n", "\t", "\u200b"}


@given(text=TEXT)
def test_a_block_cannot_be_left(text: str) -> None:
    shown = block(text)
    if shown:
        opening, *inner, closing = shown.split("\n")
        fence = re.fullmatch(r"(`{3,})text", opening)
        assert fence is not None
        assert closing == fence.group(1)
        assert not any(re.match(rf"\s*`{{{len(closing)},}}", row) for row in inner)


@given(text=TEXT)
def test_a_span_cannot_be_left(text: str) -> None:
    shown = span(text)
    fence = re.match(r"`+", shown)
    assert fence is not None
    width = len(fence.group(0))
    assert "\n" not in shown
    assert shown.endswith("`" * width)
    inner = shown[width:-width]
    assert inner
    assert not any(len(run) == width for run in re.findall(r"`+", inner))


@given(text=TEXT)
def test_words_hold_no_markup(text: str) -> None:
    shown = words(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#!|~&$]", shown)
    assert not re.match(r"\d*[-+=.)]", shown)


@given(text=TEXT)
def test_cleaning_and_defanging_settle(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean(defang(text)) == clean(text)


@pytest.mark.parametrize("text", ["plain words, twice.", "Grüße, 世界! 🎉", "def f(x):\n    return x * 2", "a - b", ""])
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text
    assert defang(text) == text


def test_what_a_person_reads() -> None:
    assert block("one\ntwo `x`") == "```text\none\ntwo `x`\n```"
    assert block(" \n ") == ""
    assert block("```\nx\n```") == "````text\n```\nx\n```\n````"
    assert span("a`b") == "``a`b``"
    assert span("`a`") == "`` `a` ``"
    assert span("") == "`-`"
    assert line("two\nlines  here") == "two lines here"
    assert words("1. *x* <b> re-run") == "1\\. \\*x\\* \\<b\\> re-run"


def test_lengths_are_bounded() -> None:
    assert line("x" * 500, 100) == "x" * 97 + "..."
    assert len(block("word " * 50_000, 1000)) < 1100
    assert max(len(row) for row in block("word " * 100).split("\n")) <= 100


@pytest.mark.parametrize("url", ["https://github.com/octo/hello/pull/8", "http://127.0.0.1:8300/runs/abc"])
def test_an_address_passes(url: str) -> None:
    assert address(url) == url
    assert isinstance(address(url), Inert)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/) [y](http://z", "https://x/ y", "https://x/\n", "https://u@x/", "", "//x"])
def test_what_is_no_plain_address_becomes_text(url: str) -> None:
    assert address(url).startswith("`")
