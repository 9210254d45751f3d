"""Makes the AppImages in `seeds/appimage` of the file systems in `../tests/data`: `python3 make.py`."""

from pathlib import Path

HERE = Path(__file__).parent

# A 64-bit ELF head for x86-64 (18) with the mark of type 2 (8), whose table of sections (0x28) is where it ends.
head = bytearray(64)
head[:11] = b"\x7fELF\x02\x01\x01\0AI\x02"
head[18], head[0x28] = 62, 64
for name in ("gzip", "xz", "zstd"):
    system = (HERE.parent / "tests/data" / f"{name}.squashfs").read_bytes()
    (HERE / "seeds/appimage" / f"{name}.AppImage").write_bytes(bytes(head) + system)
