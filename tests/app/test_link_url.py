"""A link that leads to this machine only is left out of what others read."""

from __future__ import annotations

import pytest

from app.settings import Settings


@pytest.mark.parametrize("url", [
    "", "http://127.0.0.1:8300", "http://127.9.9.9", "http://localhost:8300/", "http://LOCALHOST", "http://[::1]:8300",
    "http://0.0.0.0:8300", "http://bellhop.localhost",
])
def test_there_is_no_link_to_this_machine(url: str) -> None:
    assert Settings(public_url=url).link_url == ""


@pytest.mark.parametrize("url", ["https://bellhop.test", "https://bellhop.test/sub", "http://10.0.0.7:8300", "http://[2001:db8::1]"])
def test_any_other_address_is_one(url: str) -> None:
    assert Settings(public_url=url).link_url == url


def test_accounts_are_linked_on_this_machine_only_where_people_sign_in_there() -> None:
    here = "http://127.0.0.1:8300"
    assert Settings(public_url=here).account_link_url == ""
    assert Settings(public_url=here, github_client_id="Iv1").account_link_url == here
    assert Settings(public_url="https://bellhop.test").account_link_url == "https://bellhop.test"
