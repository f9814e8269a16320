#!/usr/bin/env python3
"""Draws keystow.ico: a product key that lies in a closed chest with a bowed lid.

Run it in this folder after a change of the drawing; it needs Python alone. `--png FOLDER` also writes each size as a
picture to look at. All lengths are in sixteenths of the icon, so that every edge falls on a pixel at 16 pixels.
"""

import struct
import sys
import zlib
from pathlib import Path

SIZES = [16, 24, 32, 48, 64, 256]
LID, SEAM, BODY, GOLD = (74, 155, 224), (14, 58, 102), (31, 107, 179), (255, 211, 90)


def colour(x, y):
    """The colour at a place, or None outside."""
    if not inside_chest(x, y):
        return None
    if on_key(x, y):
        return GOLD
    if y < 6:
        return LID
    return SEAM if y < 7 else BODY


def inside_chest(x, y):
    if not (1 <= x < 15 and 1 <= y < 15):
        return False
    if y < 6:
        return ((x - 8) / 7) ** 4 + ((6 - y) / 5) ** 2 <= 1
    return y < 13.5 or 2.5 <= x < 13.5 or (min(abs(x - 2.5), abs(x - 13.5))) ** 2 + (y - 13.5) ** 2 <= 1.5**2


def on_key(x, y):
    distance = ((x - 5) ** 2 + (y - 11) ** 2) ** 0.5
    if 1.3 <= distance < 3:
        return True
    shaft = 7.5 <= x < 14 and 10 <= y < 12
    teeth = 12 <= y < 14 and (10 <= x < 11 or 12 <= x < 14) and not (x < 11 and y >= 13.5)
    return shaft or teeth


def draw(size):
    """Rows of RGBA pixels, each the mean of many places in it."""
    fine = 4 if size > 64 else 8
    rows = []
    for py in range(size):
        row = bytearray()
        for px in range(size):
            places = [((px + (i + 0.5) / fine) * 16 / size, (py + (j + 0.5) / fine) * 16 / size)
                      for j in range(fine) for i in range(fine)]
            seen = [c for c in (colour(x, y) for x, y in places) if c]
            mean = [round(sum(part) / len(seen)) for part in zip(*seen)] if seen else [0, 0, 0]
            row += bytes([*mean, round(255 * len(seen) / len(places))])
        rows.append(bytes(row))
    return rows


def png(size, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bitmap(size, rows):
    """The form that every Windows reads: bottom row first, blue first, and an empty mask behind."""
    def bgra(row):
        return b"".join(bytes([row[i + 2], row[i + 1], row[i], row[i + 3]]) for i in range(0, len(row), 4))

    mask = b"\0" * ((size + 31) // 32 * 4 * size)
    header = struct.pack("<IiiHHIIiiII", 40, size, 2 * size, 1, 32, 0, 4 * size * size + len(mask), 0, 0, 0, 0)
    return header + b"".join(bgra(row) for row in reversed(rows)) + mask


def main():
    drawn = {size: draw(size) for size in SIZES}
    images = [png(size, rows) if size == 256 else bitmap(size, rows) for size, rows in drawn.items()]
    offset = 6 + 16 * len(images)
    icon = struct.pack("<HHH", 0, 1, len(images))
    for size, image in zip(SIZES, images):
        icon += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(image), offset)
        offset += len(image)
    Path(__file__).with_name("keystow.ico").write_bytes(icon + b"".join(images))
    if sys.argv[1:2] == ["--png"]:
        for size, rows in drawn.items():
            (Path(sys.argv[2]) / f"keystow-{size}.png").write_bytes(png(size, rows))


main()
