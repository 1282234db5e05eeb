#!/usr/bin/env python3
"""Hands on connections to a port of this machine, until so many bytes have come back: then waits for a file.

    holdup.py PORT BYTES FOLDER

Prints its own port. Makes FOLDER/held when it waits, and goes on when there is FOLDER/go.
"""
import os
import socket
import sys
import threading
import time

target, limit, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()
total = 0


def wait_if_held(count):
    global total
    with lock:
        total += count
        if total < limit:
            return
        open(os.path.join(folder, "held"), "w", encoding="utf-8").close()
        while not os.path.exists(os.path.join(folder, "go")):
            time.sleep(0.02)


def pump(source, sink, counted):
    try:
        while data := source.recv(65536):
            if counted:
                wait_if_held(len(data))
            sink.sendall(data)
    except OSError:
        pass
    for end in source, sink:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    try:
        server = socket.create_connection(("127.0.0.1", target))
    except OSError:
        client.close()
        return
    threading.Thread(target=pump, args=(client, server, False), daemon=True).start()
    pump(server, client, True)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
