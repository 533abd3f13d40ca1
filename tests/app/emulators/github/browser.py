"""A person's browser, as far as signing in with GitHub goes: it follows redirects, keeps cookies, and presses *Authorize*."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urljoin

import httpx

from app.emulators.github import GitHubEmulator
from tests.app.observe.page_reader import Page


class Seen(NamedTuple):
    """Where the browser ended up, and every address that it was sent to on the way."""

    answer: httpx.Response
    way: list[str]


class Browser:
    """Signed in at GitHub as `login` (empty: as nobody). Cookies do not tell ports of one host apart, as in any browser."""

    def __init__(self, github: GitHubEmulator, login: str = "") -> None:
        self.github = github
        self.http = httpx.Client(timeout=10, trust_env=False, follow_redirects=False)
        if login:
            self.http.post(f"{github.web_url}/login", data={"login": login})

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def open(self, url: str, *, until: str = "", consent: bool = True) -> Seen:
        """Follow redirects, and GitHub's page of consent, to where they end; or to the first address that begins with `until`, unopened."""
        answer, way = self.http.get(url, headers={"Accept": "text/html"}), [url]
        for _ in range(12):
            if answer.is_redirect:
                way.append(urljoin(way[-1], answer.headers["location"]))
                if until and way[-1].startswith(until):
                    break
                answer = self.http.get(way[-1], headers={"Accept": "text/html"})
            elif way[-1].startswith(f"{self.github.web_url}/login/oauth/authorize") and answer.status_code == 200:
                hidden = {each.attributes["name"]: each.attributes["value"] for each in Page(answer.text).named("input")}
                answer = self.http.post(f"{self.github.web_url}/login/oauth/authorize", data=hidden | {"authorize": "1" if consent else "0"})
            else:
                break
        return Seen(answer, way)
