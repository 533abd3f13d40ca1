"""Somebody looks at the conversation: a browser fetches what the rendered comments hold as images, whoever's they are."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import httpx
from markdown_it import MarkdownIt

from app.emulators.github.emulator import GitHubEmulator

_IMAGE = re.compile(r"<img\b[^>]*?\bsrc\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)


def texts(github: GitHubEmulator, repo: str) -> set[str]:
    """Return what somebody sees who opens every issue and pull request."""
    with github.world.lock:
        issues = list(github.repository(repo).issues.values())
        return {text for issue in issues for text in (issue.body, *(comment.body for comment in issue.comments)) if text}


def look(markdowns: set[str], collector: str) -> None:
    """Render the texts and fetch the images that lead to the collector, as a browser would."""
    for text in markdowns:
        for url in images(text):
            if urlsplit(url).netloc == urlsplit(collector).netloc:
                httpx.get(url, timeout=5, trust_env=False)


def images(markdown: str) -> list[str]:
    """Return the addresses that a browser fetches by itself when it shows this text."""
    return [unescape(found) for found in _IMAGE.findall(MarkdownIt("commonmark", {"html": True}).render(markdown))]
