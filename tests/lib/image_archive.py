#!/usr/bin/env python3
"""Makes an image with one layer, the tar archive on standard input: writes what `docker save` would to standard output.

    image_archive.py NAME:TAG [COMMAND...]
"""
import hashlib
import io
import json
import sys
import tarfile

name, *command = sys.argv[1:]
layer = sys.stdin.buffer.read()
config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": command or ["sh"], "Env": ["PATH=/bin"]},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]

with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
    for path, content in (("layer.tar", layer), ("config.json", json.dumps(config).encode()),
                          ("manifest.json", json.dumps(manifest).encode())):
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
