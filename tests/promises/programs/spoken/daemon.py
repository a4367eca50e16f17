"""A daemon in Python; what it does is what the one in each other language here does."""
import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import tempfile


def say(*words):
    print(*words, flush=True)


with open("x.pid", "w") as pidfile:
    pidfile.write(f"{os.getpid()}\n")
with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as pidfile:
    pidfile.write(f"{os.getpid()}\n")
os.rename(pidfile.name, "y.pid")

say("before:", signal.signal(signal.SIGALRM, lambda number, frame: say("handled")))
signal.raise_signal(signal.SIGALRM)
signal.signal(signal.SIGALRM, signal.SIG_DFL)
say("after:", signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM))

say("child:", subprocess.run(["sh", "-c", "echo works; exit 5"]).returncode)
say("killed:", subprocess.run(["sh", "-c", "kill -TERM $$"]).returncode)

say("ready")
sys.stdin.readline()
match sys.argv[1]:
    case "exit":
        sys.exit(3)
    case "_exit":
        os._exit(3)
    case "alarm":
        os.kill(os.getpid(), signal.SIGALRM)
    case "abort":
        os.abort()
    case "fault":
        # It has a handler for what programs die of, and puts back what was there.
        faulthandler.enable(open(os.devnull, "w"))
        ctypes.string_at(0)
signal.pause()
