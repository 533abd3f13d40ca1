"""The operator's file of registries: every mistake with file, line and key; and what points clients to the door."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.sandbox.registry import Registry
from app.errors import ConfigurationError
from app.execute.gateway.registry.entry import Entry, entries
from app.profiles import check_profile, load_registries
from app.settings import ROOT
from tasks.starting.registry_clients import clients

GOOD = """\
pypi: {kind: pypi, url: https://python.registry.example/simple, files: [https://files.registry.example/]}
acme: {kind: npm, url: https://npm.acme.example/npm/, scope: "@acme", token-env: BELLHOP_REGISTRY_TOKEN_ACME}
"""


def faults(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "registries.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_registries(file)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def loaded(tmp_path: Path, text: str = GOOD) -> dict[str, Registry]:
    file = tmp_path / "registries.yaml"
    file.write_text(text)
    return dict(load_registries(file))


def test_what_is_right_is_read(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found["pypi"].addresses == ("https://python.registry.example/simple/", "https://files.registry.example/")
    assert (found["acme"].scope, found["acme"].token_env) == ("@acme", "BELLHOP_REGISTRY_TOKEN_ACME")
    assert load_registries(None) == {}


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "registries.md").read_text()
    assert set(loaded(tmp_path, page.split("```yaml\n")[1].split("```")[0])) == {"pypi", "npm", "debian", "crates", "go", "acme-npm"}


@pytest.mark.parametrize(("text", "fault"), [
    ("a: {kind: pypi}", "1:1: a.url: is missing"),
    ("a:\n  kind: maven\n  url: https://x.example", "2:3: a.kind: input should be 'pypi', 'npm', 'debian', 'crates' or 'go'"),
    ("a: {kind: npm, url: x.example}", "a.url: must be an address such as https://registry.example/path/"),
    ("a: {kind: npm, url: 'https://eve:secret@x.example'}", "a.url: must be an address"),
    ("a: {kind: npm, url: 'https://x.example/../y'}", "a.url: must be an address"),
    ("a: {kind: npm, url: https://x.example, tokn-env: X}", "a.tokn-env: there is no such key; did you mean 'token-env'?"),
    ("a: {kind: npm, url: https://x.example, token: abc}", "a.token: there is no such key"),
    ("a: {kind: npm, url: https://x.example, token-env: ANTHROPIC_API_KEY}", "a.token-env: string should match pattern"),
    ("a: {kind: debian, url: https://x.example}", "a.suites: is missing"),
    ("a: {kind: npm, url: https://x.example, suites: [x]}", "a.suites: belongs to kind debian"),
    ("a: {kind: pypi, url: https://x.example, scope: '@x'}", "a.scope: belongs to kind npm"),
    ("a: {kind: npm, url: https://x.example, user: x}", "a.user: belongs to `auth: basic`"),
    ("A b: {kind: npm, url: https://x.example}", "1:1: A b: a registry's name is small letters"),
    ("a: npm", "1:1: a: must hold keys of its own"),
    ("a: {kind: npm, url: https://x.example}\na: {kind: npm, url: https://y.example}", "2:1: a: comes twice"),
])
def test_a_mistake_is_said_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    assert any(fault in line for line in faults(tmp_path, text)), faults(tmp_path, text)


def test_a_profile_that_names_no_registry_of_this_host_is_told(tmp_path: Path) -> None:
    file = tmp_path / "fix.yaml"
    file.write_text("on: {issues: {}}\nagent: {uses: command}\ncontainer: {isolation: process}\negress:\n  registries: [pypi, pipy]\n")
    checked = check_profile(file, "fix", templates_dir=ROOT / "templates", check_agent=lambda _: None, registries=loaded(tmp_path))
    assert checked.lines() == [
        f"{file}:5:22: egress.registries[1]: no registry 'pipy' is in BELLHOP_REGISTRIES_FILE; there are: acme, pypi"]


class TestTokens:
    """Where a token comes from, and what it is sent as."""

    def entry(self, registry: Registry, value: str = "a-long-token") -> Entry:
        return entries({"acme": registry}, lambda _: SecretStr(value))["acme"]

    def registry(self, **members: object) -> Registry:
        return Registry.model_validate({"kind": "npm", "url": "https://npm.example/", "token_env": "BELLHOP_REGISTRY_TOKEN_X", **members},
                                       by_name=True)

    def test_each_form(self) -> None:
        sent = {auth: self.entry(self.registry(auth=auth)).credential("https://npm.example/x") for auth in ("bearer", "basic", "plain")}
        assert sent == {"bearer": b"Bearer a-long-token", "basic": b"Basic X190b2tlbl9fOmEtbG9uZy10b2tlbg==", "plain": b"a-long-token"}
        assert self.entry(self.registry(auth="basic")).secrets == (b"a-long-token", b"X190b2tlbl9fOmEtbG9uZy10b2tlbg==")

    @pytest.mark.parametrize("url", [
        "http://npm.example/", "https://npm.example:8443/", "https://npm.example.evil/", "https://evil/npm.example/", "https://files.example/",
    ])
    def test_t57_it_is_for_its_own_host_only(self, url: str) -> None:
        assert self.entry(self.registry(files=["https://files.example/"])).credential(url) is None

    @pytest.mark.parametrize("value", ["", "short", "two words here", "line\nline\nline"])
    def test_one_that_is_none_is_refused_by_name_and_not_quoted(self, value: str) -> None:
        with pytest.raises(ConfigurationError, match="BELLHOP_REGISTRY_TOKEN_X") as caught:
            self.entry(self.registry(), value)
        assert not value or value not in str(caught.value)

    def test_a_file_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="acme: its token-file"):
            self.entry(self.registry(token_env=None, token_file=str(tmp_path / "none")))

    def test_it_is_in_no_representation(self) -> None:
        assert "a-long-token" not in repr(self.entry(self.registry()))


def test_the_first_of_a_kind_is_what_a_plain_install_asks(tmp_path: Path) -> None:
    found = loaded(tmp_path, "one: {kind: pypi, url: https://a.example}\ntwo: {kind: pypi, url: https://b.example}\n")
    assert clients(found).env["PIP_INDEX_URL"] == "http://127.0.0.1:4117/registry/one/simple/"
    assert clients(dict(reversed(found.items()))).env["PIP_INDEX_URL"] == "http://127.0.0.1:4117/registry/two/simple/"
    # A second index beside the first lets a stranger's package of the same name in.
    assert "two" not in str(clients(found))
    assert clients({}) == ({}, {}, ())


def test_no_address_and_no_token_of_the_operator_is_told_to_a_sandbox(tmp_path: Path) -> None:
    said = str(clients(loaded(tmp_path)))
    assert "registry.example" not in said
    assert "acme.example" not in said
    assert "TOKEN" not in said
