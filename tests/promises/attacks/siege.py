"""The attacker: swaps all that he can between root's pidward and a pidfile of his, as fast as he can, until he is ended."""
import os
import random
import stat
import sys
import time

victim, dead, own, seed = sys.argv[1:]
chance = random.Random(int(seed))
with open("other/x.pid.ward") as file:
    RECORD = file.read()


def gone(path):
    """Out of the way, whatever it is."""
    for way in os.unlink, os.rmdir:
        try:
            way(path)
        except OSError:
            pass


def put(path, make):
    gone("his/new")
    make("his/new")
    try:
        os.rename("his/new", path)
    except OSError:
        gone(path)


def text(number):
    def make(path):
        with open(path, "w") as file:
            file.write(number + "\n")
    return make


def link(to):
    return lambda path: os.symlink(os.path.abspath(to), path)


def forged(path):
    """The victim's record, made to fit the pidfile that is there."""
    try:
        is_it = os.lstat("app/a/x.pid")
    except OSError:
        return text("")(path)
    lines = []
    for line in RECORD.splitlines():
        key = line.split(" ")[0]
        if key == "file":
            line = "file %d" % is_it.st_ino
        elif key == "written":
            line = "written %d.%09d %d" % (is_it.st_mtime_ns // 10**9, is_it.st_mtime_ns % 10**9, is_it.st_size)
        lines.append(line + "\n")
    with open(path, "w") as file:
        file.write("".join(lines))


def swap_directory(path, away):
    """A link to root's directory in the place of his own, or his own again."""
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            os.unlink(path)
            os.rename(away, path)
        else:
            os.rename(path, away)
            os.symlink(os.path.abspath("other"), path)
    except OSError:
        pass


def aside(path):
    """Rarely: what lies there is waited for, as another's removal."""
    if chance.random() < 0.02:
        put(path, chance.choice(asides))
    else:
        gone(path)


def rewrite():
    try:
        with open("app/a/x.pid", "r+") as file:
            file.write(chance.choice([victim, dead, own, "1", ""]) + "\n")
            file.truncate()
    except OSError:
        pass


files = [text(victim), text(dead), text(own), text("1"), text(""), link("other/x.pid"), link("precious"), os.mkdir, os.mkfifo]
asides = [text(victim), text(dead), link("other/dead.pid"), link("precious"), os.mkdir]
records = [forged, forged, link("precious"), link("other/x.pid.ward"), text("")]
what = [
    lambda: put("app/a/x.pid", chance.choice(files)),
    lambda: put("app/a/x.pid", chance.choice(files[:3])),
    lambda: put("app/a/dead.pid", chance.choice(files)),
    lambda: put("app/a/x.pid.ward", chance.choice(records)),
    lambda: aside("app/a/.x.pid.pidward"),
    lambda: aside("app/a/.dead.pid.pidward"),
    lambda: swap_directory("app/a", "app/away"),
    lambda: swap_directory("app", "his/away"),
    rewrite,
]
count = 0
with open("his/count", "w") as counted:
    while True:
        for _ in range(chance.randrange(200)):
            try:
                chance.choice(what)()
            except OSError:
                # Root's own work, or his own, was faster.
                pass
            count += 1
        os.pwrite(counted.fileno(), b"%d\n" % count, 0)
        # For as long as root takes for one thing, nothing changes, or something does in the middle of it.
        time.sleep(chance.random() * 0.005)
