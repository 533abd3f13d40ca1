"""Images of PostgreSQL and Redis for the tests, made of this host's own programs: no registry is asked.

Their entrypoints do what those of the official images do: begin as root, own their data, become their own user.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import docker
import docker.errors

from tests.environment.images import static_busybox

POSTGRES_UID, REDIS_UID = 999, 998
APPLETS = ("sh", "cat", "chmod", "chown", "env", "find", "id", "ls", "mkdir", "rm", "sleep", "touch")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run"}
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\npostgres:x:{POSTGRES_UID}:{POSTGRES_UID}::/var/lib/postgresql:/bin/sh\n"
                  f"redis:x:{REDIS_UID}:{REDIS_UID}::/data:/bin/sh\n",
    "etc/group": f"root:x:0:\npostgres:x:{POSTGRES_UID}:\nredis:x:{REDIS_UID}:\n",
}
POSTGRES_ENTRYPOINT = """\
#!/bin/sh
set -e
if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" \\! -user postgres -exec chown postgres {} +
    find /var/run/postgresql \\! -user postgres -exec chown postgres {} +
    exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" || :
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="${POSTGRES_USER:-postgres}" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust \\
        --locale=C --encoding=UTF8 --no-sync
    rm /tmp/password
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    # As the official one does: what it sets up is set up with a server that only its own socket reaches.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
        psql -U "${POSTGRES_USER:-postgres}" -d postgres -c "CREATE DATABASE $POSTGRES_DB"
    fi
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
"""
REDIS_ENTRYPOINT = """\
#!/bin/sh
set -e
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . \\! -user redis -exec chown redis {} +
    exec /usr/bin/setpriv --reuid redis --regid redis --clear-groups --nnp --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$0" "$@"
fi
exec "$@"
"""


def ensure_postgres(client: docker.APIClient) -> str:
    """Make the image unless it is there, and return its name; it holds `psql` and `redis-cli` too. Raises RuntimeError."""
    programs = _postgres_programs()
    share = Path("/usr/share/postgresql") / programs.parent.name
    names = ("postgres", "initdb", "psql", "pg_ctl", "pg_isready")
    files = [programs / name for name in names] + [programs.parent / "lib" / name for name in ("plpgsql.so", "dict_snowball.so")]
    files += [path for path in share.rglob("*") if path.is_file() and ("extension" not in path.parts or path.name.startswith("plpgsql"))]
    path = f"/usr/local/bin:/usr/bin:/bin:{programs}"
    return _ensure(client, "postgres", [*files, _program("setpriv"), _program("redis-cli")], POSTGRES_ENTRYPOINT, {
        "var/lib/postgresql/data": (0o1777, POSTGRES_UID), "run/postgresql": (0o3775, POSTGRES_UID),
    }, [
        f"ENV PATH={path}", "ENV PGDATA=/var/lib/postgresql/data", "VOLUME /var/lib/postgresql/data",
        'ENTRYPOINT ["entrypoint.sh"]', 'CMD ["postgres"]',
    ])


def ensure_redis(client: docker.APIClient) -> str:
    """Make the image unless it is there, and return its name. Raises RuntimeError."""
    return _ensure(client, "redis", [_program("redis-server"), _program("redis-cli"), _program("setpriv")], REDIS_ENTRYPOINT, {
        "data": (0o755, REDIS_UID),
    }, ["VOLUME /data", "WORKDIR /data", 'ENTRYPOINT ["entrypoint.sh"]', 'CMD ["redis-server"]'])


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    if not found or not (found[-1] / "initdb").is_file():
        raise RuntimeError("no PostgreSQL server: run `apt-get install postgresql`")
    return found[-1]


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"no {name}: run `apt-get install redis-server util-linux`")
    return Path(found)


def _ensure(
    client: docker.APIClient, kind: str, files: list[Path], entrypoint: str, directories: dict[str, tuple[int, int]], changes: list[str]
) -> str:
    said = repr((entrypoint, sorted(map(str, files)), directories, changes, ACCOUNTS))
    name = f"bellhop-test/{kind}:{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    try:
        client.inspect_image(name)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        repository, _, tag = name.partition(":")
        client.import_image_from_data(_tar(files, entrypoint, directories), repository=repository, tag=tag, changes=changes)
    return name


def _tar(files: list[Path], entrypoint: str, directories: dict[str, tuple[int, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, target in LINKS.items():
            _add(archive, name, kind=tarfile.SYMTYPE, target=target)
        for name, (mode, owner) in {"run": (0o755, 0), "tmp": (0o1777, 0), **directories}.items():
            _add(archive, name, kind=tarfile.DIRTYPE, mode=mode, owner=owner)
        for name, text in {**ACCOUNTS, "usr/local/bin/entrypoint.sh": entrypoint}.items():
            _add(archive, name, text.encode(), mode=0o755 if name.endswith(".sh") else 0o644)
        _add(archive, "usr/bin/busybox", static_busybox().read_bytes(), mode=0o755)
        for applet in APPLETS:
            _add(archive, f"usr/bin/{applet}", kind=tarfile.SYMTYPE, target="busybox")
        for place in sorted({*files, *_libraries(files)}):
            # /bin, /lib and the like are links into /usr here.
            name = re.sub(r"^(bin|sbin|lib|lib64)/", r"usr/\1/", str(place).lstrip("/"))
            _add(archive, name, place.read_bytes(), mode=0o755 if place.stat().st_mode & 0o111 else 0o644)
    return buffer.getvalue()


def _libraries(files: list[Path]) -> set[Path]:
    """Return what the dynamic loader would load for them, by its own word, itself included."""
    programs = [str(file) for file in files if file.read_bytes()[:4] == b"\x7fELF"]
    said = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True, timeout=60).stdout
    return {Path(found) for found in re.findall(r"(/\S+) \(0x", said)}


def _add(
    archive: tarfile.TarFile, name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, owner: int = 0, target: str = ""
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.size, info.linkname = kind, mode, owner, owner, len(data), target
    archive.addfile(info, io.BytesIO(data) if data else None)
