#!/usr/bin/env python3
"""Writes an OCI layout with one image, "v1", whose layers do not compress.

    layout.py DIR LAYERS BYTES
"""
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile

folder, layers, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
blobs = os.path.join(folder, "blobs", "sha256")
os.makedirs(blobs, exist_ok=True)


def put(data, media):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, name), "wb") as blob:
        blob.write(data)
    return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + name, "size": len(data)}


def layer(number):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(f"layer{number}")
        data = random.Random(number).randbytes(size)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


tars = [layer(number) for number in range(layers)]
config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]}, "rootfs": {
    "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]}}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": put(json.dumps(config).encode(), "config.v1+json"),
            "layers": [put(gzip.compress(tar, 1), "layer.v1.tar+gzip") for tar in tars]}
index = {"schemaVersion": 2, "manifests": [put(json.dumps(manifest).encode(), "manifest.v1+json") | {
    "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}
for name, value in ("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"}):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)
