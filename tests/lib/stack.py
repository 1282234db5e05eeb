#!/usr/bin/env python3
"""tests/lib/stack.py: random layers that delete, replace and hide, and what must be seen of them.

	stack.py write SEED FOLDER      FOLDER/0.tar, 1.tar...; FOLDER/tree.json is what a container must see
	stack.py read FOLDER            the same JSON of a real tree

A folder is an object, a file its content. No layer says two things about one path; the order of its entries is random.
"""
import io
import json
import os
import random
import sys
import tarfile


def parents(path):
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def make_layer(rng):
    """Lists of paths: folders, files, whiteouts, opaque folders."""
    folders, files, whiteouts, opaque = set(), set(), set(), set()
    for _ in range(rng.randint(1, 10)):
        path = "/".join(rng.choice("abc") for _ in range(rng.randint(1, 3)))
        kind = rng.choice((folders, files, whiteouts, opaque))
        if any(parent in files for parent in parents(path)):
            continue
        if kind is files and path in folders or kind in (folders, opaque) and path in files:
            continue
        kind.add(path)
        folders.update(parents(path))
        if kind is opaque:
            folders.add(path)
    return folders, files, whiteouts, opaque


def find(tree, parts):
    for part in parts:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def apply(tree, layer, number):
    folders, files, whiteouts, opaque = layer
    for path in whiteouts | opaque:
        above = find(tree, path.split("/")[:-1])
        if isinstance(above, dict):
            above.pop(path.split("/")[-1], None)
    for path in sorted(folders):
        above = find(tree, path.split("/")[:-1])
        if not isinstance(above.get(path.split("/")[-1]), dict):
            above[path.split("/")[-1]] = {}
    for path in files:
        find(tree, path.split("/")[:-1])[path.split("/")[-1]] = f"{number}:{path}"


def add(tar, name, kind=tarfile.REGTYPE, data=b""):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = 0o755
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def write_layer(rng, path, layer, number):
    folders, files, whiteouts, opaque = layer
    entries = [(name, tarfile.DIRTYPE, b"") for name in folders if rng.random() < 0.8 or not needed(name, layer)]
    entries += [(name, tarfile.REGTYPE, f"{number}:{name}".encode()) for name in files]
    entries += [(os.path.join(os.path.dirname(name), ".wh." + os.path.basename(name)), tarfile.REGTYPE, b"") for name in whiteouts]
    entries += [(name + "/.wh..wh..opq", tarfile.REGTYPE, b"") for name in opaque]
    rng.shuffle(entries)
    with tarfile.open(path, "w") as tar:
        for entry in entries:
            add(tar, *entry)


def needed(folder, layer):
    """It comes to be without an entry of its own, since something that has one lies in it."""
    _, files, whiteouts, opaque = layer
    return folder in opaque or any(other.startswith(folder + "/") for other in files | whiteouts | opaque)


def read(path):
    """Whiteouts in a folder that only one layer has are names without anything behind them, to overlayfs."""
    tree = {}
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            tree[entry.name] = read(entry.path)
        elif entry.is_file(follow_symlinks=False):
            with open(entry.path, encoding="utf-8") as file:
                tree[entry.name] = file.read()
        elif os.path.lexists(entry.path):
            tree[entry.name] = "?"
    return tree


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "write":
        rng = random.Random(int(sys.argv[2]))
        tree, number = {}, 0
        while number < 2 or rng.random() < 0.6:
            layer = make_layer(rng)
            if any(parent in layer[1] for path in layer[2] | layer[3] for parent in parents(path)):
                continue
            apply(tree, layer, number)
            write_layer(rng, os.path.join(sys.argv[3], f"{number}.tar"), layer, number)
            number += 1
        with open(os.path.join(sys.argv[3], "tree.json"), "w", encoding="utf-8") as file:
            json.dump(tree, file, sort_keys=True)
    elif len(sys.argv) == 3 and sys.argv[1] == "read":
        print(json.dumps(read(sys.argv[2]), sort_keys=True), end="")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
