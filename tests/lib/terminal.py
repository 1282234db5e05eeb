#!/usr/bin/env python3
"""Runs a command on a terminal of its own, as a person at the keyboard would.

    terminal.py ROWSxCOLUMNS [WORDS ANSWER]... -- COMMAND...

When WORDS are shown, after those that came before, ANSWER is typed: escapes as in Python (\\r, \\x10), and "@ROWSxCOLUMNS"
changes the window's size instead. Shows all that the command shows, without carriage returns, and ends as it does, or
after a minute with 124.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

split = sys.argv.index("--")
size, dialogue, command = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]


def set_size(descriptor, text):
    rows, columns = map(int, text.split("x"))
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


child, terminal = pty.fork()
if child == 0:
    set_size(0, size)
    os.execvp(command[0], command)

shown, seen, end = b"", 0, time.monotonic() + 60
while time.monotonic() < end:
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        shown += os.read(terminal, 65536)
    except OSError:  # the last one has closed it [pty(7)]
        break
    while dialogue and dialogue[0].encode() in shown[seen:]:
        seen = shown.index(dialogue[0].encode(), seen) + len(dialogue[0])
        answer, dialogue = dialogue[1], dialogue[2:]
        if answer.startswith("@"):
            set_size(terminal, answer[1:])
        else:
            for key in answer.encode().decode("unicode_escape").encode("latin-1"):
                os.write(terminal, bytes([key]))
                time.sleep(0.05)  # podman knows its keys only where each comes alone
else:
    os.kill(child, 9)
    os.waitpid(child, 0)
    child = 0

sys.stdout.buffer.write(shown.replace(b"\r", b""))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 124)
