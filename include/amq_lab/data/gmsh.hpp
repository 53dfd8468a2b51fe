#pragma once
/// @file
/// Meshes of gmsh: MSH 2.2 and 4.1, ASCII and binary (gmsh reference manual, sections 10.1 and
/// 10.2). First-order triangles, quads, tetrahedra and hexahedra, with their physical groups.
///
///     auto file = amq::lab::read_gmsh("step.msh");
///     amq::lab::mark_facets(file, "inlet", amq::NodeType::inflow);
///     amq::Graph graph = amq::cell_edges(file.mesh);

#include <amq/core/error.hpp>
#include <amq/io/file.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq/mesh/validate.hpp>
#include <amq_lab/data/gmsh_cursor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace amq::lab {

/// What a .msh file holds of use to us.
struct GmshFile {
  Mesh mesh;  ///< cells of the highest dimension; cell_tag is the physical group, 0 for none
  std::vector<std::int64_t> node_id;    ///< (node) gmsh's number
  int nodes_per_facet = 2;              ///< 2 for lines; 3 or 4 around cells in space
  std::vector<std::int32_t> facets;     ///< (facet, nodes_per_facet) elements one dimension lower
  std::vector<std::int32_t> facet_tag;  ///< (facet) physical group, 0 for none
  std::map<std::pair<int, std::int32_t>, std::string> names;  ///< (dimension, group) -> its name
};

namespace detail {

struct GmshKind {
  int type, dim, nodes;
  const char* name;
};
inline constexpr std::array<GmshKind, 6> gmsh_kinds{{{15, 0, 1, "points"},
                                                     {1, 1, 2, "lines"},
                                                     {2, 2, 3, "triangles"},
                                                     {3, 2, 4, "quads"},
                                                     {4, 3, 4, "tetrahedra"},
                                                     {5, 3, 8, "hexahedra"}}};

/// The elements of one kind, nodes as positions in the list of nodes.
struct GmshElements {
  std::vector<std::int32_t> nodes, tag;
};

class GmshReader {
 public:
  GmshReader(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), in_(path, bytes) {}

  GmshFile read() {
    bool format = false;
    while (!in_.at_end()) {
      const auto w = in_.word();
      if (w.size() < 2 || w[0] != '$')
        in_.fail("a $Section", "'" + std::string(w.substr(0, 20)) + "'");
      in_.section = w.substr(1);
      if (!format && in_.section != "MeshFormat")
        in_.fail("$MeshFormat first", std::string(w.substr(0, 20)));
      if (in_.section == "MeshFormat") {
        read_format();
        format = true;
      } else if (in_.section == "PhysicalNames") {
        read_names();
      } else if (in_.section == "Entities" && version_ == 4) {
        read_entities();
      } else if (in_.section == "Nodes") {
        version_ == 2 ? read_nodes2() : read_nodes4();
      } else if (in_.section == "Elements") {
        version_ == 2 ? read_elements2() : read_elements4();
      } else {
        in_.skip_section();
      }
      in_.expect_end();
    }
    if (!format) in_.fail("a gmsh file, which begins with $MeshFormat", "nothing");
    return assemble();
  }

 private:
  void read_format() {
    const auto version = in_.word();
    if (version == "2.2" || version == "2" || version == "2.1") {
      version_ = 2;
    } else if (version == "4.1") {
      version_ = 4;
    } else {
      in_.fail("MSH 2.2 or 4.1", "version " + std::string(version.substr(0, 20)));
    }
    const int kind = in_.text_number<int>();
    in_.size_bytes = in_.text_number<int>();
    if ((kind != 0 && kind != 1) || (in_.size_bytes != 4 && in_.size_bytes != 8)) {
      in_.fail("file type 0 or 1, and data size 8",
               std::to_string(kind) + " and " + std::to_string(in_.size_bytes));
    }
    if (kind == 1) {
      in_.end_line();
      const auto one = in_.memory_number<std::uint32_t>();
      if (one != 1 && one != 0x01000000u) in_.fail("the number 1 in binary", std::to_string(one));
      in_.swapped = one != 1;
      in_.binary = true;
    }
  }
  void read_names() {
    for (auto n = in_.count(in_.text_number<std::int64_t>(), 6); n > 0; --n) {
      const int dim = in_.text_number<int>();
      const auto tag = in_.text_number<std::int32_t>();
      names_[{dim, tag}] = in_.quoted();
    }
  }
  void read_entities() {
    if (in_.binary) in_.end_line();
    std::array<std::int64_t, 4> n{};
    for (auto& k : n) k = in_.size();
    for (int dim = 0; dim < 4; ++dim) {
      const auto here = in_.count(n[static_cast<std::size_t>(dim)], 8);
      for (std::int64_t e = 0; e < here; ++e) {
        const auto tag = in_.number<std::int32_t>();
        for (int k = 0; k < (dim == 0 ? 3 : 6); ++k) static_cast<void>(in_.number<double>());
        for (auto p = in_.count(in_.size(), 2), first = p; p > 0; --p) {
          const auto physical = in_.number<std::int32_t>();
          if (p == first) group_[{dim, tag}] = std::abs(std::max(physical, -0x7fffffff));
        }
        if (dim == 0) continue;
        for (auto b = in_.count(in_.size(), 2); b > 0; --b) {
          static_cast<void>(in_.number<std::int32_t>());
        }
      }
    }
  }

  void add_node(std::int64_t id) {
    if (!place_.emplace(id, static_cast<std::int32_t>(node_id_.size())).second) {
      in_.fail("every node once", "node " + std::to_string(id) + " twice");
    }
    node_id_.push_back(id);
  }
  void add_point() {
    for (int d = 0; d < 3; ++d) xyz_.push_back(in_.coordinate());
  }
  [[nodiscard]] std::int64_t node_count(std::int64_t n, std::size_t least) {
    if (n > 0x7fffffff) in_.fail("fewer than 2^31 nodes", std::to_string(n));
    return in_.count(n, least);
  }
  void read_nodes2() {
    const auto n = node_count(in_.text_number<std::int64_t>(), in_.binary ? 28 : 7);
    if (in_.binary) in_.end_line();
    for (std::int64_t i = 0; i < n; ++i) {
      add_node(in_.number<std::int32_t>());
      add_point();
    }
  }
  void read_nodes4() {
    if (in_.binary) in_.end_line();
    auto blocks = in_.size();
    for (int k = 0; k < 3; ++k) static_cast<void>(in_.size());
    for (; blocks > 0; --blocks) {
      const int dim = in_.number<std::int32_t>();
      static_cast<void>(in_.number<std::int32_t>());
      const int parametric = in_.number<std::int32_t>();
      if (dim < 0 || dim > 3 || parametric < 0 || parametric > 1) {
        in_.fail("an entity's dimension, and 0 or 1",
                 std::to_string(dim) + " and " + std::to_string(parametric));
      }
      const auto n = node_count(in_.size(), in_.binary ? 28 : 8);
      for (std::int64_t i = 0; i < n; ++i) add_node(in_.size());
      for (std::int64_t i = 0; i < n; ++i) {
        add_point();
        for (int k = 0; k < parametric * dim; ++k) static_cast<void>(in_.number<double>());
      }
    }
  }

  [[nodiscard]] const GmshKind& kind_of(int type) const {
    for (const auto& k : gmsh_kinds) {
      if (k.type == type) return k;
    }
    in_.fail("points, lines, triangles, quads, tetrahedra or hexahedra of first order",
             "element type " + std::to_string(type));
  }
  void add_element_node(GmshElements& e, std::int64_t id) {
    const auto it = place_.find(id);
    if (it == place_.end()) in_.fail("a node of $Nodes", std::to_string(id));
    e.nodes.push_back(it->second);
  }
  void read_elements2() {
    auto left = in_.count(in_.text_number<std::int64_t>(), in_.binary ? 8 : 6);
    if (in_.binary) in_.end_line();
    while (left > 0) {
      std::int64_t n = 1;
      int n_tags = 0;
      if (!in_.binary) static_cast<void>(in_.number<std::int64_t>());
      const auto& kind = kind_of(in_.number<std::int32_t>());
      if (in_.binary) n = in_.number<std::int32_t>();
      n_tags = in_.number<std::int32_t>();
      if (n < 1 || n > left || n_tags < 0 || n_tags > 1000) {
        in_.fail("a block of up to " + std::to_string(left) + " elements with a few tags",
                 std::to_string(n) + " elements, " + std::to_string(n_tags) + " tags");
      }
      auto& e = elements_[static_cast<std::size_t>(&kind - gmsh_kinds.data())];
      for (std::int64_t i = 0; i < n; ++i) {
        if (in_.binary) static_cast<void>(in_.number<std::int32_t>());
        std::int32_t tag = 0;
        for (int t = 0; t < n_tags; ++t) {
          const auto x = in_.number<std::int32_t>();
          if (t == 0) tag = x;
        }
        e.tag.push_back(tag);
        for (int k = 0; k < kind.nodes; ++k) add_element_node(e, in_.number<std::int32_t>());
      }
      left -= n;
    }
  }
  void read_elements4() {
    if (in_.binary) in_.end_line();
    auto blocks = in_.size();
    for (int k = 0; k < 3; ++k) static_cast<void>(in_.size());
    for (; blocks > 0; --blocks) {
      const auto dim = in_.number<std::int32_t>();
      const auto entity = in_.number<std::int32_t>();
      const auto& kind = kind_of(in_.number<std::int32_t>());
      const auto n = in_.count(in_.size(), in_.binary ? 8 : 4);
      const auto group = group_.find({dim, entity});
      auto& e = elements_[static_cast<std::size_t>(&kind - gmsh_kinds.data())];
      for (std::int64_t i = 0; i < n; ++i) {
        static_cast<void>(in_.size());
        e.tag.push_back(group == group_.end() ? 0 : group->second);
        for (int k = 0; k < kind.nodes; ++k) add_element_node(e, in_.size());
      }
    }
  }

  [[nodiscard]] GmshFile assemble() {
    std::size_t cells = gmsh_kinds.size();
    for (std::size_t k = gmsh_kinds.size(); k-- > 1;) {
      if (elements_[k].tag.empty() || gmsh_kinds[k].dim < 2) continue;
      if (cells == gmsh_kinds.size()) {
        cells = k;
      } else if (gmsh_kinds[k].dim == gmsh_kinds[cells].dim) {
        throw Error(path_, "one kind of cell",
                    std::to_string(elements_[k].tag.size()) + " " + gmsh_kinds[k].name + " and " +
                        std::to_string(elements_[cells].tag.size()) + " " + gmsh_kinds[cells].name,
                    "Mesh with triangles or tetrahedra alone, or recombine all.");
      }
    }
    if (cells == gmsh_kinds.size()) {
      throw Error(path_, "triangles, quads, tetrahedra or hexahedra",
                  std::to_string(node_id_.size()) + " nodes and no such cells",
                  "Mesh in 2 or 3 dimensions; where there are physical groups, put the domain "
                  "into one, or gmsh will not save its cells.");
    }
    GmshFile out;
    out.names = std::move(names_);
    auto& mesh = out.mesh;
    mesh.nodes_per_cell = gmsh_kinds[cells].nodes;
    // Nodes of no cell (corners of the geometry, say) are left out.
    std::vector<std::int32_t> to_new(node_id_.size(), -1);
    for (const auto v : elements_[cells].nodes) to_new[static_cast<std::size_t>(v)] = 0;
    bool flat = true;
    double z = 0;
    std::int32_t n = 0;
    for (std::size_t i = 0; i < to_new.size(); ++i) {
      if (to_new[i] < 0) continue;
      if (n == 0) z = xyz_[3 * i + 2];
      flat = flat && xyz_[3 * i + 2] == z;
      to_new[i] = n++;
      out.node_id.push_back(node_id_[i]);
    }
    mesh.dim = flat ? 2 : 3;
    mesh.cell_dim = mesh.dim == 3 && gmsh_kinds[cells].dim == 2 ? 2 : 0;
    if (flat && gmsh_kinds[cells].dim == 3) {
      throw Error(path_, "cells with a volume", std::string(gmsh_kinds[cells].name) + " in a plane",
                  "Check the mesh in gmsh.");
    }
    for (std::size_t i = 0; i < to_new.size(); ++i) {
      for (int d = 0; to_new[i] >= 0 && d < mesh.dim; ++d) {
        mesh.points.push_back(xyz_[3 * i + static_cast<std::size_t>(d)]);
      }
    }
    mesh.cells = std::move(elements_[cells].nodes);
    mesh.cell_tag = std::move(elements_[cells].tag);
    for (auto& v : mesh.cells) v = to_new[static_cast<std::size_t>(v)];
    if (mesh.dim == 2) {
      // gmsh lets a surface face down; we want corners counter-clockwise.
      for (Index c = 0; c < mesh.n_cells(); ++c) {
        auto* v = mesh.cells.data() + c * mesh.nodes_per_cell;
        if (cell_measure(mesh, c) < 0) std::reverse(v + 1, v + mesh.nodes_per_cell);
      }
    }
    mesh.node_type.assign(static_cast<std::size_t>(mesh.n_nodes()), NodeType::normal);
    // Facets: a triangle has lines, a tetrahedron triangles, a hexahedron quads.
    out.nodes_per_facet = gmsh_kinds[cells].dim == 2 ? 2 : mesh.nodes_per_cell == 8 ? 4 : 3;
    const std::size_t facet = gmsh_kinds[cells].dim == 2 ? 1 : mesh.nodes_per_cell == 8 ? 3 : 2;
    const auto& f = elements_[facet];
    const auto width = static_cast<std::size_t>(out.nodes_per_facet);
    for (std::size_t k = 0; k < f.tag.size(); ++k) {
      const auto row = std::span(f.nodes).subspan(k * width, width);
      const auto used = [&](std::int32_t v) { return to_new[static_cast<std::size_t>(v)] >= 0; };
      if (!std::all_of(row.begin(), row.end(), used)) continue;
      for (const auto v : row) out.facets.push_back(to_new[static_cast<std::size_t>(v)]);
      out.facet_tag.push_back(f.tag[k]);
    }
    return out;
  }

  std::string path_;
  GmshCursor in_;
  int version_ = 0;
  std::map<std::pair<int, std::int32_t>, std::string> names_;
  std::map<std::pair<int, std::int32_t>, std::int32_t> group_;  // (dimension, entity) -> group
  std::unordered_map<std::int64_t, std::int32_t> place_;
  std::vector<std::int64_t> node_id_;
  std::vector<double> xyz_;
  std::array<GmshElements, gmsh_kinds.size()> elements_;
};

}  // namespace detail

/// The bytes of a .msh file. @param name  for error messages
[[nodiscard]] inline GmshFile parse_gmsh(std::span<const std::byte> bytes,
                                         const std::string& name = "gmsh") {
  return detail::GmshReader(name, bytes).read();
}

/// Reads the cells of the highest dimension. The mesh is plane where all z agree. Corners of plane
/// cells are turned counter-clockwise; nodes of no cell are left out; all types are normal.
/// @throws Error  naming file, place and section: truncated or damaged files, versions other than
///                2.2 and 4.1, elements of higher order, several kinds of cells, nodes unknown or
///                given twice, coordinates that are not finite
[[nodiscard]] inline GmshFile read_gmsh(const std::string& path) {
  return parse_gmsh(read_file(path), path);
}

/// Gives the nodes of the facets of this physical group a type.
/// @param group  name, or number in digits
/// @return       how many facets there were
/// @throws Error for a group without facets, listing those there are
inline std::size_t mark_facets(GmshFile& file, const std::string& group, NodeType type) {
  const int dim = file.mesh.cell_dimension() - 1;
  std::size_t n = 0;
  std::map<std::string, int> seen;
  const auto width = static_cast<std::size_t>(file.nodes_per_facet);
  for (std::size_t k = 0; k < file.facet_tag.size(); ++k) {
    const auto it = file.names.find({dim, file.facet_tag[k]});
    const auto digits = std::to_string(file.facet_tag[k]);
    const auto& name = it == file.names.end() ? digits : it->second;
    ++seen[name];
    if (group != name && group != digits) continue;
    ++n;
    for (const auto v : std::span(file.facets).subspan(k * width, width)) {
      file.mesh.node_type[static_cast<std::size_t>(v)] = type;
    }
  }
  if (n == 0) {
    std::string all;
    for (const auto& [name, count] : seen) all += (all.empty() ? "" : ", ") + name;
    throw Error("mark_facets", "a physical group '" + group + "' with facets",
                all.empty() ? "no facets at all" : "only: " + all,
                "Define the group in gmsh, one dimension below the cells.");
  }
  return n;
}

}  // namespace amq::lab
