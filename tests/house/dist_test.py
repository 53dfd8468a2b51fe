#!/usr/bin/env python3
"""What `meson dist` packs has the single header, and a wrap can be written of it.

Usage: dist_test.py <project folder> <scratch folder> <version> <single header>
"""
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile

project, scratch, version, single = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4])
if not (project / ".git").exists() or not shutil.which("git") or not shutil.which("meson"):
    print("no git checkout, git or meson: nothing is packed")
    sys.exit(77)


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


shutil.rmtree(scratch, ignore_errors=True)
run("meson", "setup", scratch, project)
run("meson", "dist", "-C", scratch, "--no-tests", "--allow-dirty", "--formats", "xztar")
packed = scratch / "meson-dist" / f"amq-{version}.tar.xz"
with tarfile.open(packed) as t:
    text = t.extractfile(f"amq-{version}/single/amq/amq.hpp").read()
clean = subprocess.run(["git", "-C", project, "diff", "--quiet", "HEAD", "--", "include"], check=False).returncode == 0
if clean and text != single.read_bytes():  # what is packed is the last commit
    sys.exit("the single header of the release is another than that of the build")
wrap = run(sys.executable, project / "scripts" / "wrap.py", packed, "https://example.invalid/a.tar.xz")
for wanted in (f"directory = amq-{version}\n", hashlib.sha256(packed.read_bytes()).hexdigest(), "https://example.invalid/"):
    if wanted not in wrap:
        sys.exit(f"the wrap lacks {wanted!r}:\n{wrap}")
print(len(text), "bytes of single header packed")
