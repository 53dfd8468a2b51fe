#include "targets.hpp"

#include <amq/arithmetic/quantizers.hpp>
#include <amq/io/json.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/io/state_dict.hpp>
#include <amq/mesh/validate.hpp>
#include <amq_lab/data/gmsh.hpp>
#include <amq_lab/data/grid_set.hpp>
#include <amq_lab/data/mat.hpp>
#include <amq_lab/data/mesh_graph_nets.hpp>
#include <amq_lab/data/mesh_set.hpp>
#include <amq_lab/data/npz_zlib.hpp>
#include <amq_lab/data/tfrecord.hpp>
#include <amq_lab/data/vtk_legacy.hpp>
#include <amq_lab/data/vtu.hpp>

#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

using namespace amq;
using namespace amq::lab;

namespace fuzz {

File::File(std::span<const std::byte> bytes, const char* name) {
  descriptor_ = ::memfd_create(name, 0);
  std::size_t done = 0;
  while (descriptor_ >= 0 && done < bytes.size()) {
    const auto n = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (n <= 0) std::abort();
    done += static_cast<std::size_t>(n);
  }
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}
File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

namespace {

/// What was read is looked at as its users do.
void use(const Array& a) {
  if (is_complex(a.dtype)) return use(a.real_pairs());
  static_cast<void>(finite<float>(a, "input"));
  static_cast<void>(a.as<std::int32_t>("input"));
}
void use(const npz::Arrays& arrays) {
  for (const auto& [name, a] : arrays) {
    try {
      use(a);
    } catch (const Error&) {
      continue;
    }
  }
}
void use(const Mesh& mesh) {
  validate(mesh);
  static_cast<void>(cell_edges(mesh));
}

void json_text(std::span<const std::byte> b) {
  static_cast<void>(json::parse(as_text(b), "input"));
}
void npy_file(std::span<const std::byte> b) {
  use(npy::decode({b.begin(), b.end()}, "input"));
}
void npz_file(std::span<const std::byte> b) {
  use(npz::read(File(b).path(), zlib_inflate));
}
void mat_file(std::span<const std::byte> b) {
  use(mat::read(File(b).path(), zlib_inflate));
}
void gmsh_file(std::span<const std::byte> b) {
  GmshFile file = parse_gmsh(b);
  for (const auto& [key, name] : file.names) {
    try {
      static_cast<void>(mark_facets(file, name, NodeType::wall));
    } catch (const Error&) {
      continue;
    }
  }
  use(file.mesh);
}
void vtk_file(std::span<const std::byte> b) {
  use(vtk_legacy::read(File(b).path()).mesh);
}
void vtu_file(std::span<const std::byte> b) {
  use(vtu::read(File(b).path(), zlib_inflate).mesh);
}
void tfrecord_file(std::span<const std::byte> b) {
  const File file(b);
  tfrecord::Reader in(file.path());
  while (const auto record = in.next())
    static_cast<void>(tfrecord::bytes_features(*record, "input"));
}
/// Past the checksums, which no mutation hits.
void tfrecord_example(std::span<const std::byte> b) {
  static_cast<void>(tfrecord::bytes_features(b, "input"));
}
void mesh_graph_nets_meta(std::span<const std::byte> b) {
  const File meta(b), records(std::span<const std::byte>{});
  mesh_graph_nets::Reader in(meta.path(), records.path());
  static_cast<void>(in.next());
}
void mesh_shard(std::span<const std::byte> b) {
  for (const auto& s : read_mesh_shard(File(b).path()).samples) use(s.mesh);
}
void grid_set(std::span<const std::byte> b) {
  static_cast<void>(read_grid_set(File(b).path()));
}
void safetensors_file(std::span<const std::byte> b) {
  for (const auto& [name, a] : safetensors::read(File(b).path()).tensors) {
    try {
      use(a);
    } catch (const Error&) {
      continue;
    }
  }
}
void state_dict(std::span<const std::byte> b) {
  ParameterLayout layout;
  const auto weight = layout.add("fc0.weight", {4, 3}, Init::fan_in(3));
  const auto bias = layout.add("fc0.bias", {4}, Init::fan_in(3), Role::vector);
  static_cast<void>(layout.add_weight("fc0", {{weight, 0, 3, bias}}));
  Parameters p;
  initialize(layout, p, 1);
  load_state_dict(safetensors::read(File(b).path()), layout, p);
}

}  // namespace

const Target targets[] = {{"json", json_text},
                          {"npy", npy_file},
                          {"npz", npz_file},
                          {"mat", mat_file},
                          {"gmsh", gmsh_file},
                          {"vtk", vtk_file},
                          {"vtu", vtu_file},
                          {"tfrecord", tfrecord_file},
                          {"tfrecord_example", tfrecord_example},
                          {"mesh_graph_nets_meta", mesh_graph_nets_meta},
                          {"mesh_shard", mesh_shard},
                          {"grid_set", grid_set},
                          {"safetensors", safetensors_file},
                          {"state_dict", state_dict},
                          {"checkpoint", checkpoint},
                          {"qtensor", qtensor},
                          {"model", model},
                          {nullptr, nullptr}};

}  // namespace fuzz
