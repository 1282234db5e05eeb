#!/usr/bin/env python3
"""tests/lib/layer_layout.py: an OCI layout of given layers.

	layer_layout.py FOLDER REF LAYER...

LAYER... are tars, plain or compressed, the base first. What does not decompress is put in as it is, with its own digest as DiffID.
"""
import gzip
import hashlib
import json
import os
import subprocess
import sys
import zlib

FOLDER, REF, *LAYERS = sys.argv[1:]
SUFFIXES = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd", b"\x50\x2a": "+zstd"}


def put(data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(FOLDER, "blobs", "sha256", digest), "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def put_json(media_type, value):
    return {"mediaType": "application/vnd.oci.image." + media_type, **put(json.dumps(value).encode())}


def unpacked(data, suffix):
    try:
        if suffix == "+gzip":
            return gzip.decompress(data)
        if suffix == "+zstd":
            return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    except (OSError, EOFError, zlib.error, subprocess.CalledProcessError):
        pass
    return data


os.makedirs(os.path.join(FOLDER, "blobs", "sha256"), exist_ok=True)
layers, diff_ids = [], []
for path in LAYERS:
    with open(path, "rb") as file:
        blob = file.read()
    kind = SUFFIXES.get(blob[:2], "")
    layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar" + kind, **put(blob)})
    diff_ids.append("sha256:" + hashlib.sha256(unpacked(blob, kind)).hexdigest())
config = put_json(
    "config.v1+json",
    {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}},
)
manifest = put_json(
    "manifest.v1+json",
    {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers},
)
manifest["annotations"] = {"org.opencontainers.image.ref.name": REF}
for name, value in (
    ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
    ("index.json", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}),
):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        json.dump(value, file)
