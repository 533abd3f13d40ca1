"""What is added to an image's sandbox, and what is left as it is: decided from what was read, without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execute.sandboxes.docker.fill import Facts, fills, mounts

NOTHING = Facts(missing=("/bin/sh", "/usr/bin/env"), passwd="", group="")
WHOLE = Facts(missing=(), passwd="root:x:0:0::/root:/bin/sh\n", group="root:x:0:\n")


def by_path(facts: Facts, uid: int = 10001, volumes: tuple[str, ...] = ()) -> dict[str, str]:
    return {fill.path: fill.text for fill in fills(facts, uid, volumes)}


def test_an_empty_image_gets_all_of_it() -> None:
    found = by_path(NOTHING)
    assert found == {
        "/bin/sh": '#!/agent/bin/sh\nexec /agent/bin/sh "$@"\n', "/usr/bin/env": '#!/agent/bin/sh\nexec /agent/bin/env "$@"\n',
        "/etc/passwd": "bellhop:x:10001:10001:Bellhop:/home/bellhop:/bin/sh\n", "/etc/group": "bellhop:x:10001:\n",
    }
    assert {fill.path for fill in fills(NOTHING, 1) if fill.executable} == {"/bin/sh", "/usr/bin/env"}


def test_an_images_own_accounts_stay_and_one_is_added() -> None:
    assert by_path(WHOLE) == {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nbellhop:x:10001:10001:Bellhop:/home/bellhop:/bin/sh\n",
        "/etc/group": "root:x:0:\nbellhop:x:10001:\n",
    }


def test_a_uid_that_the_image_knows_is_left_alone() -> None:
    assert by_path(WHOLE._replace(passwd="app:x:10001:5::/srv:/bin/false\n", group="app:x:10001:\n")) == {}


def test_a_name_that_is_taken_is_not_given_twice() -> None:
    found = by_path(WHOLE._replace(passwd="bellhop:x:500:500::/:/bin/sh"))
    assert found["/etc/passwd"] == "bellhop:x:500:500::/:/bin/sh\nbellhop-10001:x:10001:10001:Bellhop:/home/bellhop:/bin/sh\n"


def test_what_is_no_file_stays_as_it_is() -> None:
    assert by_path(WHOLE._replace(passwd=None, group=None)) == {}


@pytest.mark.parametrize("volume", ["/etc", "/etc/"])
def test_nothing_is_made_in_an_images_volume_where_there_is_nothing(volume: str) -> None:
    """It is shown read-only: no place to mount on could be made in it. One that is there will do."""
    assert set(by_path(NOTHING, volumes=(volume, "/bin"))) == {"/usr/bin/env"}
    assert set(by_path(WHOLE, volumes=(volume,))) == {"/etc/passwd", "/etc/group"}


def test_the_files_are_readable_for_all_and_names_in_any_encoding_stay(tmp_path: Path) -> None:
    facts = WHOLE._replace(passwd=b"caf\xe9:x:5:5::/:/bin/sh\n".decode(errors="surrogateescape"), missing=("/bin/sh",))
    shown = {mount["Target"]: Path(mount["Source"]) for mount in mounts(fills(facts, 10001), tmp_path / "fill")}
    assert shown["/etc/passwd"].read_bytes().startswith(b"caf\xe9:x:5:5")
    assert {target: path.stat().st_mode & 0o777 for target, path in shown.items()} == {
        "/bin/sh": 0o755, "/etc/passwd": 0o644, "/etc/group": 0o644,
    }
    assert mounts([], tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
