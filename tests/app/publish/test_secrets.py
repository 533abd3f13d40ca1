"""T63: what a result would carry out: Bellhop's own keys however they are written, and others by their vendors' formats.

Every value here is made up when the test runs, so that no scanner of this repository finds one.
"""

from __future__ import annotations

import base64
import secrets as chance
import string
import textwrap
from urllib.parse import quote

import pytest

from app.core.profile import PullRequestPolicy
from app.errors import PublishRefused
from app.git import Git
from app.publish import secrets as looking
from app.publish.added import added_lines
from app.publish.known_shapes import MOST_FOUND, look
from app.publish.policy import Verdict, Violation
from app.publish.secrets import find_secrets
from tests.app.publish.hostile import Agent

KNOWN = "xk-" + chance.token_urlsafe(40) + "/+"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(chance.token_hex(32) for _ in range(5)) + "\n-----END RSA PRIVATE KEY-----\n"


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(chance.choice(alphabet) for _ in range(count))


def found(agent: Agent, head: str, *known: str) -> tuple[Violation, ...]:
    return find_secrets(Git(), agent.propose(head), known or (KNOWN, PEM))


def rules(agent: Agent, path: str, content: str) -> list[str]:
    violations = found(agent, agent.write(path, content))
    assert not any(KNOWN in violation.text for violation in violations)
    return [violation.rule for violation in violations]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("written", [
    KNOWN, f"key = '{KNOWN}'", b64(KNOWN), b64("x" + KNOWN), b64("ab" + KNOWN + "tail"), KNOWN.encode().hex(),
    KNOWN.encode().hex().upper(), quote(KNOWN, safe=""), KNOWN[::-1], base64.urlsafe_b64encode(KNOWN.encode()).decode(),
    base64.encodebytes(PEM.encode()).decode(), b64(PEM.strip()), "\n".join(textwrap.wrap(PEM.encode().hex(), 60)),
    KNOWN[:20] + "\n" + KNOWN[20:], f'"{KNOWN[:20]}" + "{KNOWN[20:]}"', PEM.splitlines()[2], "\\n".join(PEM.splitlines()),
], ids=["plain", "quoted", "base64", "base64+1", "base64+2", "hex", "HEX", "percent", "reversed", "urlsafe", "a key in base64, wrapped", "without its last newline", "xxd", "two lines",
        "added up", "one line of a key", "a key in one line"])
def test_t63_bellhops_own_secret_is_found_however_it_is_written(agent: Agent, written: str) -> None:
    assert rules(agent, "notes.txt", f"before\n{written}\nafter\n") == ["known_secret"]


def test_t63_in_a_binary_file_and_in_a_files_name(agent: Agent) -> None:
    (agent.place / "data.bin").write_bytes(b"\0\1\2" + KNOWN.encode() + b"\xff\0")
    assert rules(agent, "hello.py", "1\n") == ["known_secret"]
    name = chance.token_hex(20)
    assert [each.rule for each in found(agent, agent.write(f"docs/{name}", "x\n"), name)] == ["known_secret"]


@pytest.mark.parametrize(("content", "rule"), [
    (lambda: KNOWN.encode("utf-16"), "known_secret"), (lambda: b"\0" + f"{KNOWN[:9]}\n{KNOWN[9:]}".encode(), "known_secret"),
    (lambda: b"\0AKIA" + letters(16, string.ascii_uppercase).encode() + b"\n", "secret_shape"),
    (lambda: ("ghp_" + letters(36)).encode("utf-16-le"), "secret_shape"),
])
def test_t63_what_git_calls_binary_is_read_like_text(agent: Agent, content: object, rule: str) -> None:
    assert callable(content)
    (agent.place / "data.bin").write_bytes(content())
    assert rules(agent, "hello.py", "1\n") == [rule]


@pytest.mark.parametrize(("content", "rule"), [
    (KNOWN.encode("utf-16-le"), "known_secret"), (f"glpat-{letters(20)}".encode("utf-16-le"), "secret_shape"),
    (f"ghs_{letters(40)}".encode("utf-16-le"), "secret_shape"),
    (f"{KNOWN[:9]}\u200b{KNOWN[9:]}".encode(), "known_secret"), (f"{KNOWN[:9]}\x1b[0m{KNOWN[9:]}".encode(), "known_secret"),
    (f"glpat-\u2060{letters(20)}".encode(), "secret_shape"),
], ids=["utf-16", "a shape in utf-16", "ours in utf-16", "zero width", "an escape", "a shape, zero width"])
def test_t63_what_nobody_sees_in_a_text_hides_no_secret(agent: Agent, content: bytes, rule: str) -> None:
    """Git looks at the first 8000 bytes to call a file text."""
    (agent.place / "notes.txt").write_bytes(b"a\n" * 5000 + content + b"\n")
    assert rules(agent, "hello.py", "1\n") == [rule]


def test_t63_a_name_that_is_a_credential_is_found_and_not_repeated(agent: Agent) -> None:
    name = "AKIA" + letters(16, string.ascii_uppercase)
    [violation] = found(agent, agent.write(f"conf/{name}", "x\n"))
    assert (violation.rule, name in violation.text) == ("secret_shape", False)
    own = "whk_live_" + letters(20)
    violations = found(agent, agent.write(own, f"{own}\n"), own)
    assert {each.rule for each in violations} == {"known_secret", "secret_shape"}
    assert not any(own in each.text for each in violations)


def test_what_is_taken_out_is_no_secret_that_goes_out(agent: Agent) -> None:
    agent.base = agent.write("leaked.txt", f"{KNOWN}\n")
    agent.git("push", "-q", str(agent.mirror), "main")
    assert rules(agent, "leaked.txt", "gone\n") == []


@pytest.mark.parametrize(("made", "kind"), [
    (lambda: "AKIA" + letters(16, string.ascii_uppercase + "234567"), "AWS"),
    (lambda: "ghp_" + letters(36), ""), (lambda: "ghs_123_" + letters(300) + ".x-_" + letters(200), ""),
    (lambda: "glpat-" + letters(20), "GitLab"), (lambda: "sk_" + "live_" + letters(24), "Stripe"),
    (lambda: "xox" + "b-" + letters(12, string.digits) + "-" + letters(24), "Slack"), (lambda: "sk-ant-" + letters(40), ""),
    (lambda: "-----BEGIN OPENSSH PRIVATE KEY-----", ""), (lambda: "SG." + letters(22) + "." + letters(43), "SendGrid"),
])
def test_t63_a_credential_is_found_by_its_shape(agent: Agent, made: object, kind: str) -> None:
    assert callable(made)
    value = made()
    violations = found(agent, agent.write("src/config.py", f"a = 1\nKEY = '{value}'\n"))
    assert [violation.rule for violation in violations] == ["secret_shape"]
    assert violations[0].path == "src/config.py"
    assert kind in violations[0].text
    assert not kind or "line 2" in violations[0].text
    assert value not in violations[0].text


def test_ordinary_code_is_not_a_credential(agent: Agent) -> None:
    ordinary = "\n".join([
        "password = 'hunter2'", f"sha256 = '{chance.token_hex(32)}'", "url = 'https://user:pass@example.invalid/x'",
        f"integrity sha512-{b64(chance.token_hex(32))}", "task-list-of-everything-that-is-to-be-done = 1", f"id = '{letters(40)}'",
        "+++ b/elsewhere", "--- a/elsewhere", "@@ -1 +1 @@",
    ])
    assert found(agent, agent.write("ordinary.py", ordinary + "\n")) == ()


def test_a_line_that_looks_like_a_heading_is_a_line(agent: Agent) -> None:
    """The agent's own text must not talk the reader of the patch out of reading it, or into naming another file."""
    value = "glpat-" + letters(20)
    [violation] = found(agent, agent.write("a.txt", f"++ b/decoy.txt\n@@ -0,0 +0,0 @@\n{value}\n"))
    assert (violation.path, "line 3" in violation.text) == ("a.txt", True)


def test_the_lines_of_a_patch_are_counted_from_its_hunks(agent: Agent) -> None:
    agent.base = agent.write("long.txt", "".join(f"{n}\n" for n in range(100)))
    agent.git("push", "-q", str(agent.mirror), "main")
    changed = [f"{n}\n" for n in range(100)]
    changed[10], changed[80] = "ten\n", "eighty\n"
    patch = agent.propose(agent.write("long.txt", "".join(changed) + "no end")).patch
    assert list(added_lines(patch)) == [("long.txt", 11, "ten"), ("long.txt", 81, "eighty"), ("long.txt", 101, "no end")]


def test_nothing_is_missed_where_a_long_line_is_cut() -> None:
    value = "SG." + letters(22) + "." + letters(43)
    for at in (0, 1480, 1500, 1535, 1536, 1980, 2040, 2048, 3000, 5000 - len(value)):
        line = "x " * 5000
        assert list(look([("a.js", 1, line[:at] + value + line[at:])])) == [("a.js", 1, "SendGrid API Key")], at


def test_more_than_anybody_reads_is_cut(agent: Agent) -> None:
    many = "".join(f"glpat-{letters(20)}\n" for _ in range(100))
    assert len(found(agent, agent.write("many.txt", many))) == MOST_FOUND


def test_what_cannot_be_looked_through_in_time_is_not_published(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LOOK", ("sleep", "60"))
    monkeypatch.setattr(looking, "SHAPES_SECONDS", 0.2)
    with pytest.raises(PublishRefused) as caught:
        found(agent, agent.write("a.txt", "an AKIA\n"))
    assert caught.value.reason == "secrets_not_looked_for"


def test_a_scanner_that_is_broken_says_nothing_is_clean(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LOOK", ("false",))
    with pytest.raises(Exception, match="exit code 1"):
        found(agent, agent.write("a.txt", "an AKIA\n"))


def test_no_process_is_started_for_a_result_that_can_hold_no_shape(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_LOOK", ("false",))
    assert found(agent, agent.write("a.txt", "a\n")) == ()


def test_a_profile_may_take_a_draft_for_a_shape_but_never_for_bellhops_own() -> None:
    shape, own = Violation(rule="secret_shape", path="a"), Violation(rule="known_secret", path="b")
    refuse, draft = PullRequestPolicy(), PullRequestPolicy(secrets="draft")
    assert Verdict().with_secrets((shape,), refuse) == Verdict(refusals=(shape,))
    assert Verdict().with_secrets((shape, own), draft) == Verdict(refusals=(own,), warnings=(shape,))
    assert Verdict().with_secrets((shape,), draft).draft
    with pytest.raises(PublishRefused) as caught:
        Verdict().with_secrets((own,), draft).enforce()
    assert caught.value.reason == "known_secret"
