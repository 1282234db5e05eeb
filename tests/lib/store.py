#!/usr/bin/env python3
"""tests/lib/store.py: an image in a store, made without husk-image, so that a test can say things no image tool would.

	store.py STORE NAME CONFIG.json TREE...

TREE... are folders, the base first; each is moved to where a layer lies. CONFIG.json is what an image's config calls
"config", with the keys of the image specification. Prints the digest of the image."""
import hashlib
import json
import os
import shutil
import sys

store, name, config_file, *trees = sys.argv[1:]
with open(config_file, encoding="utf-8") as file:
    config = json.load(file)


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


layers = []
for path in ["", "blobs/sha256", "layers/sha256", "images", "names", "tmp", "containers"]:
    os.makedirs(os.path.join(store, path), exist_ok=True)
    os.chmod(os.path.join(store, path), 0o700)
with open(os.path.join(store, "version"), "w", encoding="utf-8") as file:
    file.write("1\n")
for tree in trees:
    diff_id = digest(os.path.abspath(tree))
    place = os.path.join(store, "layers", diff_id.replace(":", "/"))
    if not os.path.exists(place):
        os.makedirs(place)
        shutil.move(tree, os.path.join(place, "tree"))
    layers.append({"id": diff_id, "diffId": diff_id, "digest": diff_id, "size": 1, "unpacked": 1,
                   "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"})
record = {"config": digest("config" + json.dumps(config) + name), "architecture": config.get("architecture", "amd64"),
          "variant": "", "os": "linux", "created": config.get("created", ""), "author": config.get("author", ""),
          "layers": layers,
          "process": {"user": config.get("User", ""), "env": config.get("Env", []),
                      "entrypoint": config.get("Entrypoint", []), "cmd": config.get("Cmd", []),
                      "workingDir": config.get("WorkingDir", ""), "volumes": list(config.get("Volumes", {})),
                      "exposedPorts": list(config.get("ExposedPorts", {})), "labels": config.get("Labels", {}),
                      "stopSignal": config.get("StopSignal", "")}}
record = {"digest": digest(json.dumps(record)), **record}
hexadecimal = record["digest"].split(":")[1]
with open(os.path.join(store, "images", hexadecimal), "w", encoding="utf-8") as file:
    file.write(json.dumps(record) + "\n")
with open(os.path.join(store, "names", name.replace("%", "%25").replace("/", "%2F")), "w", encoding="utf-8") as file:
    file.write(record["digest"] + "\n")
print(record["digest"])
