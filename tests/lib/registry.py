#!/usr/bin/env python3
"""A registry that misbehaves as it is told, for tests: serves an OCI layout, in one way for each first part of a repository.

    registry.py LAYOUT LOG [--tls CERT KEY] [--client-ca CA] [--other HOST:PORT] [--user USER:PASSWORD]

Prints its port, then answers until it is killed. LOG gets a line of JSON for each request: method, path, Authorization, Range.
The repository of "/v2/WAY/..." chooses the way; see the functions named way_*.
"""
import argparse
import base64
import http.server
import json
import os
import ssl
import sys
import threading
import time

args = None
seen = {}  # path: how often it was asked for
lock = threading.Lock()
TOKEN = "a.token-of_the/realm=="


def content(path):
    """The bytes and the type of /v2/NAME/(manifests|blobs)/REFERENCE, or None."""
    kind, reference = path.split("/")[-2:]
    media = "application/octet-stream"
    if kind == "manifests":
        index = json.load(open(os.path.join(args.layout, "index.json"), encoding="utf-8"))
        entry = index["manifests"][0]
        reference = entry["digest"] if ":" not in reference else reference
        media = entry["mediaType"]
    name = os.path.join(args.layout, "blobs", *reference.split(":"))
    return (open(name, "rb").read(), media) if os.path.exists(name) else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        line = {"method": self.command, "path": self.path, "form": form,
                "authorization": self.headers.get("Authorization"), "range": self.headers.get("Range")}
        with lock:
            self.times = seen[self.path] = seen.get(self.path, 0) + 1
            with open(args.log, "a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        self.is_blob = "/blobs/" in self.path
        parts = self.path.split("?")[0].split("/")
        way = parts[2] if parts[1] == "v2" and len(parts) > 2 else parts[1]
        getattr(self, "way_" + way.replace("-", "_"), self.serve)()

    # ---- answers ----

    def start(self, status, fields, length=None):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def say(self, status, text="", fields=None):
        self.start(status, fields or {}, len(text))
        self.wfile.write(text.encode())

    def error(self, status, code, fields=None):
        self.say(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}), fields)

    def part(self):
        """What is asked for, its type, and where in the whole it begins; or an answer that there is no such thing."""
        found = content(self.path.split("?")[0])
        if not found:
            self.error(404, "BLOB_UNKNOWN" if self.is_blob else "MANIFEST_UNKNOWN")
            return None, None, 0
        asked = self.headers.get("Range")
        return found[0], found[1], int(asked[6:-1]) if asked else 0

    def head(self, data, media, at):
        fields = {"Content-Type": media}
        if at:
            fields["Content-Range"] = f"bytes {at}-{len(data) - 1}/{len(data)}"
        self.start(206 if at else 200, fields, len(data) - at)

    def serve(self):
        data, media, at = self.part()
        if data is not None:
            self.head(data, media, at)
            self.wfile.write(data[at:])

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True

    # ---- ways ----

    def way_flaky(self):
        """The first two answers to everything are failures."""
        self.serve() if self.times > 2 else self.error(503, "UNAVAILABLE")

    def way_down(self):
        self.error(503, "UNAVAILABLE")

    def way_busy(self):
        self.error(429, "TOOMANYREQUESTS", {"Retry-After": "240"})

    def way_later(self):
        """Asks for a second's patience, once."""
        self.serve() if self.times > 1 else self.error(429, "TOOMANYREQUESTS", {"Retry-After": "1"})

    def way_hang(self):
        time.sleep(60)

    def way_drip(self):
        """Blobs come too slowly to be worth waiting for."""
        data, media, at = self.part()
        self.head(data, media, at)
        for byte in data[at:] if self.is_blob else [data]:
            self.wfile.write(bytes([byte]) if self.is_blob else byte)
            time.sleep(0.1 if self.is_blob else 0)

    def way_cut(self):
        """Blobs break off in the middle of what is left, three times."""
        data, media, at = self.part()
        self.head(data, media, at)
        whole = not self.is_blob or self.times > 3
        self.wfile.write(data[at:] if whole else data[at:at + (len(data) - at) // 2])
        self.hang_up()

    def way_forgetful(self):
        """Breaks off once, and then begins at the start again, whatever range is asked for."""
        data, media, _ = self.part()
        self.head(data, media, 0)
        whole = not self.is_blob or self.times > 1
        self.wfile.write(data if whole else data[:len(data) // 2])
        self.hang_up()

    def way_elsewhere(self):
        """Breaks off once, and then sends another range than the one asked for."""
        data, media, at = self.part()
        if not at:
            self.head(data, media, 0)
            self.wfile.write(data[:len(data) // 2] if self.is_blob else data)
            self.hang_up()
        else:
            self.head(data, media, at // 2)
            self.wfile.write(data[at // 2:])

    def way_short(self):
        """Announces, and sends, less than the blob has."""
        data, media, _ = self.part()
        data = data[:-10] if self.is_blob else data
        self.head(data, media, 0)
        self.wfile.write(data)

    def way_stops(self):
        """Sends less than the blob has, and announces nothing."""
        data, media, _ = self.part()
        self.start(200, {"Content-Type": media})
        self.wfile.write(data[:-10] if self.is_blob else data)

    def way_endless(self):
        """Blobs that do not end."""
        data, media, _ = self.part()
        self.start(200, {"Content-Type": media})
        self.wfile.write(data)
        while self.is_blob:
            self.wfile.write(b"\0" * 65536)

    def way_huge(self):
        """A manifest that does not end."""
        self.start(200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
        while True:
            self.wfile.write(b" " * 65536)

    def way_wrong(self):
        """Blobs of the right size and the wrong bytes."""
        data, media, at = self.part()
        self.head(data, media, at)
        self.wfile.write(bytes(byte ^ 1 for byte in data[at:]) if self.is_blob else data)

    def way_forged(self):
        """Documents of the right size and other bytes, where a digest was asked for."""
        data, media, at = self.part()
        self.head(data, media, at)
        self.wfile.write(data.replace(b"e", b"f")[at:] if "sha256:" in self.path and b"{" == data[:1] else data[at:])

    def way_headers(self):
        self.start(200, {f"X-{i}": "x" * 8000 for i in range(40)}, 0)

    def way_loop(self):
        self.say(307, "", {"Location": self.path + "x"})

    def way_file(self):
        self.say(307, "", {"Location": "file:///etc/passwd"})

    def way_away(self):
        """Blobs are at another host."""
        self.say(307, "", {"Location": f"http://{args.other}{self.path.replace('/away/', '/ok/')}"}) \
            if self.authorized() and self.is_blob else self.serve() if self.authorized() else self.ask_basic()

    def way_mistaken(self):
        """Says that a host speaks HTTPS which does not."""
        self.say(307, "", {"Location": f"https://{args.other}{self.path}"})

    def way_schema1(self):
        self.say(200, '{"schemaVersion": 1, "name": "x", "tag": "v1", "fsLayers": [], "history": []}',
                 {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"})

    # ---- who may ----

    def authorized(self):
        wanted = "Basic " + base64.b64encode(args.user.encode()).decode()
        return self.headers.get("Authorization") == wanted

    def ask_basic(self):
        self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="here"'})

    def way_basic(self):
        self.serve() if self.authorized() else self.ask_basic()

    def ask_bearer(self, host):
        self.error(401, "UNAUTHORIZED", {
            "WWW-Authenticate": f'Bearer realm="http://{host}/realm?a=b",service="a service",scope="repository:x:push"'})

    def way_bearer(self):
        """A token is good for three answers to one address."""
        good = self.headers.get("Authorization") == "Bearer " + TOKEN and self.times % 3
        self.serve() if good else self.ask_bearer(self.headers["Host"])

    def way_astray(self):
        """The realm is at a host that has nothing to do with this one."""
        good = self.headers.get("Authorization") == "Bearer " + TOKEN
        self.serve() if good else self.ask_bearer(args.other)

    def way_realm(self):
        self.say(200, json.dumps({"access_token": TOKEN, "expires_in": 60}))

    def way_injection(self):
        """A token that would end the header it is sent in."""
        if self.path.startswith("/v2/"):
            self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="http://{self.headers["Host"]}/injection"'})
        else:
            self.say(200, json.dumps({"token": "x\r\nHost: y"}))


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # whoever hangs up on us is right


def main():
    global args
    parser = argparse.ArgumentParser()
    parser.add_argument("layout")
    parser.add_argument("log")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--client-ca")
    parser.add_argument("--other", default="")
    parser.add_argument("--user", default="bob:secret")
    args = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*args.tls)
        if args.client_ca:
            context.load_verify_locations(args.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    server.serve_forever()


main()
