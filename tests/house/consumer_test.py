#!/usr/bin/env python3
"""Builds a stranger's program against amq as he would find it, and runs it.

Usage: consumer_test.py <way> <project folder> <scratch folder> <version>
Ways: cmake, cmake_install (by CMake alone), add_subdirectory, fetch_content, pkgconfig, subproject.
"""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from headers import PACKAGES, headers

way, version = sys.argv[1], sys.argv[4]
project, scratch = map(pathlib.Path, sys.argv[2:4])
program = project / "tests" / "house" / "consumer" / "main.cpp"
prefix, app, build = scratch / "prefix", scratch / "app", scratch / "build"

# How CMake is told of amq, by way.
INSTALLED = """find_package(amq {version} REQUIRED)
find_package(amq {version} REQUIRED)  # a second search, by another library of his, is harmless
"""
FOUND = {
    "cmake": INSTALLED,
    "cmake_install": INSTALLED,
    "add_subdirectory": 'add_subdirectory("{project}" amq)\n',
    "fetch_content": """include(FetchContent)
FetchContent_Declare(amq SOURCE_DIR "{project}")
FetchContent_MakeAvailable(amq)
""",
}
CMAKE = """cmake_minimum_required(VERSION 3.16)
project(stranger CXX)
{found}add_executable(stranger main.cpp)
target_link_libraries(stranger PRIVATE amq::amq amq::lab)
install(TARGETS stranger)
"""
MESON = """project('stranger', 'cpp', default_options: ['cpp_std=c++20'])
amq = dependency('amq', version: '>={version}', fallback: 'amq')
executable('stranger', 'main.cpp', dependencies: amq)
"""


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            print(f"{tool} is not there")
            sys.exit(77)


def run(*command, env=None):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def install():
    run("meson", "setup", scratch / "amq", project, f"--prefix={prefix}")
    run("meson", "install", "-C", scratch / "amq", "--quiet")
    made = [path.name for path in (scratch / "amq").rglob("*") if path.suffix in (".o", ".a", ".so")]
    if made:
        sys.exit(f"installing headers compiled {made}")
    all_there()


def all_there():
    there, here = ({f"{package}/{header}" for package in PACKAGES for header in headers(root / "include", package)}
                   for root in (project, prefix))
    gone = there ^ here
    if gone:
        sys.exit(f"not installed: {sorted(gone)}")


need("meson", "ninja") if way in ("cmake", "pkgconfig", "subproject") else need("cmake")
shutil.rmtree(scratch, ignore_errors=True)
app.mkdir(parents=True)
shutil.copy(program, app)
if way in FOUND:
    need("cmake")
    if way == "cmake":
        install()
    elif way == "cmake_install":
        run("cmake", "-S", project, "-B", scratch / "amq", f"-DCMAKE_INSTALL_PREFIX={prefix}")
        run("cmake", "--install", scratch / "amq")
        all_there()
    found = FOUND[way].format(version=version, project=project.resolve())
    (app / "CMakeLists.txt").write_text(CMAKE.format(found=found))
    run("cmake", "-S", app, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_INSTALL_PREFIX={scratch / 'own'}")
    run("cmake", "--build", build)
    run("cmake", "--install", build)
    refused = subprocess.run(["cmake", "-S", app, "-B", scratch / "refused", f"-DCMAKE_PREFIX_PATH={prefix}",
                              "-DCMAKE_DISABLE_FIND_PACKAGE_xsimd=ON"], capture_output=True, text=True)
    if refused.returncode == 0 or "amq needs xsimd 8.1" not in " ".join(refused.stderr.split()):
        sys.exit(f"without xsimd CMake says {refused.stderr!r}")
    files = [path.name for path in (scratch / "own").rglob("*") if path.is_file()]
    if files != ["stranger"]:
        sys.exit(f"amq adds to what the stranger installs: {files}")
elif way == "pkgconfig":
    need("pkg-config")
    install()
    flags = run("pkg-config", "--cflags", "--libs", f"amq >= {version}",
                env=os.environ | {"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")}).split()
    build.mkdir()
    run("c++", "-std=c++20", app / "main.cpp", *flags, "-pthread", "-o", build / "stranger")
else:
    (app / "subprojects").mkdir()
    (app / "subprojects" / "amq").symlink_to(project.resolve())
    (app / "meson.build").write_text(MESON.format(version=version))
    run("meson", "setup", build, app)
    inside = [run("meson", "introspect", what, build).strip()
              for what in ("--tests", "--installed")]
    if inside != ["[]", "{}"]:
        sys.exit(f"as a subproject amq adds tests or files to install: {inside}")
    run("ninja", "-C", build, "--quiet")
said = run(build / "stranger")
if said != f"amq {version} sum 8\n":
    sys.exit(f"the program said {said!r}")
print(said, end="")
