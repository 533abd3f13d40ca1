"""Checks of the seals: network, processes, file system, privileges, environment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.execute.sandboxes.conformance.lab import Check, CheckFailed, Lab


def only_loopback(lab: Lab) -> None:
    """T51: no interface but `lo`, no route."""
    lab.start(
        """
        $B grep -q lo: /proc/net/dev || exit 13
        $B tail -n +3 /proc/net/dev | $B grep -qv ' *lo:' && exit 11
        $B tail -n +2 /proc/net/route | $B grep -q . && exit 12
        $B nc -w 2 192.0.2.1 80 </dev/null >/dev/null 2>&1 && exit 14
        exit 0
        """
    ).expect(
        {11: "there is an interface other than lo", 12: "there is a route", 13: "lo is missing", 14: "TCP leaves"}
    )


def loopback_works(lab: Lab) -> None:
    """The runner can listen on 127.0.0.1 inside."""
    lab.start(
        """
        echo pong | $B timeout 10 $B nc -l -p 4117 >/dev/null &
        i=0; while [ $i -lt 50 ]; do
          [ "$($B nc -w 2 127.0.0.1 4117 </dev/null 2>/dev/null)" = pong ] && exit 0
          $B sleep 0.1; i=$((i+1))
        done; exit 11
        """
    ).expect({11: "nothing can be reached on 127.0.0.1 inside"})


def host_loopback_is_another(lab: Lab) -> None:
    """T54: a port of the host's loopback is not there, though the host itself reaches it."""
    with _hanging_up() as port:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        lab.start(f"$B nc -w 2 127.0.0.1 {port} </dev/null >/dev/null 2>&1 && exit 11; exit 0").expect(
            {11: "a port of the host's loopback answers"}
        )


def no_resolver(lab: Lab) -> None:
    """T53: names do not resolve, and the host's resolvers are not told."""
    lab.start(
        """
        if [ -e /etc/resolv.conf ]; then
          $B grep '^nameserver' /etc/resolv.conf | $B grep -qvE '^nameserver (127\\.|::1)' && exit 11
        fi
        $B timeout 20 $B nslookup example.org >/dev/null 2>&1 && exit 12
        exit 0
        """
    ).expect({11: "resolv.conf names a resolver of the host", 12: "a name resolves"})


def own_processes(lab: Lab) -> None:
    """PID 1 is the spec's command and no process of the host is seen."""
    lab.start(
        """
        [ $$ = 1 ] || exit 11
        n=0; for p in /proc/[0-9]*; do n=$((n+1)); done
        [ $n -le 2 ] || exit 12
        exit 0
        """
    ).expect({11: "the command is not PID 1", 12: "it sees processes of others"})


def nothing_survives(lab: Lab) -> None:
    """T61: what daemonised inside is gone with the sandbox."""
    marker = f"86{int.from_bytes(lab.subject.room.name.encode()[-3:].rjust(3, b'0')):08d}"
    cell = lab.start(f"$B setsid $B sleep {marker} & $B sleep {marker}")
    if cell.status().state != "running":
        raise CheckFailed("it ended by itself")
    lab.backend.destroy(cell.handle)
    if any(marker.encode() in line for line in _command_lines()):
        raise CheckFailed("a background process outlives destroy")


def readonly_root(lab: Lab) -> None:
    """Writing outside /workspace, HOME and /tmp fails, and the root's own mount is read-only."""
    lab.start(
        """
        for d in / /etc /usr /usr/bin /var /var/tmp /var/lock /run /run/lock /opt /srv /mnt /root /home /agent /agent/bin \
                 /gateway /sys /proc /proc/sys/kernel /dev; do
          [ -d $d ] && ( echo x > $d/bellhop-probe ) 2>/dev/null && exit 11
        done
        $B awk '$5 == "/" { split($6, o, ","); if (o[1] == "ro") good = 1 } END { exit !good }' /proc/self/mountinfo ||
          exit 12
        ( echo x > /workspace/probe && echo x > $HOME/probe && echo x > /tmp/probe ) || exit 13
        exit 0
        """
    ).expect({11: "a place outside is writable", 12: "the root's mount is writable", 13: "a place inside is not writable"})


def golden_mounts(lab: Lab) -> None:
    """T45: real file systems are shown writable at /workspace and HOME alone; nothing of the host besides the list."""
    lab.start(
        f'SHOWN=" {" ".join(lab.subject.shown)} "'
        """
        $B awk -v shown="$SHOWN" '
          { dash = 0; for (i = 7; i <= NF; i++) if ($i == "-") { dash = i; break } kind = $(dash + 1) }
          kind ~ /^(proc|sysfs|cgroup|cgroup2|tmpfs|devpts|devtmpfs|mqueue|shm)$/ { next }
          { split($6, o, ",") }
          o[1] != "ro" && $5 != "/workspace" && $5 != "/home/bellhop" { exit 11 }
          $5 ~ /^\\/(workspace|home\\/bellhop|agent(-[a-z0-9-]+)?|gateway|usr|bin|sbin|lib|lib32|lib64)?$/ { next }
          $5 ~ /^\\/(etc\\/.*|bin\\/sh|usr\\/bin\\/env)$/ || index(shown, " " $5 " ") { next }
          { exit 12 }' /proc/self/mountinfo
        """
    ).expect({11: "a mount of the host is writable", 12: "something of the host is shown that is not on the list"})


def no_runtime_socket(lab: Lab) -> None:
    """T42: no socket of a container runtime, and none at all but the door's."""
    lab.start(
        """
        for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock; do
          [ -e $s ] && exit 11
        done
        [ -z "$($B find / /dev /run /var /tmp /home -xdev -path /proc -prune -o -type s -print 2>/dev/null)" ] || exit 12
        [ -z "$DOCKER_HOST" ] || exit 13
        exit 0
        """
    ).expect({11: "a container runtime's socket is there", 12: "there are sockets", 13: "DOCKER_HOST is set"})


def no_capabilities(lab: Lab) -> None:
    """T43: every capability set is empty and nothing can be gained by execve."""
    lab.start(
        """
        $B grep -q '^CapEff:' /proc/self/status || exit 13
        $B grep '^Cap' /proc/self/status | $B grep -qv '0000000000000000$' && exit 11
        $B grep '^NoNewPrivs:' /proc/self/status | $B grep -qv '1$' && exit 12
        exit 0
        """
    ).expect({11: "a capability is left", 12: "no_new_privs is off", 13: "the kernel does not tell"})


def seccomp_filters(lab: Lab) -> None:
    """T43: a system-call filter is in force."""
    lab.start("$B grep -qE '^Seccomp:[[:space:]]*2$' /proc/self/status || exit 11").expect({11: "no filter is in force"})


def own_kernel(lab: Lab) -> None:
    """T44: the kernel that answers inside is not the host's."""
    release = Path("/proc/sys/kernel/osrelease").read_text().strip()
    lab.start(f"[ \"$($B uname -r)\" = '{release}' ] && exit 11; exit 0").expect({11: "it is the host's kernel"})


def user_and_group(lab: Lab) -> None:
    """Inside it is the spec's uid and gid, with no other group."""
    uid = lab.subject.uid
    lab.start(
        f"[ $($B id -u) = {uid} ] || exit 11; [ $($B id -g) = {uid} ] || exit 12; "
        f"for g in $($B id -G); do [ $g = {uid} ] || exit 13; done"
    ).expect({11: "another uid", 12: "another gid", 13: "it is in other groups too"})


def real_user(lab: Lab) -> None:
    """On the host, too, what it writes belongs to the spec's uid."""
    cell = lab.start("echo x > $HOME/mine")
    cell.expect({})
    owner = (cell.spec.workspace.scratch / "home" / "mine").lstat().st_uid
    if owner != lab.subject.uid:
        raise CheckFailed(f"on the host its files belong to uid {owner}")


def only_given_environment(lab: Lab) -> None:
    """T46: HOME, PATH, what the shell itself sets, and what the spec gives."""
    lab.start(
        """
        for name in $($B env | $B sed 's/=.*//'); do
          case $name in PATH|HOME|PWD|OLDPWD|SHLVL|_|GIVEN) ;; *) exit 11 ;; esac
        done
        [ "$GIVEN" = yes ] || exit 12; [ "$HOME" = /home/bellhop ] || exit 13
        """,
        env={"GIVEN": "yes"},
    ).expect({11: "a variable is set that nobody gave", 12: "a given variable is missing", 13: "HOME is another"})


def no_inherited_files(lab: Lab) -> None:
    """No descriptor of the host is open but the standard streams."""
    lab.start(
        "for f in /proc/1/fd/*; do case ${f##*/} in 0|1|2|10|255) ;; *) [ -e $f ] && exit 11 ;; esac; done; exit 0"
    ).expect({11: "it was started with an open descriptor of the host"})


def door_opens(lab: Lab) -> None:
    """The socket in /gateway takes connections; the directory takes no writes."""
    spec = lab.spec(_KNOCK)
    with _answering(spec.door / "door.sock") as heard:
        lab.launch(spec).expect(
            {11: "the door does not answer", 12: "the door's directory is writable", 99: _NO_CLIENT}
        )
    if heard != [b"knock"]:
        raise CheckFailed(f"the door heard {heard!r}")


_NO_CLIENT = "neither /agent/bin/python3 nor the image's perl is there to connect with"
_KNOCK = """
( echo x > /gateway/probe ) 2>/dev/null && exit 12
$B rm -f /gateway/door.sock 2>/dev/null && exit 12
if [ -e /agent/bin/python3 ]; then
  /agent/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect("/gateway/door.sock"); s.sendall(b"knock")
sys.exit(0 if s.recv(4) == b"open" else 11)' || exit 11
elif [ -x /usr/bin/perl ]; then
  /usr/bin/perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un("/gateway/door.sock")) or exit 11;
    syswrite(S, "knock"); sysread(S, my $x, 4); exit($x eq "open" ? 0 : 11)' || exit 11
else exit 99
fi
"""


@contextmanager
def _hanging_up() -> Iterator[int]:
    """Accept and hang up on a port of the host's loopback; yields the port."""

    def serve() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


@contextmanager
def _answering(path: Path) -> Iterator[list[bytes]]:
    """Answer one connection on a unix socket; yields what was heard."""
    heard: list[bytes] = []

    def serve() -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(10)
            heard.append(connection.recv(5))
            connection.sendall(b"open")

    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(60)
        server.bind(str(path))
        path.chmod(0o666)
        server.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        thread.join(timeout=10)


def _command_lines() -> list[bytes]:
    lines: list[bytes] = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                lines.append((place / "cmdline").read_bytes())
            except OSError:
                continue
    return lines


CHECKS = (
    Check("only_loopback", "no_network", only_loopback),
    Check("loopback_works", None, loopback_works),
    Check("host_loopback_is_another", "no_network", host_loopback_is_another),
    Check("no_resolver", "no_network", no_resolver),
    Check("own_processes", "own_processes", own_processes),
    Check("nothing_survives", "own_processes", nothing_survives),
    Check("readonly_root", "readonly_root", readonly_root),
    Check("golden_mounts", "own_root", golden_mounts),
    Check("no_runtime_socket", "own_root", no_runtime_socket),
    Check("no_inherited_files", "own_root", no_inherited_files),
    Check("no_capabilities", "no_capabilities", no_capabilities),
    Check("seccomp_filters", "seccomp", seccomp_filters),
    Check("own_kernel", "own_kernel", own_kernel),
    Check("user_and_group", None, user_and_group),
    Check("real_user", "unprivileged_user", real_user),
    Check("only_given_environment", None, only_given_environment),
    Check("door_opens", None, door_opens),
)
