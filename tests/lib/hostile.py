#!/usr/bin/env python3
"""tests/lib/hostile.py: layers that try something, and what must come of each.

	hostile.py list                     NAME <tab> what the one line of the refusal says; "-" = it is unpacked
	hostile.py write FOLDER [NAME...]   NAME.tar (.gz, .zst) for each

Headers are written byte by byte, since tarfile would not write most of them. Cases that are unpacked have "kept" in their root,
and do nothing outside of it.
"""
import gzip
import os
import struct
import subprocess
import sys
import zlib

CASES = {}


def case(message, suffix="tar"):
    """Registers a function that gives the bytes of an archive."""

    def register(function):
        CASES[function.__name__] = (function, message, suffix)
        return function

    return register


# ---- building ----


def octal(value, width):
    return b"%0*o\0" % (width - 1, value)


def base256(value, width):
    return (value & ((1 << 8 * width) - 1) | 1 << 8 * width - 1).to_bytes(width, "big")


def header(name, kind=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=0, link=b"", magic=b"ustar\x0000", major=0, minor=0, prefix=b"", **raw):
    """One block; `raw` gives bytes for a field as they are: size_raw=b"..."."""
    fields = {
        "name": name.ljust(100, b"\0")[:100],
        "mode": octal(mode, 8),
        "uid": octal(uid, 8),
        "gid": octal(gid, 8),
        "size": octal(size, 12),
        "mtime": octal(mtime, 12),
    }
    for key in fields:
        fields[key] = raw.get(key + "_raw", fields[key])
    block = b"".join(fields.values()) + b" " * 8 + kind + link.ljust(100, b"\0")[:100] + magic
    block += b"\0" * 64 + octal(major, 8) + octal(minor, 8) + prefix.ljust(155, b"\0")
    block = bytearray(block.ljust(512, b"\0"))
    for at, data in raw.get("patch", ()):
        block[at : at + len(data)] = data
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + b"\0" * (-len(data) % 512)


def file(name, data=b"", **fields):
    return header(name, size=len(data), **fields) + padded(data)


def folder(name, mode=0o755, **fields):
    return header(name, b"5", mode=mode, **fields)


def link(name, target, **fields):
    return header(name, b"2", link=target, mode=0o777, **fields)


def hard(name, target, **fields):
    return header(name, b"1", link=target, **fields)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(str(size)) + len(body) != size:
        size = len(str(size)) + len(body)
    return str(size).encode() + body


def pax(records, kind=b"x", **fields):
    body = b"".join(record(k, v) for k, v in records) if not isinstance(records, bytes) else records
    return header(b"pax", kind, size=len(body), **fields) + padded(body)


def long_name(kind, name):
    return header(b"././@LongLink", kind, size=len(name) + 1, magic=b"ustar  \0") + padded(name + b"\0")


END = b"\0" * 1024
KEPT = file(b"kept", b"yes\n")


def archive(*parts):
    return b"".join(parts) + END


# ---- G1, G2: names that lead out ----


@case('".." in a path')
def dotdot():
    return archive(file(b"../outside"))


@case('".." in a path')
def dotdot_inside():
    return archive(folder(b"a"), file(b"a/../../outside"))


@case('".." in a path')
def dotdot_pax():
    return archive(pax([(b"path", b"x/../../../outside")]), file(b"harmless"))


@case('".." in a path')
def dotdot_last():
    return archive(folder(b"a"), folder(b"a/.."))


@case("-")
def absolute():
    return archive(KEPT, file(b"/etc/husk-outside", b"inside"))


@case("-")
def link_then_write():
    return archive(KEPT, folder(b"target"), link(b"out", b"/target"), file(b"out/husk-outside", b"inside"))


@case("a link that leads to no folder")
def link_to_the_host():
    return archive(link(b"out", b"/var"), file(b"out/husk-outside"))


@case("a link that leads to no folder")
def link_up():
    return archive(link(b"out", b"../../../../../../var"), file(b"out/husk-outside"))


@case("a link that leads to no folder")
def link_loop():
    return archive(link(b"a", b"b"), link(b"b", b"a"), file(b"a/x"))


@case("a link that leads to no folder")
def magic_link():
    return archive(link(b"out", b"/proc/self/root"), file(b"out/husk-outside"))


@case("-")
def final_link_replaced():
    return archive(KEPT, link(b"x", b"/etc/husk-outside"), file(b"x", b"inside"))


@case("the root of a layer can only be a folder")
def root_as_link():
    return archive(link(b"./", b"/"))


@case("the root of a layer can only be a folder")
def root_as_file():
    return archive(file(b".", b"x"))


@case("the root of a layer can only be a folder")
def root_as_slash():
    return archive(link(b"/", b"/"))


@case("an entry without a name")
def no_name():
    return archive(folder(b""))


# ---- G3, G4: hard links, and attributes that follow ----


@case('hard link to ../../../etc/passwd: ".." in a path')
def hard_link_out():
    return archive(hard(b"x", b"../../../etc/passwd"))


@case("which is not in the image")
def hard_link_to_the_host():
    return archive(hard(b"x", b"/etc/passwd"))


@case("which is not in the image")
def hard_link_through_a_link():
    return archive(link(b"out", b"/etc"), hard(b"x", b"out/passwd"))


@case("which is a folder")
def hard_link_to_a_folder():
    return archive(folder(b"a"), hard(b"x", b"a"))


@case("-")
def hard_link_to_a_link():
    return archive(KEPT, link(b"l", b"/etc/husk-outside"), hard(b"x", b"l", mode=0o6777), file(b"y"))


@case("-")
def hard_link_to_itself():
    return archive(KEPT, file(b"x", b"1"), hard(b"x", b"x"))


@case("an entry that is no file, with a size")
def hard_link_with_body():
    return archive(KEPT, header(b"x", b"1", size=4, link=b"kept") + padded(b"evil"))


@case("-")
def folder_over_link():
    return archive(KEPT, link(b"d", b"/etc"), folder(b"d", 0o777), folder(b"d/.", 0o700))


@case("-")
def link_over_folder():
    return archive(KEPT, folder(b"d", 0o1777, mtime=5), file(b"d/f"), link(b"d", b"/etc"))


# ---- G5: whiteouts ----


@case("a whiteout that names nothing in its folder")
def whiteout_empty():
    return archive(file(b".wh."))


@case("a whiteout that names nothing in its folder")
def whiteout_dot():
    return archive(file(b".wh.."))


@case("a whiteout that names nothing in its folder")
def whiteout_dotdot():
    return archive(file(b".wh..."))


@case("a whiteout that names nothing in its folder")
def whiteout_dotdot_below():
    return archive(file(b"d/.wh..."))


@case("a whiteout with something in it")
def whiteout_as_folder():
    return archive(file(b".wh.d/x"))


@case("a link that leads to no folder")
def opaque_through_a_link():
    return archive(link(b"d", b"/etc"), file(b"d/.wh..wh..opq"))


@case("-")
def aufs():
    return archive(KEPT, folder(b".wh..wh.plnk"), file(b".wh..wh.plnk/1.2", b"x"), file(b".wh..wh.aufs"))


# ---- G6, G7: markers of overlayfs, devices ----


@case("the device 0:0 is overlayfs's own")
def device_zero():
    return archive(header(b"etc", b"3"))


@case("no device has the number")
def device_number():
    return archive(header(b"x", b"3", major=4096, minor=1))


@case("the extended attribute trusted.overlay.redirect is overlayfs's own")
def overlay_redirect():
    return archive(pax([(b"SCHILY.xattr.trusted.overlay.redirect", b"/etc")]), folder(b"d"))


@case("the extended attribute trusted.overlay.opaque is overlayfs's own")
def overlay_opaque():
    return archive(pax([(b"SCHILY.xattr.trusted.overlay.opaque", b"y")]), folder(b"d"))


@case("the extended attribute user.overlay.metacopy is overlayfs's own")
def overlay_user():
    return archive(pax([(b"LIBARCHIVE.xattr.user.overlay.metacopy", b"")]), file(b"f"))


@case("-")
def foreign_labels():
    return archive(
        KEPT,
        pax([(b"SCHILY.xattr.security.selinux", b"x\0"), (b"SCHILY.xattr.trusted.x", b"y"), (b"RHT.security.selinux", b"z")]),
        file(b"f"),
    )


@case("-")
def fifo_then_file():
    return archive(KEPT, header(b"x", b"6"), file(b"x", b"data"), header(b"x", b"6"), header(b"x", b"6"))


# ---- G9: what readers do not agree about ----


@case("two pax headers for one entry")
def two_pax():
    return archive(pax([(b"path", b"a")]), pax([(b"path", b"b")]), file(b"c"))


@case("a pax header and a GNU long name for one entry")
def pax_then_long():
    return archive(pax([(b"path", b"a")]), long_name(b"L", b"b"), file(b"c"))


@case("a pax header and a GNU long name for one entry")
def long_then_pax():
    return archive(long_name(b"L", b"b"), pax([(b"path", b"a")]), file(b"c"))


@case("two GNU long names for one entry")
def two_long():
    return archive(long_name(b"L", b"a"), long_name(b"L", b"b"), file(b"c"))


@case("a GNU long name with a NUL in it")
def long_with_nul():
    return archive(long_name(b"L", b"a\0b"), file(b"c"))


@case("a global pax header that sets path")
def global_path():
    return archive(pax([(b"path", b"a")], b"g"), file(b"c"))


@case("a global pax header that sets size")
def global_size():
    return archive(pax([(b"size", b"0")], b"g"), file(b"c", b"1234"))


@case("-")
def global_comment():
    return archive(pax([(b"comment", b"a commit")], b"g"), KEPT)


@case("an entry that is no file, with a size")
def symlink_with_body():
    return archive(header(b"x", b"2", size=512, link=b"y") + file(b"hidden")[:512])


@case("an entry that is no file, with a size")
def folder_with_body():
    return archive(header(b"x", b"5", size=512) + file(b"hidden")[:512])


@case("-")
def pax_size_counts():
    return archive(KEPT, pax([(b"size", b"600")]), header(b"x", size=0) + padded(file(b"smuggled") + b"x" * 88))


@case("pax header: path comes twice")
def pax_twice():
    return archive(pax([(b"path", b"a"), (b"path", b"b")]), file(b"c"))


@case("a file whose name ends in a slash")
def file_with_slash():
    return archive(file(b"x/"))


@case("the archive ends after an extended header")
def pax_then_end():
    return archive(pax([(b"path", b"a")]))


# ---- G10: sizes and ends ----


@case("the size -1 is not in the range")
def negative_size():
    return archive(header(b"x", size_raw=base256(-1, 12)))


@case("where 68719476736 are allowed")
def huge_size():
    return archive(header(b"x", size_raw=base256(1 << 62, 12)))


@case("the size in the header is no number")
def overlong_size():
    return archive(header(b"x", size_raw=b"\xbf" + b"\xff" * 11))


@case("the size in the header is no number")
def size_no_number():
    return archive(header(b"x", size_raw=b"0x10\0".ljust(12, b"\0")))


@case("in the middle of an entry")
def body_too_short():
    return archive(KEPT) [:-1024] + header(b"x", size=4096) + b"short"


@case("in the middle of an entry")
def header_cut():
    return KEPT + header(b"x")[:200]


@case("something follows the end of the archive")
def junk_after_end():
    return archive(KEPT) + b"\0" * 512 + file(b"second")


@case("something follows the end of the archive")
def second_archive():
    return archive(KEPT) + archive(file(b"x"))


@case("has a wrong checksum")
def bad_checksum():
    return archive(KEPT, b"y" + header(b"x")[1:])


@case("has a wrong checksum")
def no_tar():
    return b"<html>not found</html>".ljust(10240, b"x")


@case("an entry of the unknown type 0x4d")
def multi_volume():
    return archive(header(b"x", b"M", magic=b"ustar  \0"))


# ---- G11: sparse files ----


def old_sparse(pairs, real, stored, name=b"s"):
    patch = [(386 + 24 * i, octal(o, 12) + octal(n, 12)) for i, (o, n) in enumerate(pairs)]
    patch.append((483, octal(real, 12)))
    return header(name, b"S", size=len(stored), magic=b"ustar  \0", patch=patch) + padded(stored)


@case("whose pieces overlap, or are not in order")
def sparse_overlap():
    return archive(old_sparse([(0, 512), (256, 512)], 4096, b"x" * 1024))


@case("whose pieces are not its size")
def sparse_end():
    return archive(old_sparse([(8192, 512)], 4096, b"x" * 512))


@case("whose pieces are not its size")
def sparse_stored():
    return archive(old_sparse([(0, 1024)], 4096, b"x" * 512))


@case("where 68719476736 are allowed")
def sparse_huge():
    return archive(pax([(b"GNU.sparse.size", b"4611686018427387904"), (b"GNU.sparse.map", b"0,1")]), file(b"s", b"x"))


@case("a sparse file of more than 262144 pieces")
def sparse_million():
    count = 1000000
    body = padded(b"%d\n" % count + b"".join(b"%d\n0\n" % i for i in range(count)))
    keys = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"1000000"), (b"GNU.sparse.name", b"s")]
    return archive(pax(keys), header(b"s", size=len(body)) + body)


@case("the map of a sparse file is longer than the file")
def sparse_map_long():
    keys = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"10"), (b"GNU.sparse.name", b"s")]
    return archive(pax(keys), file(b"s", b"99\n" + b"0\n" * 200))


@case("GNU.sparse headers of no known form")
def sparse_half():
    return archive(pax([(b"GNU.sparse.name", b"other")]), file(b"s", b"x"))


# ---- G12, G13: bombs and broken compression ----


@case("times its size", "tar.gz")
def gzip_bomb():
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = [zeros.compress(header(b"zeros", size=4 << 30))]
    chunk = b"\0" * (1 << 20)
    out += [zeros.compress(chunk) for _ in range(256)]
    return b"".join(out) + zeros.flush()


@case("it ends in the middle", "tar.gz")
def gzip_cut():
    return gzip.compress(archive(file(b"x", os.urandom(100000))))[:-5000]


@case("the checksum is wrong", "tar.gz")
def gzip_checksum():
    data = bytearray(gzip.compress(archive(KEPT)))
    data[-6] ^= 1
    return bytes(data)


@case("the checksum is wrong", "tar.gz")
def gzip_length():
    data = bytearray(gzip.compress(archive(KEPT)))
    data[-1] ^= 1
    return bytes(data)


@case("something that is no gzip follows", "tar.gz")
def gzip_junk():
    return gzip.compress(archive(KEPT)) + b"junk" * 10


@case("-", "tar.gz")
def gzip_padded():
    return gzip.compress(archive(KEPT)) + b"\0" * 1000


@case("-", "tar.gz")
def gzip_members():
    data = archive(KEPT, *(file(b"f%d" % i, b"x" * i) for i in range(200)))
    return b"".join(gzip.compress(data[i : i + 777]) for i in range(0, len(data), 777))


@case("-", "tar.gz")
def gzip_empty_members():
    return gzip.compress(b"") * 100000 + gzip.compress(archive(KEPT))


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


@case("it ends in the middle", "tar.zst")
def zstd_cut():
    return zstd(archive(file(b"x", os.urandom(100000))))[:-500]


@case("zstd: Frame requires too much memory", "tar.zst")
def zstd_window():
    # A frame header: no single segment, window descriptor of 2^(10+21) bytes.
    return b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + b"\x01\x00\x00"


@case("-", "tar.zst")
def zstd_frames():
    data = archive(KEPT, file(b"x", b"y" * 5000))
    skippable = struct.pack("<II", 0x184D2A5A, 13) + b"a table of it"
    return skippable + b"".join(zstd(data[i : i + 999]) + skippable for i in range(0, len(data), 999))


@case("it is compressed by xz", "tar.xz")
def xz():
    import lzma

    return lzma.compress(archive(KEPT))


# ---- G14 to G16: names and attributes without measure ----


@case("more than 256 folders inside each other")
def deep():
    return archive(pax([(b"path", b"d/" * 2000 + b"x")]), file(b"x"))


@case("more than 256 folders inside each other")
def deep_by_steps():
    return archive(*(pax([(b"path", b"d/" * i)]) + folder(b"x") for i in range(1, 300)))


@case("a name of 256 bytes where 255 are possible")
def long_component():
    return archive(pax([(b"path", b"n" * 256)]), file(b"x"))


@case("a name of 4096 bytes or more")
def long_path():
    return archive(pax([(b"path", b"/".join([b"n" * 200] * 30))]), file(b"x"))


@case("is not understood")
def pax_nul():
    return archive(pax([(b"path", b"etc/passwd\0.txt")]), file(b"x"))


@case("-")
def odd_names():
    return archive(KEPT, file(b"new\nline"), file(b"esc\x1b[2J"), file(b"bad\xff\xfe"), file(b".//a///b/./c"), file(b"a/b/c2", b"x"))


@case("where 1048576 are allowed")
def pax_huge():
    return archive(pax([(b"comment", b"x" * (2 << 20))]), file(b"x"))


@case("the extended attribute user.big is too long")
def xattr_huge():
    return archive(pax([(b"SCHILY.xattr.user.big", b"x" * 100000)]), file(b"x"))


@case("more than 256 extended attributes")
def xattr_many():
    return archive(pax([(b"SCHILY.xattr.user.n%d" % i, b"x") for i in range(1000)]), file(b"x"))


@case("pax header: a record that is none")
def pax_length():
    return archive(pax(b"99999 path=a\n"), file(b"x"))


@case("pax header: a record that is none")
def pax_no_newline():
    return archive(pax(b"9 path=ab"), file(b"x"))


@case("pax header: a record that is none")
def pax_signed():
    return archive(pax(b"-9 path=a\n"), file(b"x"))


# ---- G17: ids and times ----


@case("the uid -1 is not in the range")
def uid_negative():
    return archive(header(b"x", uid_raw=base256(-1, 8)))


@case("the gid 4294967295 is not in the range")
def gid_none():
    return archive(pax([(b"gid", b"4294967295")]), file(b"x"))


@case("the uid 99999999999 is not in the range")
def uid_huge():
    return archive(pax([(b"uid", b"99999999999")]), file(b"x"))


@case("is not understood")
def uid_no_number():
    return archive(pax([(b"uid", b"0x0")]), file(b"x"))


@case("is not understood")
def mtime_no_number():
    return archive(pax([(b"mtime", b"1e9")]), file(b"x"))


@case("-")
def mtime_far():
    return archive(KEPT, header(b"old", mtime_raw=base256(-(1 << 40), 12)), pax([(b"mtime", b"9223372036854775806.5")]), file(b"new"))


# ---- the commands ----


def main():
    if sys.argv[1:] == ["list"]:
        for name, (_, message, _) in CASES.items():
            print(f"{name}\t{message}")
    elif len(sys.argv) >= 3 and sys.argv[1] == "write":
        for name in sys.argv[3:] or CASES:
            function, _, suffix = CASES[name]
            with open(os.path.join(sys.argv[2], f"{name}.{suffix}"), "wb") as out:
                out.write(function())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
