#!/usr/bin/python3
"""tests/lib/agent.py: the other end of husk's sockets.

    agent.py console SOCKET   takes a terminal's master and prints what comes out of it
    agent.py pidfd SOCKET     takes a pidfd and prints its pid
    agent.py seccomp SOCKET   takes a seccomp listener, prints the state, and answers every call with ENOMEDIUM
    agent.py notify SOCKET    takes one datagram and prints it
Prints "ready" first, once it listens."""
import errno, fcntl, os, select, socket, struct, sys

kind, path = sys.argv[1:]


def say(text):
    print(text, flush=True)


def take(server):
    connection, _ = server.accept()
    message, fds, _, _ = socket.recv_fds(connection, 65536, 4)
    assert message and len(fds) == 1, (message, fds)
    return message.decode(), fds[0]


def print_all(fd):
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError as error:  # EIO: nobody has the other side open
            assert error.errno == errno.EIO
            return
        if not data:
            return
        sys.stdout.write(data.decode().replace("\r\n", "\n"))
        sys.stdout.flush()


def answer(listener):
    receive, send = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    while True:
        if any(events & select.POLLHUP for _, events in poller.poll()):
            return
        call = bytearray(80)
        try:
            fcntl.ioctl(listener, receive, call)
            (number,) = struct.unpack_from("Q", call)
            fcntl.ioctl(listener, send, struct.pack("QqiI", number, 0, -errno.ENOMEDIUM, 0))
        except OSError as error:  # ENOENT: the process has ended meanwhile
            assert error.errno == errno.ENOENT


if kind == "notify":
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    say("ready")
    say(server.recv(4096).decode())
else:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    say("ready")
    message, fd = take(server)
    if kind == "console":
        assert os.isatty(fd)
        print_all(fd)
    elif kind == "pidfd":
        with open(f"/proc/self/fdinfo/{fd}") as info:
            say([line.split()[1] for line in info if line.startswith("Pid:")][0])
    else:
        say(message)
        answer(fd)
