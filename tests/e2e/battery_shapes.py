"""What an agent leaves for the host to follow, to run or to choke on: one script for each run of test_battery_shapes.py."""

from __future__ import annotations

# Its own repository armed at every door, its directories moved behind `commondir`, pipes and links where somebody writes or reads,
# and more output than anybody keeps, on every pipe that its agent holds.
GIT = r"""
import stat
home, said = os.path.expanduser("~"), {}
subprocess.run(["cp", "-a", ".git", home + "/common"])
touch = "touch %s/" % MARKS
settings = {"core.fsmonitor": touch + "fsmonitor", "core.hooksPath": home + "/common/hooks", "filter.x.clean": touch + "clean; cat",
            "filter.x.smudge": touch + "smudge; cat", "diff.external": touch + "external", "diff.x.textconv": touch + "textconv",
            "core.sshCommand": touch + "ssh", "core.pager": touch + "pager", "core.editor": touch + "editor", "gpg.program": touch + "gpg",
            "core.alternateRefsCommand": touch + "refs", "uploadpack.packObjectsHook": touch + "pack", "credential.helper": "!" + touch + "helper",
            "extensions.worktreeConfig": "true", "include.path": home + "/included"}
for key, value in settings.items():
    git("config", key, value)
open(home + "/included", "w").write("[core]\n\tfsmonitor = %sincluded\n[alias]\n\tadd = !%salias\n" % (touch, touch))
for top in (".git", home + "/common"):
    os.makedirs(top + "/info", exist_ok=True)
    os.makedirs(top + "/hooks", exist_ok=True)
    open(top + "/info/attributes", "w").write("* filter=x diff=x\n")
    for hook in ("pre-commit", "post-commit", "pre-push", "post-checkout", "reference-transaction", "post-index-change", "update"):
        open(top + "/hooks/" + hook, "w").write("#!/bin/sh\n%s%s\n" % (touch, hook))
        os.chmod(top + "/hooks/" + hook, 0o755)
    open(top + "/objects/info/alternates", "w").write("/etc\n/proc/self/root/var\n" + home + "/nothing\n")
open(home + "/common/config", "a").write(open(".git/config").read())
open(".git/commondir", "w").write(home + "/common\n")
os.makedirs(home + "/tmp", exist_ok=True)
for path in ("pipe", home + "/pipe", home + "/tmp/litter", home + "/tmp/result.bundle"):
    os.mkfifo(path)
for path, target in ((home + "/.config", "/etc"), (home + "/.gitconfig", "/dev/zero"), (home + "/result", MARKS), (home + "/tmp/zero", "/dev/zero")):
    with contextlib.suppress(FileExistsError):
        os.symlink(target, path)
said["devices"] = []
for number, kind in enumerate((stat.S_IFCHR, stat.S_IFBLK)):
    with contextlib.suppress(OSError):
        os.mknod(home + "/device%d" % number, kind | 0o666, os.makedev(1, 3))
        said["devices"].append(number)
seen, written = {os.fstat(1).st_ino, os.fstat(2).st_ino}, 0
for path in glob.glob("/proc/[0-9]*/fd/[12]"):
    with contextlib.suppress(OSError):
        found = os.stat(path)
        if stat.S_ISFIFO(found.st_mode) and found.st_ino not in seen:
            seen.add(found.st_ino)
            out = os.open(path, os.O_WRONLY)
            while (written := written + os.write(out, b"x" * (1 << 20))) < len(seen) * (8 << 20):
                pass
            for _ in range(10):
                os.write(out, b"\ny" * 100)
            os.write(out, b"\n")
print("x" * (2 << 20))
said["flood"] = written
json.dump(said, open("shapes.json", "w"))
"""

# Objects that no checkout would make, below a head that looks like any other.
OBJECTS = r"""
import hashlib, zlib


def put(kind, raw):
    data = b"%s %d\0" % (kind, len(raw)) + raw
    name = hashlib.sha1(data).hexdigest()
    os.makedirs(".git/objects/" + name[:2], exist_ok=True)
    open(".git/objects/%s/%s" % (name[:2], name[2:]), "wb").write(zlib.compress(data))
    return name


evil = bytes.fromhex(put(b"blob", b"[core]\n\tfsmonitor = touch %s/object\n" % MARKS.encode()))
inner = bytes.fromhex(put(b"tree", b"100644 config\0" + evil))
head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
for tree in (b"40000 .git\0" + inner, b"40000 ..\0" + inner):
    head = put(b"commit", b"tree %s\nparent %s\nauthor a <a@a.invalid> 1 +0000\ncommitter a <a@a.invalid> 1 +0000\n\nx\n" % (put(b"tree", tree).encode(), head.encode()))
for name in ("HEAD", "refs/heads/--force", "refs/bellhop/base"):
    git("update-ref", name, head)
os.symlink("/etc/passwd", "passwd")
"""

MEMORY = r"""
child = os.fork()
if child == 0:
    with contextlib.suppress(MemoryError):
        kept = []
        for _ in range(MOST_MEMORY_MB):
            kept.append(b"\1" * (1 << 20))
        os._exit(0)
    os._exit(9)
json.dump({"memory": os.waitpid(child, 0)[1]}, open("shapes.json", "w"))
"""

HONEST = "print('nothing else')\n"
