#!/usr/bin/env python3
"""tests/lib/tree_compare.py: are two trees the same?

	tree_compare.py [--without WHAT,...] A B

Compares type, mode, owner, size, content, target, device, extended attributes, mtime (of the root too, unless without
"root"), and which names are links to one file. WHAT: mtime, xattr, owner, root, links, dev (device nodes). Prints what differs, a
line each, at most 50, and ends with 1; silent where all is the same.
"""
import hashlib
import os
import stat
import sys


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(st.st_mode):
        return ""
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def xattrs(path):
    return sorted((name, os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False))


def describe(path, without):
    st = os.lstat(path)
    facts = {"type and mode": oct(st.st_mode), "content": content(path, st)}
    if not stat.S_ISDIR(st.st_mode):
        facts["size"] = st.st_size
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        facts["device"] = (os.major(st.st_rdev), os.minor(st.st_rdev))
    if "owner" not in without:
        facts["owner"] = (st.st_uid, st.st_gid)
    if "mtime" not in without:
        facts["mtime"] = st.st_mtime_ns
    if "xattr" not in without:
        facts["xattrs"] = xattrs(path)
    return st, facts


def walk(root, without):
    """{path: facts}; links to one file have the first of its names as a fact."""
    found, first = {}, {}
    pending = [b""]
    while pending:
        name = pending.pop()
        path = os.path.join(root, name)
        st, facts = describe(path, without)
        if "dev" in without and (stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode)):
            continue
        if stat.S_ISDIR(st.st_mode):
            pending += (os.path.join(name, child) for child in os.listdir(path))
        elif st.st_nlink > 1:
            first.setdefault(st.st_ino, []).append(name)
            facts["inode"] = st.st_ino
        found[name] = facts
    for facts in found.values():
        inode = facts.pop("inode", None)
        if inode is not None and "links" not in without:
            facts["links"] = sorted(first[inode])
    if "root" in without:
        del found[b""]
    return found


def main():
    arguments = sys.argv[1:]
    without = set()
    if arguments[:1] == ["--without"]:
        without = set(arguments[1].split(","))
        arguments = arguments[2:]
    if len(arguments) != 2:
        sys.exit(__doc__)
    a, b = (walk(os.fsencode(tree), without) for tree in arguments)
    lines = []
    for name in sorted(a.keys() | b.keys()):
        shown = name.decode(errors="backslashreplace") or "."
        if name not in a or name not in b:
            lines.append(f"{shown}: only in {arguments[0] if name in a else arguments[1]}")
            continue
        for fact, value in a[name].items():
            if b[name].get(fact) != value:
                lines.append(f"{shown}: {fact}: {value} and {b[name].get(fact)}")
    print(*lines[:50], sep="\n", end="\n" if lines else "")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
