#!/usr/bin/env python3
"""tests/lib/layouts.py: small images as OCI layouts, good ones and hostile ones.

	layouts.py good FOLDER [LAYERS]      an image v1 of LAYERS layers (2), each with a file, the upper ones with whiteouts
	layouts.py many FOLDER               an index with manifests for several platforms, attestations, and one nested index
	layouts.py hostile FOLDER            a layout for each case in FOLDER/NAME; prints NAME <tab> words of the refusal
	layouts.py seeds FOLDER              documents for tests/fuzz/manifest.c, with the byte that says what they are
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files):
    """{"path": bytes, or None for a folder}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            info.mode = 0o755 if data is None else 0o644
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


class Layout:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder + "/blobs/sha256", exist_ok=True)
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def write(self, path, data):
        with open(f"{self.folder}/{path}", "wb") as file:
            file.write(data)

    def path(self, digest):
        return f"{self.folder}/blobs/sha256/{digest.split(':')[1]}"

    def blob(self, data, media_type, **more):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.write("blobs/sha256/" + sha256(data).split(":")[1], data)
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}

    def index(self, manifests, **more):
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": manifests, **more}).encode())


def named(descriptor, name="v1"):
    return {**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}}


class Image:
    """The parts of an image, to be changed before they are written."""

    def __init__(self, layers=2, arch="amd64"):
        self.tars = [tar({"etc": None, "etc/base": b"base\n", "etc/gone": b"gone\n"})]
        for i in range(1, layers):
            self.tars.append(tar({"etc": None, f"etc/layer-{i}": b"%d\n" % i, **({"etc/.wh.gone": b""} if i == 1 else {})}))
        self.config = {
            "architecture": arch,
            "os": "linux",
            "created": "2026-01-02T03:04:05Z",
            "config": {"Env": ["PATH=/bin", "A=b"], "Entrypoint": ["/bin/sh"], "Cmd": ["-c", "true"], "User": "0:0", "WorkingDir": "/etc"},
            "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in self.tars]},
        }
        self.layer_type = LAYER + "+gzip"
        self.manifest = {}
        self.raw_manifest = self.raw_config = None

    def write(self, layout, **platform):
        layers = [layout.blob(gzip.compress(data, 1, mtime=0), self.layer_type) for data in self.tars]
        config = layout.blob(self.raw_config or self.config, CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        for change in self.manifest.values():
            change(manifest)
        data = self.raw_manifest(manifest) if self.raw_manifest else manifest
        return layout.blob(data, MANIFEST, **platform)


def good(folder, layers=2):
    layout = Layout(folder)
    layout.index([named(Image(layers).write(layout))])


def many(folder):
    layout = Layout(folder)
    entries = []
    for arch, variant in (("arm64", "v8"), ("arm", "v6"), ("arm", "v7"), ("s390x", "")):
        image = Image(1, arch)
        image.config["variant"] = variant
        image.tars[0] = tar({"etc": None, "etc/arch": f"{arch}{variant}\n".encode()})
        image.config["rootfs"]["diff_ids"] = [sha256(image.tars[0])]
        platform = {"os": "linux", "architecture": arch, **({"variant": variant} if variant else {})}
        entries.append(image.write(layout, platform=platform))
    attestation = layout.blob({"schemaVersion": 2, "layers": []}, MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    attestation["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    nested = layout.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": [Image().write(layout)]}, INDEX)
    inner = [attestation] + entries + [layout.blob(b"{}", "application/vnd.in-toto+json"), nested]
    layout.index([named(layout.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": inner}, INDEX))])


# ---- hostile ones ----

CASES = {}


def case(words):
    def register(function):
        CASES[function.__name__] = (function, words)
        return function

    return register


def change_manifest(words, name, change):
    """A case that changes the manifest, which then has its right digest."""

    def make(layout):
        image = Image()
        image.manifest["change"] = change
        layout.index([named(image.write(layout))])

    make.__name__ = name
    case(words)(make)


def change_config(words, name, change):
    def make(layout):
        image = Image()
        change(image.config)
        layout.index([named(image.write(layout))])

    make.__name__ = name
    case(words)(make)


def change_index(words, name, change):
    def make(layout):
        index = {"schemaVersion": 2, "manifests": [named(Image().write(layout))]}
        change(index)
        layout.write("index.json", json.dumps(index).encode())

    make.__name__ = name
    case(words)(make)


def setter(*path_and_value):
    *path, last, value = path_and_value

    def change(document):
        for part in path:
            document = document[part]
        document[last] = value

    return change


HEX = "0" * 64
for name, digest in {
    "digest_path": "sha256:../../../etc/passwd",
    "digest_upper": "sha256:" + "A" * 64,
    "digest_short": "sha256:00",
    "digest_long": "sha256:" + HEX + "0",
    "digest_slash": "sha256:" + HEX[:60] + "/../",
    "digest_md5": "md5:" + HEX[:32],
    "digest_empty": "",
    "digest_blank": " sha256:" + HEX,
}.items():
    change_index("is no digest", "index_" + name, setter("manifests", 0, "digest", digest))
    change_manifest("is no digest", "layer_" + name, setter("layers", 1, "digest", digest))
    change_manifest("is no digest", "config_" + name, setter("config", "digest", digest))
    change_config("is no digest", "diff_id_" + name, setter("rootfs", "diff_ids", 0, digest))

for name, size in {"negative": -1, "huge": 2**63, "float": 1.5, "text": "7", "exponent": 1e30}.items():
    change_manifest("layers[0].size: expected", "size_" + name, setter("layers", 0, "size", size))

change_manifest("layer 1 of 2", "size_small", lambda m: m["layers"][0].__setitem__("size", m["layers"][0]["size"] - 1))
change_manifest("layer 1 of 2", "size_large", lambda m: m["layers"][0].__setitem__("size", m["layers"][0]["size"] + 1))
change_manifest("at most 4194304", "config_too_large", setter("config", "size", 5 << 20))
change_manifest("the config has", "config_size", setter("config", "size", 3))
change_manifest("could be an index or a manifest", "two_things", setter("manifests", []))
change_manifest("was announced as", "other_type", setter("mediaType", INDEX))
change_manifest("expected schemaVersion 2", "schema_3", setter("schemaVersion", 3))
change_manifest("schema 1", "schema_1", setter("schemaVersion", 1))
change_manifest("required, but missing", "no_schema", lambda m: m.pop("schemaVersion"))
change_manifest("encrypted", "encrypted", setter("layers", 0, "mediaType", LAYER + "+gzip+encrypted"))
change_manifest("unknown type", "layer_type", setter("layers", 0, "mediaType", "text/plain"))
change_manifest("artifact", "artifact", setter("config", "mediaType", "application/vnd.oci.empty.v1+json"))
change_manifest("layers: expected an array", "layers_text", setter("layers", "x"))
change_manifest("at most 512 entries", "layers_many", lambda m: m.__setitem__("layers", m["layers"][:1] * 513))
change_manifest("the manifest has 1 layers, but the config 2", "layers_fewer", lambda m: m["layers"].pop())
change_manifest("is missing", "layer_absent", setter("layers", 1, "digest", "sha256:" + HEX))

change_config("nothing for linux/", "platform_other", setter("architecture", "s390x"))
change_config("nothing for linux/", "platform_windows", setter("os", "windows"))
change_config("architecture: required", "no_architecture", lambda c: c.pop("architecture"))
change_config("rootfs.type", "rootfs_type", setter("rootfs", "type", "squash"))
change_config("but the config 1", "diff_ids_fewer", lambda c: c["rootfs"]["diff_ids"].pop())
change_config("layer 1 of 2", "diff_id_wrong", setter("rootfs", "diff_ids", 0, "sha256:" + HEX))
change_config("expected NAME=VALUE", "env_no_value", setter("config", "Env", ["A"]))
change_config("NUL byte", "env_nul", setter("config", "Env", ["A=\0"]))
change_config("config.Env", "env_object", setter("config", "Env", {"A": "b"}))
change_config("config.Entrypoint: expected an array", "entrypoint_text", setter("config", "Entrypoint", "/bin/sh"))
change_config("config.Cmd[0]: expected a string", "cmd_number", setter("config", "Cmd", [1]))
change_config("config.User", "user_long", setter("config", "User", "u" * 300))
change_config("config.User", "user_control", setter("config", "User", "root\n0"))
change_config("config.WorkingDir", "cwd_control", setter("config", "WorkingDir", "/\x1b[2J"))
change_config("config.StopSignal: expected a signal", "signal", setter("config", "StopSignal", "SIGNONE"))
change_config("a port", "port", setter("config", "ExposedPorts", {"80/icmp": {}}))
change_config("config.Labels", "labels_array", setter("config", "Labels", ["a"]))
change_config("an empty name", "label_empty", setter("config", "Labels", {"": "x"}))
for name, volume in {"empty": "", "root": "/", "dots": "/../etc", "inner": "/a/../../etc", "relative": "data", "dot": "/./"}.items():
    change_config('that is not the root', "volume_" + name, setter("config", "Volumes", {volume: {}}))

change_index("at most 1024 entries", "index_wide", lambda i: i.__setitem__("manifests", i["manifests"] * 1025))
change_index("manifests: required", "index_empty", lambda i: i.pop("manifests"))
change_index("has no image v1", "no_such_ref", setter("manifests", 0, "annotations", {}))


@case("the key is there twice")
def manifest_twice(layout):
    image = Image()
    image.raw_manifest = lambda manifest: json.dumps(manifest).replace('"layers"', '"layers": [], "layers"').encode()
    layout.index([named(image.write(layout))])


@case("the key is there twice")
def config_twice(layout):
    image = Image()
    image.raw_config = json.dumps(image.config).replace('"os"', '"os": "windows", "os"').encode()
    layout.index([named(image.write(layout))])


@case("deeper than 4 levels")
def nested(layout):
    inner = Image().write(layout)
    for _ in range(5):
        inner = layout.blob({"schemaVersion": 2, "manifests": [inner]}, INDEX)
    layout.index([named(inner)])


@case("instead of")
def manifest_changed(layout):
    descriptor = Image().write(layout)
    layout.index([named(descriptor)])
    with open(layout.path(descriptor["digest"]), "r+b") as file:
        file.write(b" ")


@case("the config has the digest")
def config_changed(layout):
    image = Image()
    layout.index([named(image.write(layout))])
    data = json.dumps(image.config).encode()
    with open(layout.path(sha256(data)), "r+b") as file:
        file.write(b" ")


def with_layer_file(change):
    def make(layout):
        image = Image()
        layout.index([named(image.write(layout))])
        change(layout.path(sha256(gzip.compress(image.tars[1], 1, mtime=0))))

    return make


def replaced(make_file):
    def change(path):
        os.unlink(path)
        make_file(path)

    return change


def flip(path):
    with open(path, "r+b") as file:
        file.seek(30)
        byte = file.read(1)
        file.seek(30)
        file.write(bytes([byte[0] ^ 1]))


for name, (change, words) in {
    "layer_flipped": (flip, "layer 2 of 2"),
    "layer_fifo": (replaced(os.mkfifo), "not a regular file"),
    "layer_link": (replaced(lambda path: os.symlink("/etc/passwd", path)), "Too many levels of symbolic links"),
    "layer_folder": (replaced(os.mkdir), "not a regular file"),
    "layer_empty": (replaced(lambda path: open(path, "w").close()), "layer 2 of 2"),
}.items():
    make = with_layer_file(change)
    make.__name__ = name
    case(words)(make)


@case("this is no JSON")
def index_text(layout):
    layout.write("index.json", b"hello")


@case("nested deeper than 64")
def index_deep(layout):
    layout.write("index.json", b"[" * 100000)


@case("no UTF-8")
def index_bytes(layout):
    layout.write("index.json", b'{"schemaVersion": 2, "manifests": [], "x": "\xff"}')


@case("larger than")
def index_large(layout):
    layout.write("index.json", b"")
    os.truncate(layout.folder + "/index.json", 5 << 20)


@case("not a regular file")
def index_fifo(layout):
    os.mkfifo(layout.folder + "/index.json")


@case("Too many levels of symbolic links")
def index_link(layout):
    os.symlink("/etc/passwd", layout.folder + "/index.json")


@case("a version 1")
def layout_version(layout):
    good(layout.folder)
    layout.write("oci-layout", b'{"imageLayoutVersion":"2.0.0"}')


@case("it is no image layout")
def layout_absent(layout):
    good(layout.folder)
    os.unlink(layout.folder + "/oci-layout")


def hostile(folder):
    for name, (make, words) in CASES.items():
        make(Layout(f"{folder}/{name}"))
        print(f"{name}\t{words}")


def seeds(folder):
    os.makedirs(folder, exist_ok=True)
    good(folder + ".layout")
    many(folder + ".layout")
    names = ["debian:13", "quay.io/a/b@sha256:" + HEX, "oci:dir:ref", "docker-archive:x.tar", "[::1]:5000/x"]
    documents = {f"name-{i}": b"\x03" + name.encode() for i, name in enumerate(names)}
    for name in ["index.json"] + ["blobs/sha256/" + blob for blob in sorted(os.listdir(folder + ".layout/blobs/sha256"))]:
        with open(f"{folder}.layout/{name}", "rb") as file:
            data = file.read()
        if data.startswith(b"{"):
            documents[os.path.basename(name)] = (b"\x01" if b"rootfs" in data else b"\x00") + data
    for name, data in documents.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1:]
    {"good": good, "many": many, "hostile": hostile, "seeds": seeds}[verb](folder, *map(int, rest))
