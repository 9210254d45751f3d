"""Makes the images in this folder: `python3 make.py` on Debian with xorriso and squashfs-tools.

Everything in them is made up here. HFS+ is written by xorriso and squashfs by mksquashfs; APFS, which nothing on Linux
writes, by `apfs` below after Apple's reference. 7-Zip unpacks the images with HFS+, the crate apfs 0.4 that with APFS.
"""

import bz2, lzma, os, plistlib, shutil, struct, subprocess, tempfile, zlib
from pathlib import Path

HERE = Path(__file__).parent
FILES = 300


def png(width, height, colour):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def noise(size):
    state, out = 1, bytearray()
    while len(out) < size:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 16 & 0xFF)
    return bytes(out)


def executable():
    """An arm64 Mach-O head with a signature by team ABCDE12345 behind some hundred kilobytes."""
    blob = lambda magic, body: struct.pack(">II", magic, len(body) + 8) + body
    directory = struct.pack(">11I", 0x20200, 0x10000, 0, 52, 0, 0, 0, 0, 0, 0, 65) + b"com.acme.app\0ABCDE12345\0"
    blobs = [(0, blob(0xFADE0C02, directory)), (0x10000, blob(0xFADE0B01, b"x"))]
    index, at = struct.pack(">I", 2), 28
    for slot, body in blobs:
        index, at = index + struct.pack(">II", slot, at), at + len(body)
    signature = blob(0xFADE0CC0, index + b"".join(body for _, body in blobs))
    offset = 300_000
    commands = struct.pack("<6I", 0x32, 24, 1, 11 << 16, 0, 0) + struct.pack("<4I", 0x1D, 16, offset, len(signature))
    head = struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 2, 2, 40, 0, 0) + commands + noise(2000)
    return head.ljust(offset, b"\0") + signature


def app():
    """Path and bytes of each file."""
    info = dict(CFBundleIdentifier="com.acme.app", CFBundleShortVersionString="2.4", CFBundleVersion="210",
                CFBundleName="Acme", CFBundleExecutable="Acme", CFBundleIconFile="Acme", LSMinimumSystemVersion="11.0")
    picture = png(128, 128, (200, 80, 40))
    element = b"ic07" + struct.pack(">I", len(picture) + 8) + picture
    files = {
        "Contents/Info.plist": plistlib.dumps(info),
        "Contents/MacOS/Acme": executable(),
        "Contents/Resources/Acme.icns": b"icns" + struct.pack(">I", len(element) + 8) + element,
        "Contents/CodeResources": b"s8ch",
    }
    files |= {f"Contents/Resources/text of some kind {n:03}.txt": b"%d" % n for n in range(FILES)}
    return {"Acme.app/" + path: data for path, data in files.items()}


def hfs_plus(folder):
    image = folder / "hybrid.iso"
    for path, data in app().items():
        (folder / "disk" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "disk" / path).write_bytes(data)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-hfsplus", "-V", "Acme", "-o", image, folder / "disk"],
                   check=True)
    disk = image.read_bytes()
    for at in range(512, 64 * 512, 512):
        if disk[at:at + 2] == b"PM" and disk[at + 48:].startswith(b"Apple_HFS"):
            start, count = struct.unpack(">II", disk[at + 8:at + 16])
            return disk[start * 512:(start + count) * 512]


BLOCK = 4096


def checksummed(block):
    """Fletcher 64, as APFS has it."""
    block = block.ljust(BLOCK, b"\0")
    low = high = 0
    for word in struct.unpack("<1022I", block[8:]):
        low = (low + word) % 0xFFFFFFFF
        high = (high + low) % 0xFFFFFFFF
    first = 0xFFFFFFFF - (low + high) % 0xFFFFFFFF
    second = 0xFFFFFFFF - (low + first) % 0xFFFFFFFF
    return struct.pack("<II", first, second) + block[8:]


def header(oid, kind, subtype=0):
    return struct.pack("<QQQII", 0, oid, 1, kind, subtype)


def node(oid, kind, subtype, records, level, root, count=0):
    """A B-tree node; fixed sizes of keys and values for object maps (subtype 11)."""
    fixed = subtype == 11
    flags = (1 if root else 0) | (2 if level == 0 else 0) | (4 if fixed else 0)
    table, keys, values = b"", b"", b""
    for key, value in records:
        values = value + values
        if fixed:
            table += struct.pack("<HH", len(keys), len(values))
        else:
            table += struct.pack("<HHHH", len(keys), len(key), len(values), len(value))
        keys += key
    end = BLOCK - (40 if root else 0)
    free = end - 56 - len(table) - len(keys) - len(values)
    assert free >= 0, free
    head = header(oid, kind, subtype) + struct.pack("<HHI", flags, level, len(records))
    head += struct.pack("<HHHHHHHH", 0, len(table), len(keys), free, 0xFFFF, 0, 0xFFFF, 0)
    body = head + table + keys + b"\0" * free + values
    if root:
        sizes = (16, 16) if fixed else (0, 0)
        body += struct.pack("<IIIIIIQQ", 0, BLOCK, *sizes, 64, 300, count or len(records), 8)
    return checksummed(body)


def apfs():
    blocks = {}
    records, data_block, tree_oid, next_inode = [], 200, 1028, 16
    key = lambda object_id, kind: struct.pack("<Q", object_id | kind << 60)

    def inode(number, parent, mode, data=None):
        nonlocal data_block
        value = struct.pack("<QQQQQQQiIIIIIHHQ", parent, number, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, mode, 0, 0)
        if data is None:
            value += b""
        else:
            stream = struct.pack("<QQQQQ", len(data), -(-len(data) // BLOCK) * BLOCK, 0, 0, 0)
            value += struct.pack("<HHBBH", 1, len(stream), 8, 0x20, len(stream)) + stream
            if data:
                length = -(-len(data) // BLOCK) * BLOCK
                records.append((key(number, 8) + struct.pack("<Q", 0), struct.pack("<QQQ", length, data_block, 0)))
                for at in range(0, len(data), BLOCK):
                    blocks[data_block] = data[at:at + BLOCK].ljust(BLOCK, b"\0")
                    data_block += 1
        records.append((key(number, 3), value))

    def name(parent, text, number, kind):
        raw = text.encode() + b"\0"
        records.append((key(parent, 9) + struct.pack("<I", len(raw)) + raw, struct.pack("<QQH", number, 1, kind)))

    inode(2, 1, 0o40755)
    folders = {"": 2}
    for path, data in app().items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above, folder = "/".join(parts[:depth - 1]), "/".join(parts[:depth])
            if folder not in folders:
                folders[folder] = next_inode
                name(folders[above], parts[depth - 1], next_inode, 4)
                inode(next_inode, folders[above], 0o40755)
                next_inode += 1
        parent = folders["/".join(parts[:-1])]
        name(parent, parts[-1], next_inode, 8)
        inode(next_inode, parent, 0o100644, data)
        next_inode += 1

    order = lambda record: ((w := struct.unpack("<Q", record[0][:8])[0]) & (1 << 60) - 1, w >> 60, record[0][8:])
    records.sort(key=order)
    leaves, leaf, used = [], [], 0
    for record in records:
        size = 8 + len(record[0]) + len(record[1])
        if used + size > BLOCK - 56:
            leaves.append(leaf)
            leaf, used = [], 0
        leaf.append(record)
        used += size
    leaves.append(leaf)
    mapping, block = {}, 20
    for index, leaf in enumerate(leaves):
        oid = tree_oid + 1 + index
        blocks[block] = node(oid, 3, 14, leaf, 0, False)
        mapping[oid], block = block, block + 1
    assert block < 200
    children = [(leaf[0][0], struct.pack("<Q", tree_oid + 1 + index)) for index, leaf in enumerate(leaves)]
    blocks[10] = node(tree_oid, 2, 14, children, 1, True, len(records))
    mapping[tree_oid] = 10

    def object_map(at, kind, mapped):
        blocks[at] = checksummed(header(at, 0x4000000B) + struct.pack("<IIIIQQQQQ", 1, 0, 0x40000002, 0x40000002, at + 1, 0, 0, 0, 0))
        pairs = [(struct.pack("<QQ", oid, 1), struct.pack("<IIQ", 0, BLOCK, to)) for oid, to in sorted(mapped.items())]
        blocks[at + 1] = node(at + 1, 0x40000002, 11, pairs, 0, True)

    object_map(6, 11, mapping)
    object_map(4, 11, {1026: 8})
    volume = header(1026, 13) + b"APSB" + struct.pack("<IQQQQQQQ", 0, 0, 0, 1, 0, 0, 0, 0)
    volume = volume.ljust(116, b"\0") + struct.pack("<IIIQQ", 2, 0x40000002, 0x40000002, 6, tree_oid)
    volume = volume.ljust(264, b"\0") + struct.pack("<Q", 1)
    volume = volume.ljust(704, b"\0") + b"Acme\0"
    blocks[8] = checksummed(volume)
    total = data_block + 1
    container = header(1, 0x80000001) + b"NXSB" + struct.pack("<IQQQQ", BLOCK, total, 0, 0, 2) + b"\7" * 16
    container += struct.pack("<QQIIQQIIIIIIQQQII", 2000, 2, 2, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 1)
    container += struct.pack("<Q", 1026)
    blocks[0] = blocks[2] = checksummed(container)
    return b"".join(blocks.get(number, b"\0" * BLOCK) for number in range(total))


def dmg(disk, kind, pack, system="Apple_HFS", run=64 * 1024):
    """The disk as an image with one partition, each run packed."""
    data, runs = b"", b""
    disk = disk.ljust(-(-len(disk) // 512) * 512, b"\0")
    for at in range(0, len(disk), run):
        piece = disk[at:at + run]
        place = struct.pack(">QQ", at // 512, len(piece) // 512)
        if not piece.strip(b"\0"):
            runs += struct.pack(">II", 2, 0) + place + struct.pack(">QQ", len(data), 0)
            continue
        packed = pack(piece)
        runs += struct.pack(">II", kind, 0) + place + struct.pack(">QQ", len(data), len(packed))
        data += packed
    runs += struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, len(disk) // 512, 0, len(data), 0)
    mish = b"mish" + struct.pack(">IQQQI", 1, 0, len(disk) // 512, 0, 2056)
    mish = mish.ljust(200, b"\0") + struct.pack(">I", len(runs) // 40) + runs
    entry = dict(Attributes="0x0050", CFName="disk image", Data=mish, ID="0", Name=f"disk image ({system} : 1)")
    listed = plistlib.dumps({"resource-fork": {"blkx": [entry]}})
    koly = b"koly" + struct.pack(">IIIQQQ", 4, 512, 1, 0, 0, len(data))
    koly = koly.ljust(216, b"\0") + struct.pack(">QQ", len(data), len(listed))
    koly = koly.ljust(488, b"\0") + struct.pack(">IQ", 1, len(disk) // 512)
    return data + listed + koly.ljust(512, b"\0")


def squashfs(folder, name, options):
    files = {
        "acme.desktop": b"[Desktop Entry]\nType=Application\nName=Acme\nComment=Does it all\nIcon=acme\nExec=acme\n"
                        b"X-AppImage-Version=2.4\n",
        "usr/share/icons/hicolor/128x128/apps/acme.png": png(128, 128, (200, 80, 40)),
        "usr/bin/acme": noise(2000).ljust(300_000, b"\0"),
    }
    files |= {f"usr/share/acme/text of some kind {n:03}.txt": b"%d" % n for n in range(FILES)}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    os.symlink("usr/share/icons/hicolor/128x128/apps/acme.png", folder / "acme.png")
    os.symlink("acme.png", folder / ".DirIcon")
    os.symlink("usr/bin/acme", folder / "AppRun")
    target = HERE / name
    target.unlink(missing_ok=True)
    subprocess.run(["mksquashfs", folder, target, "-quiet", "-no-progress", "-root-owned", "-noappend", "-mkfs-time", "0",
                    "-all-time", "0", "-b", "64K", *options], check=True, stdout=subprocess.DEVNULL)


def main():
    with tempfile.TemporaryDirectory() as above:
        disk = hfs_plus(Path(above))
    (HERE / "hfs-zlib.dmg").write_bytes(dmg(disk, 0x80000005, lambda piece: zlib.compress(piece, 9)))
    (HERE / "hfs-bzip2.dmg").write_bytes(dmg(disk, 0x80000006, bz2.compress))
    (HERE / "hfs-lzma.dmg").write_bytes(dmg(disk, 0x80000008, lambda piece: lzma.compress(piece, check=lzma.CHECK_CRC32)))
    (HERE / "apfs-zlib.dmg").write_bytes(dmg(apfs(), 0x80000005, lambda piece: zlib.compress(piece, 9), "Apple_APFS"))
    for name, options in [("gzip", []), ("xz", []), ("zstd", [])]:
        with tempfile.TemporaryDirectory() as above:
            squashfs(Path(above), f"{name}.squashfs", ["-comp", name, *options])


main()
