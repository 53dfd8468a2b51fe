"""amq as a Conan 2 package: headers, nothing compiled. `conan create packaging/conan --build=missing`."""
import pathlib
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.layout import basic_layout

ROOT = pathlib.Path(__file__).resolve().parents[2]  # while the recipe lies in the project


class Amq(ConanFile):
    name = "amq"
    description = "Quantized neural PDE solvers on meshes and grids, in integers on a CPU"
    license = "BSD-3-Clause"
    topics = ("header-only", "neural-operators", "quantization", "pde", "simulation")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def set_version(self):
        text = (ROOT / "include" / "amq" / "config.hpp").read_text(encoding="utf-8")
        self.version = self.version or re.search(r'define AMQ_VERSION "(.*)"', text)[1]

    def export_sources(self):
        copy(self, "LICENSE", ROOT, self.export_sources_folder)
        copy(self, "*.hpp", ROOT / "include", pathlib.Path(self.export_sources_folder) / "include")

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4 <6]", transitive_headers=True)
        self.requires("xsimd/[>=8.1]", transitive_headers=True)

    def package_id(self):
        self.info.clear()  # the same for everybody

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, pathlib.Path(self.package_folder) / "licenses")
        copy(self, "*.hpp", pathlib.Path(self.source_folder) / "include", pathlib.Path(self.package_folder) / "include")

    def package_info(self):
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "amq")
        self.cpp_info.set_property("cmake_target_name", "amq::amq")
        self.cpp_info.set_property("pkg_config_name", "amq")
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread", "m"]
