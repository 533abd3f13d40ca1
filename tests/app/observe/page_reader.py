"""Reads a page as a browser's parser would, as far as tests need: its elements and the text of each."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

VOID = {"meta", "link", "input", "br", "img"}


class Element(NamedTuple):
    name: str
    attributes: dict[str, str]
    text: list[str]

    @property
    def words(self) -> str:
        return "".join(self.text)


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text.append(data)

    def named(self, name: str) -> list[Element]:
        return [each for each in self.elements if each.name == name]

    def by_id(self, wanted: str) -> Element:
        [found] = [each for each in self.elements if each.attributes.get("id") == wanted]
        return found
