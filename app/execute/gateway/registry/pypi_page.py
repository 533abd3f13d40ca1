"""A project's page of PyPI's simple index, as HTML or JSON, with its links led to the door.

https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin

from app.execute.gateway.registry.links import Links, Page, PageRefused, Stated

_KEPT = ("data-requires-python", "data-yanked", "data-dist-info-metadata", "data-core-metadata")
_HASH = re.compile(r"(sha256|sha512|sha1)=([0-9a-f]{40,128})")
JSON_TYPE = "application/vnd.pypi.simple.v1+json"


def pypi_page(links: Links, url: str, content_type: str, body: bytes) -> Page:
    """Return the page that came from `url` as the door shows it. Raises PageRefused."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in (JSON_TYPE, "application/json"):
        return _json(links, url, body)
    if kind in ("text/html", "application/vnd.pypi.simple.v1+html"):
        return _html(links, url, kind, body)
    raise PageRefused(f"the simple index answered with {kind[:60] or 'no type'}")


def _json(links: Links, url: str, body: bytes) -> Page:
    stated: dict[str, tuple[str, str]] = {}
    try:
        page: dict[str, Any] = json.loads(body)
        for file in page["files"]:
            if (found := links.file(urljoin(url, file["url"]))) is None:
                continue
            upstream, file["url"] = found
            file.pop("provenance", None)
            _state(stated, upstream, file.get("hashes"))
            _state(stated, f"{upstream}.metadata", file.get("core-metadata") or file.get("data-dist-info-metadata"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PageRefused("the simple index answered with JSON that is no project page") from None
    return Page(json.dumps(page).encode(), _of_project(url, stated), JSON_TYPE)


def _state(stated: dict[str, tuple[str, str]], url: str, hashes: object) -> None:
    if isinstance(hashes, dict):
        for algorithm in ("sha256", "sha512"):
            if isinstance(hashes.get(algorithm), str):
                stated[url] = (algorithm, hashes[algorithm].lower())
                return


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str], list[str]]] = []
        self.version = ""
        self._open: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._open = []
            self.found.append((named, self._open))
        elif tag == "meta" and named.get("name") == "pypi:repository-version":
            self.version = named.get("content", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.append(data)


def _html(links: Links, url: str, kind: str, body: bytes) -> Page:
    parser = _Anchors()
    parser.feed(body.decode("utf-8", "replace"))
    stated: dict[str, tuple[str, str]] = {}
    rows = []
    for attributes, words in parser.found:
        try:
            href = urljoin(url, attributes.get("href", ""))
            found = links.file(href)
        except ValueError:
            # No address at all: it leads nowhere, and spoils no other.
            href, found = "", None
        if found is not None:
            upstream, href = found
            if digest := _HASH.fullmatch(urldefrag(href).fragment):
                stated[upstream] = (digest[1], digest[2])
            if digest := _HASH.fullmatch(attributes.get("data-core-metadata") or attributes.get("data-dist-info-metadata") or ""):
                stated[f"{upstream}.metadata"] = (digest[1], digest[2])
        kept = "".join(f' {name}="{escape(attributes[name])}"' for name in _KEPT if name in attributes)
        rows.append(f'<a href="{escape(href)}"{kept}>{escape("".join(words))}</a><br>\n')
    version = f'<meta name="pypi:repository-version" content="{escape(parser.version)}">' if parser.version else ""
    text = f"<!DOCTYPE html>\n<html><head>{version}<title>Links</title></head><body>\n{''.join(rows)}</body></html>\n"
    return Page(text.encode(), _of_project(url, stated), f"{kind}; charset=utf-8")


def _of_project(url: str, stated: Stated) -> Stated:
    """Return what a page states of its own project's files; of another's it is not taken for a statement.

    https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    project = _plain(url.rstrip("/"))
    return {file: digest for file, digest in stated.items() if _plain(file).startswith(f"{project}-")}


def _plain(url: str) -> str:
    return re.sub(r"[-_.]+", "-", url.rpartition("/")[2]).lower()
