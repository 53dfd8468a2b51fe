"""Python's zlib, and PIL where it is installed, judge our PNG files."""
import struct
import subprocess
import sys
import tempfile
import zlib


def decode(path):
    """A PNG reader of RGB8 by the specification."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        (n,) = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + n]
        assert struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            w, h = struct.unpack(">II", body[:8])
            assert body[8:] == b"\x08\x02\x00\x00\x00"
        packed += body if kind == b"IDAT" else b""
        at += 12 + n
    assert kind == b"IEND"
    raw, rows, above = zlib.decompress(packed), [], bytes(3 * w)
    assert len(raw) == h * (3 * w + 1)
    for y in range(h):
        kind, line = raw[y * (3 * w + 1)], bytearray(raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)])
        for k in range(3 * w):
            a, b, c = line[k - 3] if k >= 3 else 0, above[k], above[k - 3] if k >= 3 else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[k] = (line[k] + [0, a, b, (a + b) // 2, paeth][kind]) & 255
        rows.append(bytes(line))
        above = line
    return w, h, b"".join(rows)


def expected(kind, w, h):
    """The pictures the echo program draws."""
    out, s = bytearray(), 12345
    for y in range(h):
        for x in range(w):
            if kind == "noise":
                s = (s * 1103515245 + 12345) & 0x7fffffff
                out += bytes([s >> 8 & 255, s >> 16 & 255, s >> 20 & 255])
            elif kind == "smooth":
                out += bytes([(x * 3 + y) & 255, (x * y // 7) & 255, (x + 2 * y) & 255])
            else:
                out += bytes([255 if (x // 8 + y // 8) % 2 else 0, 40, 90])
    return bytes(out)


with tempfile.TemporaryDirectory() as d:
    for kind in ["noise", "smooth", "checks"]:
        for w, h in [(1, 1), (3, 200), (257, 131)]:
            subprocess.run([sys.argv[1], "png", kind, str(w), str(h), f"{d}/x.png"], check=True)
            assert decode(f"{d}/x.png") == (w, h, expected(kind, w, h)), (kind, w, h)
            try:
                from PIL import Image
                assert Image.open(f"{d}/x.png").tobytes() == expected(kind, w, h)
            except ImportError:
                pass
print("9 pictures agree")
