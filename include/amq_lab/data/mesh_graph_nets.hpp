#pragma once
/// @file
/// The data sets of MeshGraphNets (Pfaff et al. 2021): meta.json and one TFRecord per split.
///
///     amq::lab::mesh_graph_nets::Reader in("cylinder_flow/meta.json",
///     "cylinder_flow/train.tfrecord"); while (const auto t = in.next()) train(t->mesh,
///     t->field("velocity"));

#include <amq/io/array.hpp>
#include <amq/io/json.hpp>
#include <amq_lab/data/tfrecord.hpp>
#include <amq_lab/data/trajectory.hpp>

namespace amq::lab::mesh_graph_nets {

/// One trajectory after the other. cells, mesh_pos and node_type make the mesh; every other float
/// field becomes a node field of (frame, node, channel), a static one with the same values in each
/// frame.
class Reader {
 public:
  Reader(const std::string& meta_json, const std::string& tfrecord)
      : meta_(meta_json), in_(tfrecord) {
    const auto meta = json::parse(as_text(read_file(meta_json, 1 << 20)), meta_json);
    n_frames_ = static_cast<Index>(meta.at("trajectory_length", meta_json).as_int(meta_json));
    if (n_frames_ < 1 || n_frames_ > 1'000'000) {
      throw Error(meta_json, "a trajectory_length of 1 to 1000000", std::to_string(n_frames_),
                  "Check the file.");
    }
    if (const auto* dt = meta.find("dt"); dt && dt->is_number()) dt_ = dt->as_double();
    const auto& features = meta.at("features", meta_json);
    for (const auto& name : meta.at("field_names", meta_json).as_list(meta_json)) {
      fields_.push_back(
          field(name.as_string(meta_json), features.at(name.as_string(meta_json), meta_json)));
    }
    // What changes has its frames in the file. Nothing else says that there are so many.
    if (n_frames_ > 1 && std::none_of(fields_.begin(), fields_.end(), [](const Field& f) {
          return f.shape[0] > 1 && is_float(f.dtype);
        })) {
      throw Error(meta_json, "a dynamic field of " + std::to_string(n_frames_) + " frames",
                  "static fields alone", "Set trajectory_length to 1.");
    }
    for (const std::string name : {"cells", "mesh_pos", "node_type"}) {
      if (std::none_of(fields_.begin(), fields_.end(),
                       [&](const Field& f) { return f.name == name; })) {
        throw Error(meta_json, "a field '" + name + "'", "none",
                    "This is no data set of MeshGraphNets.");
      }
    }
  }
  [[nodiscard]] Index n_frames() const noexcept { return n_frames_; }

  /// Nothing at the end of the file. Throws Error naming file, record and field for damage, shapes
  /// that disagree, ids out of range, and NaN.
  [[nodiscard]] std::optional<MeshTrajectory> next() {
    const std::string where = in_.path() + ": record " + std::to_string(in_.n_read());
    const auto record = in_.next();
    if (!record) return std::nullopt;
    const auto features = tfrecord::bytes_features(*record, where);
    MeshTrajectory t;
    t.n_frames = n_frames_;
    t.dt = dt_;
    std::map<std::string, Array> arrays;
    for (const auto& f : fields_) {
      const auto it = features.find(f.name);
      if (it == features.end()) {
        throw Error(where, "a bytes feature '" + f.name + "'", "none",
                    "The meta file describes other records.");
      }
      arrays[f.name] = array(f, it->second, where + ": " + f.name);
    }
    const Array &points = arrays.at("mesh_pos"), &cells = arrays.at("cells"),
                &types = arrays.at("node_type");
    t.mesh.dim = static_cast<int>(points.shape[2]);
    t.mesh.nodes_per_cell = static_cast<int>(cells.shape[2]);
    if ((t.mesh.dim != 2 && t.mesh.dim != 3) ||
        (t.mesh.nodes_per_cell != 3 && t.mesh.nodes_per_cell != 4)) {
      throw Error(where, "2 or 3 coordinates, and 3 or 4 nodes per cell",
                  std::to_string(t.mesh.dim) + " and " + std::to_string(t.mesh.nodes_per_cell),
                  "Check the meta file.");
    }
    amq::lab::detail::keep_changes(finite<double>(points, where + ": mesh_pos"), points.shape[0],
                                   t.mesh.points, t.points);
    amq::lab::detail::keep_changes(cells.as<std::int32_t>(where + ": cells"), cells.shape[0],
                                   t.mesh.cells, t.cells);
    amq::lab::detail::keep_changes(
        amq::lab::detail::node_types(types.as<std::int64_t>(), where + ": node_type"),
        types.shape[0], t.mesh.node_type, t.node_type);
    const Index n = t.mesh.n_nodes();
    amq::lab::detail::require_ids(t.cells.empty() ? t.mesh.cells : t.cells, n, where + ": cells");
    if (static_cast<Index>(t.mesh.node_type.size()) != n) {
      throw Error(where + ": node_type", std::to_string(n) + " nodes, as mesh_pos has",
                  std::to_string(t.mesh.node_type.size()), "The record is damaged.");
    }
    for (auto& [name, a] : arrays) {
      if (name == "cells" || name == "mesh_pos" || name == "node_type" || !is_float(a.dtype))
        continue;
      expect_shape(a, {-1, n, -1}, where + ": " + name);
      auto values = finite<float>(a, where + ": " + name);
      const std::size_t once = values.size();
      constexpr std::size_t most = 64;  // times the record: a mask or a forcing beside the state
      if (a.shape[0] == 1 && n_frames_ > 1 &&
          once > most * record->size() / static_cast<std::size_t>(n_frames_) / sizeof(float))
        throw Error(
            where + ": " + name, "a static field that the record's frames justify",
            std::to_string(once) + " numbers in each of " + std::to_string(n_frames_) + " frames",
            "The meta file describes other records.");
      for (Index k = 1; a.shape[0] == 1 && k < n_frames_; ++k) {
        values.reserve(once * static_cast<std::size_t>(n_frames_));
        values.insert(values.end(), values.begin(), values.begin() + static_cast<Index>(once));
      }
      t.node[name] = std::move(values);
    }
    return t;
  }

 private:
  struct Field {
    std::string name;
    DType dtype;
    Extents shape;  ///< (frame, -1, channel)
  };
  [[nodiscard]] Field field(const std::string& name, const json::Value& v) const {
    const std::string where = meta_ + ": " + name;
    Field f{name, DType::f32, {}};
    const auto& type = v.at("dtype", where).as_string(where);
    if (type == "int32")
      f.dtype = DType::i32;
    else if (type == "int64")
      f.dtype = DType::i64;
    else if (type == "float64")
      f.dtype = DType::f64;
    else if (type != "float32")
      throw Error(where, "int32, int64, float32 or float64", type, "Convert the field.");
    for (const auto& n : v.at("shape", where).as_list(where))
      f.shape.push_back(static_cast<Index>(n.as_int(where)));
    const auto& kind = v.at("type", where).as_string(where);
    const Index frames = kind == "static" ? 1 : kind == "dynamic" ? n_frames_ : -1;
    if (frames < 0 || f.shape.size() != 3 || f.shape[0] != frames || f.shape[2] < 1 ||
        f.shape[2] > 1000) {
      throw Error(where, "a static or dynamic field of (frame, -1, channel)",
                  kind + " " + text_of(f.shape), "Fields of varying length are not read.");
    }
    return f;
  }
  /// The raw little-endian bytes of a feature, the free extent found from their number.
  [[nodiscard]] static Array array(const Field& f, std::span<const std::byte> bytes,
                                   const std::string& where) {
    Array a;
    a.dtype = f.dtype;
    a.shape = f.shape;
    const std::size_t row = static_cast<std::size_t>(f.shape[0] * f.shape[2]) * size_of(f.dtype);
    if (bytes.size() % row != 0) {
      throw Error(where, "a multiple of " + std::to_string(row) + " bytes for " + text_of(f.shape),
                  std::to_string(bytes.size()), "The record is damaged.");
    }
    const auto n = static_cast<Index>(bytes.size() / row);
    if (f.shape[1] >= 0 && f.shape[1] != n) {
      throw Error(where, text_of(f.shape), std::to_string(n) + " rows", "The record is damaged.");
    }
    a.shape[1] = n;
    a.bytes.assign(bytes.begin(), bytes.end());
    return a;
  }

  std::string meta_;
  tfrecord::Reader in_;
  std::vector<Field> fields_;
  Index n_frames_ = 0;
  double dt_ = 0;
};

}  // namespace amq::lab::mesh_graph_nets
