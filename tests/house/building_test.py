#!/usr/bin/env python3
"""Builds a program by a block of docs/building.md, as the page has it.

Usage: building_test.py <way> <project folder> <scratch folder> <version> <single header>
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

way, version = sys.argv[1], sys.argv[4]
project, scratch, single = map(pathlib.Path, (*sys.argv[2:4], sys.argv[5]))
app, prefix, build = scratch / "app", scratch / "prefix", scratch / "build"
TOOLS = {"cmake": ["cmake"], "subdirectory": ["cmake"], "meson": ["meson", "ninja"], "pkgconfig": ["pkg-config", "meson"],
         "make": ["make", "pkg-config"]}  # fmt: skip
for tool in TOOLS[way]:
    if not shutil.which(tool):
        print(f"{tool} is not there")
        sys.exit(77)


def run(*command, **how):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **how)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


page = (project / "docs" / "building.md").read_text(encoding="utf-8")
blocks = {m[1]: (m[2], m[3]) for m in re.finditer(r"<!-- tested: (\w+) (\S+) -->\n```\w+\n(.*?)```", page, re.S)}
if set(blocks) != set(TOOLS):
    sys.exit(f"docs/building.md has blocks for {sorted(blocks)}, the test knows {sorted(TOOLS)}")
name, text = blocks[way]

shutil.rmtree(scratch, ignore_errors=True)
app.mkdir(parents=True)
(app / name).write_text(text)
header = "amq/amq.hpp" if way == "make" else "amq/config.hpp"
(app / "main.cpp").write_text(f'#include <{header}>\n#include <cstdio>\nint main() {{ std::puts(AMQ_VERSION); }}\n')
if way == "pkgconfig":
    run("meson", "setup", scratch / "amq", project, f"--prefix={prefix}")
    run("meson", "install", "-C", scratch / "amq", "--quiet")
elif way == "cmake":
    run("cmake", "-S", project, "-B", scratch / "amq", f"-DCMAKE_INSTALL_PREFIX={prefix}")
    run("cmake", "--install", scratch / "amq")
for needs, at in (("subdirectory", "extern"), ("meson", "subprojects")):
    if way == needs:
        (app / at).mkdir()
        (app / at / "amq").symlink_to(project.resolve())
if way in ("cmake", "subdirectory"):
    run("cmake", "-S", app, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
elif way == "meson":
    run("meson", "setup", build, app)
    run("ninja", "-C", build, "--quiet")
else:
    build = app
    if way == "make":
        (app / "amq").mkdir()
        shutil.copy(single, app / "amq" / "amq.hpp")
    env = os.environ | {"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")} if way == "pkgconfig" else None
    run(*(["make"] if way == "make" else ["sh", "-e", name]), cwd=app, env=env)
said = run(build / "app").strip()
if said != version:
    sys.exit(f"the program said {said!r}, not {version!r}")
print(said)
