"""The operator's file of places is checked with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.profiles.places import load_places


def test_places_say_which_repository_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "places.yaml"
    file.write_text('"channel:C024BE91L": octo/hello\n"team:ENG": octo/shop\n"label:needs a look": octo/x\n')
    assert load_places(file) == {"channel:c024be91l": "octo/hello", "team:eng": "octo/shop", "label:needs a look": "octo/x"}
    assert load_places(None) == {}


@pytest.mark.parametrize(("content", "says"), [
    ('"room:A": octo/hello\n', "1:1: room:A: a place is one of channel:NAME"), ('"team:ENG": hello\n', "1:1: team:ENG: must be one repository"),
    ('"team:ENG": octo/a\n"team:eng": octo/b\n', "2:1: team:eng: is there already"), ('"team:ENG": [octo/a]\n', "must be one repository"), ("- a\n", "places.yaml:1"),
], ids=["kind", "name", "twice", "list", "no-mapping"])
def test_what_is_wrong_is_named(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "places.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationError) as refused:
        load_places(file)
    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BELLHOP_PLACES_FILE"):
        load_places(tmp_path / "none.yaml")
