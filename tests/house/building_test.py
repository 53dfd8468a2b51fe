#!/usr/bin/env python3
"""Builds a program by a block of docs/building.md, as the page has it.

Usage: building_test.py <way> <project folder> <scratch folder> <version> <single header>
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

way, version = sys.argv[1], sys.argv[4]
project, scratch, single = map(pathlib.Path, (*sys.argv[2:4], sys.argv[5]))
app, prefix, build = scratch / "app", scratch / "prefix", scratch / "build"
TOOLS = {"cmake": ["cmake"], "subdirectory": ["cmake"], "meson": ["meson", "ninja"], "wrap": ["meson", "ninja"],
         "pkgconfig": ["pkg-config", "meson"], "make": ["make", "pkg-config"], "conan": ["conan", "cmake", "pkg-config"],
         "vcpkg": ["vcpkg", "cmake"]}  # fmt: skip


def run(*command, **how):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **how)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


page = (project / "docs" / "building.md").read_text(encoding="utf-8")
blocks = {m[1]: (m[2], m[3]) for m in re.finditer(r"<!-- tested: (\w+) (\S+) -->\n```\w+\n(.*?)```", page, re.S)}
vcpkg_version = json.loads((project / "packaging/vcpkg/amq/vcpkg.json").read_text(encoding="utf-8"))["version"]
if vcpkg_version != version:
    sys.exit(f"packaging/vcpkg/amq/vcpkg.json says {vcpkg_version}, not {version}")
if set(blocks) != set(TOOLS):
    sys.exit(f"docs/building.md has blocks for {sorted(blocks)}, the test knows {sorted(TOOLS)}")
name, text = blocks[way]
for tool in TOOLS[way]:
    if not shutil.which(tool):
        print(f"{tool} is not there")
        sys.exit(77)

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


def tarball(to):
    """What `meson dist` would pack, as far as a build reads it."""
    with tarfile.open(to, "w:xz", preset=0) as out:
        for part in ("meson.build", "meson_options.txt", "CMakeLists.txt", "LICENSE", "include", "cmake", "src", "scripts"):
            out.add(project / part, f"amq-{version}/{part}")


def installed_version(package):
    """(version, folder of headers) of a system's package."""
    flags = run("pkg-config", "--cflags-only-I", package).split()
    return run("pkg-config", "--modversion", package).strip(), flags[0][2:] if flags else "/usr/include"


def conan(*command, **how):
    return run("conan", *command, env=os.environ | {"CONAN_HOME": str(scratch / "home")}, **how)


STAND_IN = """from conan import ConanFile
class Package(ConanFile):
    name, version, package_type = "{name}", "{version}", "header-library"
    def package_info(self):
        self.cpp_info.includedirs, self.cpp_info.bindirs, self.cpp_info.libdirs = ["{headers}"], [], []
"""
if way == "wrap":
    cache = app / "subprojects" / "packagecache"
    cache.mkdir(parents=True)
    packed = cache / f"amq-{version}.tar.xz"
    tarball(packed)  # found before any network is asked
    wrap = run(sys.executable, project / "scripts" / "wrap.py", packed, f"https://example.invalid/{packed.name}")
    (app / "subprojects" / "amq.wrap").write_text(wrap)
elif way == "conan":
    (app / "CMakeLists.txt").write_text(blocks["cmake"][1])
    conan("profile", "detect")
    profile = scratch / "home" / "profiles" / "default"
    profile.write_text(re.sub(r"compiler.cppstd=.*", "compiler.cppstd=20", profile.read_text()))
    for package, system in (("eigen", "eigen3"), ("xsimd", "xsimd")):  # the system's, so that no server is asked
        found, headers = installed_version(system)
        (scratch / package).mkdir()
        (scratch / package / "conanfile.py").write_text(
            STAND_IN.format(name=package, version=found, headers=headers))
        conan("create", scratch / package, "--no-remote")
    conan("create", project / "packaging" / "conan", "--no-remote")
    conan("install", app, f"--output-folder={build}", "--no-remote")
    run("cmake", "-S", app, "-B", build, f"-DCMAKE_TOOLCHAIN_FILE={build}/conan_toolchain.cmake",
        "-DCMAKE_BUILD_TYPE=Release")  # fmt: skip
    run("cmake", "--build", build)
elif way == "vcpkg":
    (app / "CMakeLists.txt").write_text(blocks["cmake"][1])
    run("vcpkg", "install", f"--overlay-ports={project}/packaging/vcpkg", f"--x-manifest-root={app}",
        f"--x-install-root={prefix}")  # fmt: skip
    triplets = [p for p in prefix.iterdir() if (p / "share" / "amq").exists()]
    run("cmake", "-S", app, "-B", build, f"-DCMAKE_PREFIX_PATH={triplets[0]}")
    run("cmake", "--build", build)
for needs, at in (("subdirectory", "extern"), ("meson", "subprojects")):
    if way == needs:
        (app / at).mkdir()
        (app / at / "amq").symlink_to(project.resolve())
if way in ("cmake", "subdirectory"):
    run("cmake", "-S", app, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
elif way in ("meson", "wrap"):
    run("meson", "setup", build, app)
    run("ninja", "-C", build, "--quiet")
elif way in ("pkgconfig", "make"):
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
