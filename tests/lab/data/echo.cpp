/// Reads a file of one format and writes another: what the Python cross-checks talk to.

#include <amq_lab/data/npz.hpp>
#ifdef AMQ_TEST_HDF5
#include <amq_lab/data/hdf5.hpp>
#include <amq_lab/data/mat.hpp>
#endif
#ifdef AMQ_TEST_ZLIB
#include <amq_lab/data/npz_zlib.hpp>
#endif
#include <amq/io/safetensors.hpp>
#include <amq/io/vtu.hpp>
#include <amq_lab/data/vtk_legacy.hpp>
#include <amq_lab/data/vtu.hpp>
#include <amq_lab/draw/png.hpp>

#include <cstdio>
#include <string_view>

namespace {

/// Two cells that share all nodes but one, with fields cross_vtu.py knows.
amq::io::vtu::Grid grid(std::string_view kind) {
  amq::Mesh m;
  m.dim = kind == "triangle" || kind == "quad" ? 2 : 3;
  m.nodes_per_cell = kind == "hexahedron"                                   ? 8
                     : kind == "quad" || kind == "tetra" || kind == "shell" ? 4
                                                                            : 3;
  if (kind == "shell") m.cell_dim = 2;
  const int n = m.nodes_per_cell + 1;
  std::vector<float> f;
  std::vector<double> g, v;
  for (int i = 0; i < n; ++i) {
    for (const int x : {i, i * i, i % 3}) {
      if (m.points.size() < static_cast<std::size_t>((i + 1) * m.dim)) m.points.push_back(0.25 * x);
    }
    for (const int k : {2 * i, 2 * i + 1}) f.push_back(static_cast<float>(k) + 0.5f);
    g.push_back(i / 3.0);
    for (int k = 0; k < m.dim; ++k) v.push_back(i + k);
  }
  for (const int c : {0, 1}) {
    for (int k = 0; k < m.nodes_per_cell; ++k) m.cells.push_back(c + k);
  }
  amq::io::vtu::Grid out(m);
  out.point("float field", f, 2).point("double", g).cell("bits & <more>", std::vector<int>{2, 8});
  return out.point_vectors("velocity", amq::MatrixView<const double>(v.data(), n, m.dim));
}

void series(const std::string& path) {
  amq::io::vtu::Series out(path);
  for (int k = 0; k < 3; ++k) {
    amq::Mesh m;
    m.points = {0, 0, 1, 0, 1, 1, 0, 1};
    m.cells = {0, 1, 2, 0, 2, 3};
    amq::io::vtu::Grid g(m);
    out.add(k / 10.0, g.point("u", std::vector<int>(4, k)));
  }
}

/// Pictures cross_png.py can compute as well.
amq::lab::Image picture(std::string_view kind, int w, int h) {
  amq::lab::Image image(w, h);
  std::uint32_t s = 12345;
  const auto byte = [](auto x) { return static_cast<std::uint8_t>(x & 255); };
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      auto& c = image.at(x, y);
      if (kind == "noise") {
        s = (s * 1103515245u + 12345u) & 0x7fffffffu;
        c = {byte(s >> 8), byte(s >> 16), byte(s >> 20)};
      } else if (kind == "smooth") {
        c = {byte(x * 3 + y), byte(x * y / 7), byte(x + 2 * y)};
      } else {
        c = {byte((x / 8 + y / 8) % 2 ? 255 : 0), 40, 90};
      }
    }
  }
  return image;
}

amq::lab::npz::Arrays read_vtk(const std::string& path) {
#ifdef AMQ_TEST_ZLIB
  constexpr amq::lab::Inflate inflate = &amq::lab::zlib_inflate;
#else
  constexpr amq::lab::Inflate inflate = nullptr;
#endif
  const auto s = path.ends_with(".vtu") ? amq::lab::vtu::read(path, inflate)
                                        : amq::lab::vtk_legacy::read(path);
  amq::lab::npz::Arrays out{{"points", amq::io::Array::of(s.mesh.points)},
                            {"cells", amq::io::Array::of(s.mesh.cells)}};
  for (const auto& [name, values] : s.node) out.emplace("node " + name, amq::io::Array::of(values));
  for (const auto& [name, values] : s.cell) out.emplace("cell " + name, amq::io::Array::of(values));
  return out;
}

#ifdef AMQ_TEST_HDF5
amq::lab::npz::Arrays read_hdf5(const std::string& path) {
  const amq::lab::hdf5::Reader in(path);
  amq::lab::npz::Arrays out;
  for (const auto& name : in.names()) out.emplace(name, in.read(name));
  return out;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::string_view format = argc > 1 ? argv[1] : "";
  try {
    if (format == "npz" && argc == 4)
      amq::lab::npz::write(argv[3], amq::lab::npz::read(argv[2]));
    else if (format == "npy" && argc == 4)
      amq::lab::npy::write(argv[3], amq::lab::npy::read(argv[2]));
    else if (format == "safetensors" && argc == 4)
      amq::io::safetensors::write(argv[3], amq::io::safetensors::read(argv[2]));
#ifdef AMQ_TEST_HDF5
    else if (format == "hdf5" && argc == 4)
      amq::lab::npz::write(argv[3], read_hdf5(argv[2]));
    else if (format == "mat" && argc == 4)
      amq::lab::npz::write(argv[3], amq::lab::mat::read(argv[2], amq::lab::zlib_inflate));
#endif
    else if (format == "vtk" && argc == 4)
      amq::lab::npz::write(argv[3], read_vtk(argv[2]));
    else if (format == "vtu" && argc == 5)
      grid(argv[2]).write(argv[4], argv[3] == std::string_view("raw")
                                       ? amq::io::vtu::Encoding::appended_raw
                                       : amq::io::vtu::Encoding::base64);
    else if (format == "png" && argc == 6)
      amq::lab::png::write(argv[5], picture(argv[2], std::atoi(argv[3]), std::atoi(argv[4])));
    else if (format == "pvd" && argc == 3)
      series(argv[2]);
    else
      return std::fprintf(stderr,
                          "usage: echo npz|npy|safetensors|hdf5|mat|vtk in out, vtu kind encoding "
                          "out, pvd out, "
                          "png kind width height out\n"),
             2;
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
  return 0;
}
