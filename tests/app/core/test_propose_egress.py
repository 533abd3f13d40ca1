"""What denials suggest, and what they never do: the names come from sandboxes, and so from whoever leads them astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sandbox.denied import Denied
from app.core.sandbox.destination import NOT_NAMED, parse_entry
from app.core.sandbox.propose_egress import propose_egress


def denied(target: str, why: str = NOT_NAMED) -> Denied:
    return Denied(target=target, why=why)


def test_each_host_is_proposed_once_with_the_runs_that_asked() -> None:
    proposal = propose_egress([
        ("run2", denied("CONNECT files.example:443")), ("run2", denied("CONNECT api.example:8443")),
        ("run1", denied("CONNECT files.example:443")), ("run1", denied("CONNECT files.example:443")),
        ("run1", denied("CONNECT there.example:443")), ("run1", denied("CONNECT a.below.example:443")),
    ], ["there.example", "*.below.example", "what is this"])
    assert [(each.entry, each.runs) for each in proposal.lines] == [
        ("files.example", ("run2", "run1")), ("api.example:8443", ("run2",)),
    ]
    assert proposal.left_out == ()


@pytest.mark.parametrize("target", [
    "CONNECT 8.8.8.8:443", "CONNECT [2606:4700::1111]:443", "CONNECT localhost:443", "CONNECT redis:6379", "CONNECT db.internal:5432",
    "CONNECT printer.local:443", "CONNECT x.onion:443", "CONNECT evil.example\\x00.a.example:443", "CONNECT a@b.example:443",
    "CONNECT a.example:443 (TLS to b.example)", "CONNECT a.example", "CONNECT *.example:443", "GET http://a.example/", "", "CONNECT ",
    "CONNECT a.example:443\n- b.example", "CONNECT forge.example:443", "connect a.example:443", "CONNECT xn--a.example.:443",
])
def test_t54_t55_what_nobody_should_name_is_never_proposed(target: str) -> None:
    proposal = propose_egress([("run1", denied(target))], [], {"forge.example"})
    assert proposal.lines == ()
    assert proposal.left_out[0].target == target


def test_what_was_denied_for_another_reason_is_not_proposed() -> None:
    proposal = propose_egress([("run1", denied("CONNECT a.example:443", "its TLS names another host"))], [])
    assert proposal.lines == ()
    assert proposal.left_out[0].why == "its TLS names another host"


@given(st.one_of(st.text(max_size=40), st.text("CONET a.:4*'\"\n#-", max_size=40).map(lambda text: "CONNECT " + text)))
def test_whatever_is_proposed_is_one_plain_line_of_a_profile(target: str) -> None:
    for each in propose_egress([("run1", denied(target))], []).lines:
        entry = parse_entry(each.entry)
        assert not entry.below
        assert set(each.entry) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-:")
