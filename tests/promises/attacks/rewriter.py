"""A daemon that was taken over: names others in its pidfile, as fast as it can, until it is ended."""
import os
import signal
import sys

signal.signal(signal.SIGUSR1, signal.SIG_IGN)
path, numbers = sys.argv[1], sys.argv[2:]
own = b"%d\n" % os.getpid()
with open(path, "wb") as file:
    file.write(own)
print("ready", flush=True)
sys.stdin.readline()
texts = [b"%d\n" % int(number) for number in numbers] + [own]
count = 0
file = os.open(path, os.O_RDWR)
while True:
    for text in texts:
        os.pwrite(file, text, 0)
        os.ftruncate(file, len(text))
    count += len(texts)
    if count % 512 == 0:
        # Now and then it is another file, which root may have removed.
        new = path + ".new"
        os.close(file)
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(file, own)
        os.rename(new, path)
        counted = os.open(path + ".count", os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(counted, b"%d\n" % count, 0)
        os.close(counted)
