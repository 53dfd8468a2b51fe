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

using namespace amq;
using namespace amq::lab;

namespace fuzz {

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

}  // namespace

void target_json(std::span<const std::byte> b) {
  static_cast<void>(json::parse(as_text(b), "input"));
}
void target_npy(std::span<const std::byte> b) {
  use(npy::decode({b.begin(), b.end()}, "input"));
}
void target_npz(std::span<const std::byte> b) {
  use(npz::read(File(b).path(), zlib_inflate));
}
void target_mat(std::span<const std::byte> b) {
  use(mat::read(File(b).path(), zlib_inflate));
}
void target_gmsh(std::span<const std::byte> b) {
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
void target_vtk(std::span<const std::byte> b) {
  use(vtk_legacy::read(File(b).path()).mesh);
}
void target_vtu(std::span<const std::byte> b) {
  use(vtu::read(File(b).path(), zlib_inflate).mesh);
}
void target_tfrecord(std::span<const std::byte> b) {
  const File file(b);
  tfrecord::Reader in(file.path());
  while (const auto record = in.next())
    static_cast<void>(tfrecord::bytes_features(*record, "input"));
}
/// Past the checksums, which no mutation hits.
void target_tfrecord_example(std::span<const std::byte> b) {
  static_cast<void>(tfrecord::bytes_features(b, "input"));
}
void target_mesh_graph_nets_meta(std::span<const std::byte> b) {
  const File meta(b), records(std::span<const std::byte>{});
  mesh_graph_nets::Reader in(meta.path(), records.path());
  static_cast<void>(in.next());
}
void target_mesh_shard(std::span<const std::byte> b) {
  for (const auto& s : read_mesh_shard(File(b).path()).samples) use(s.mesh);
}
void target_grid_set(std::span<const std::byte> b) {
  static_cast<void>(read_grid_set(File(b).path()));
}
void target_safetensors(std::span<const std::byte> b) {
  for (const auto& [name, a] : safetensors::read(File(b).path()).tensors) {
    try {
      use(a);
    } catch (const Error&) {
      continue;
    }
  }
}
void target_state_dict(std::span<const std::byte> b) {
  ParameterLayout layout;
  const auto weight = layout.add("fc0.weight", {4, 3}, Init::fan_in(3));
  const auto bias = layout.add("fc0.bias", {4}, Init::fan_in(3), Role::vector);
  static_cast<void>(layout.add_weight("fc0", {{weight, 0, 3, bias}}));
  Parameters p;
  initialize(layout, p, 1);
  load_state_dict(safetensors::read(File(b).path()), layout, p);
}

}  // namespace fuzz
