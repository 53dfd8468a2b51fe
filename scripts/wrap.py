#!/usr/bin/env python3
"""Writes the wrap of a release, for WrapDB or a user's subprojects/: its text with version, place and checksum.

    python3 scripts/wrap.py amq-0.2.0.tar.xz https://.../amq-0.2.0.tar.xz > amq.wrap
"""
import hashlib
import pathlib
import re
import sys

if len(sys.argv) != 3:
    sys.exit(__doc__)
tarball, url = pathlib.Path(sys.argv[1]), sys.argv[2]
version = re.fullmatch(r"amq-([\d.]+)\.tar\.xz", tarball.name)
if not version:
    sys.exit(f"wrap.py: expected amq-VERSION.tar.xz, as `meson dist` names it, found {tarball.name}")
text = (pathlib.Path(__file__).resolve().parents[1] / "packaging/meson/amq.wrap.in").read_text(encoding="utf-8")
for name, value in (("VERSION", version[1]), ("URL", url), ("SHA256", hashlib.sha256(tarball.read_bytes()).hexdigest())):
    text = text.replace(f"@{name}@", value)
print(text, end="")
