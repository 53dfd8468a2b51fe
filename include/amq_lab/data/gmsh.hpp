#pragma once
/// @file
/// Meshes of gmsh: MSH 2.2 and 4.1, ASCII and binary (gmsh reference manual, sections 10.1 and
/// 10.2). First-order triangles, quads, tetrahedra and hexahedra, with their physical groups.
///
///     auto file = amq::lab::read_gmsh("step.msh");
///     amq::lab::mark_facets(file, "inlet", amq::NodeType::inflow);
///     amq::Graph graph = amq::mesh::cell_edges(file.mesh);

#include <amq/core/error.hpp>
#include <amq/core/float_environment.hpp>
#include <amq/io/file.hpp>
#include <amq/mesh/mesh.hpp>
#include <amq_lab/data/as_read.hpp>
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
  /// Cells of the highest dimension, each once; cell_tag is the lowest of the cell's physical
  /// groups, 0 for none.
  Mesh mesh;
  std::vector<std::int64_t> node_id;    ///< (node) gmsh's number
  int nodes_per_facet = 2;              ///< 2 for lines; 3 or 4 around cells in space
  std::vector<std::int32_t> facets;     ///< (facet, nodes_per_facet) elements one dimension lower
  std::vector<std::int32_t> facet_tag;  ///< (facet) lowest physical group, 0 for none
  /// Group -> its cells or facets, ascending: one may be in several groups.
  std::map<std::int32_t, std::vector<std::int32_t>> cells_of, facets_of;
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

/// The elements of one kind, nodes as positions in the list of nodes, each with a set of groups.
struct GmshElements {
  std::vector<std::int32_t> nodes, groups;

  [[nodiscard]] std::size_t count() const noexcept { return groups.size(); }
};

/// Sets of physical groups, each kept once. Set 0 is empty.
class GmshGroups {
 public:
  using Set = std::vector<std::int32_t>;  // ascending, each once, all positive

  [[nodiscard]] std::int32_t id(Set groups) {
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    std::erase_if(groups, [](std::int32_t g) { return g <= 0; });
    const auto [at, is_new] = ids_.emplace(groups, static_cast<std::int32_t>(sets_.size()));
    if (is_new) sets_.push_back(at->first);
    return at->second;
  }
  [[nodiscard]] std::int32_t both(std::int32_t a, std::int32_t b) {
    if (a == b) return a;
    Set all = (*this)[a];
    all.insert(all.end(), (*this)[b].begin(), (*this)[b].end());
    return id(std::move(all));
  }
  [[nodiscard]] const Set& operator[](std::int32_t k) const {
    return sets_[static_cast<std::size_t>(k)];
  }

 private:
  std::vector<Set> sets_{Set{}};
  std::map<Set, std::int32_t> ids_{{Set{}, 0}};
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
      if (in_.section == "MeshFormat") {
        read_format();
        format = true;
      } else if (in_.section == "PhysicalNames") {
        read_names();
      } else if (!format && (in_.section == "Nodes" || in_.section == "Elements" ||
                             in_.section == "Entities" || in_.section == "ParametricNodes")) {
        in_.fail("$MeshFormat before it", std::string(w.substr(0, 20)));
      } else if (in_.section == "Entities" && version_ == 4) {
        read_entities(false);
      } else if (in_.section == "PartitionedEntities" && version_ == 4) {
        read_entities(true);
      } else if (in_.section == "Nodes") {
        version_ == 2 ? read_nodes2(false) : read_nodes4();
      } else if (in_.section == "ParametricNodes" && version_ == 2) {
        read_nodes2(true);
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
  /// @param partitioned  of $PartitionedEntities: a piece names its parent and its parts
  void read_entities(bool partitioned) {
    if (in_.binary) in_.end_line();
    if (partitioned) {
      static_cast<void>(in_.size());  // parts
      for (auto ghosts = in_.count(in_.size(), 3); ghosts > 0; --ghosts)
        for (int k = 0; k < 2; ++k) static_cast<void>(in_.number<std::int32_t>());
    }
    std::array<std::int64_t, 4> n{};
    for (auto& k : n) k = in_.size();
    for (int dim = 0; dim < 4; ++dim) {
      const auto here = in_.count(n[static_cast<std::size_t>(dim)], 8);
      for (std::int64_t e = 0; e < here; ++e) {
        const auto tag = in_.number<std::int32_t>();
        int of_dim = dim;
        if (partitioned) {
          of_dim = in_.number<std::int32_t>();
          static_cast<void>(in_.number<std::int32_t>());
          for (auto p = in_.count(in_.size(), 2); p > 0; --p)
            static_cast<void>(in_.number<std::int32_t>());
        }
        for (int k = 0; k < (dim == 0 ? 3 : 6); ++k) static_cast<void>(in_.number<double>());
        GmshGroups::Set groups;
        for (auto p = in_.count(in_.size(), 2); p > 0; --p) {
          // Negative: the entity turned round.
          const auto physical = std::max(in_.number<std::int32_t>(), -0x7fffffff);
          groups.push_back(std::abs(physical));
        }
        // What lies between parts belongs to no group, though gmsh says that of the whole it cuts.
        group_[{dim, tag}] = of_dim == dim ? groups_.id(std::move(groups)) : 0;
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
  /// @param parametric  each with the entity it lies on, and where: one number on a curve, two on a
  ///                    surface
  void read_nodes2(bool parametric) {
    const auto n = node_count(in_.text_number<std::int64_t>(), in_.binary ? 28 : 7);
    if (in_.binary) in_.end_line();
    for (std::int64_t i = 0; i < n; ++i) {
      add_node(in_.number<std::int32_t>());
      add_point();
      if (!parametric) continue;
      const int dim = in_.number<std::int32_t>();
      static_cast<void>(in_.number<std::int32_t>());
      if (dim < 0 || dim > 3) in_.fail("an entity of 0 to 3 dimensions", std::to_string(dim));
      for (int k = 0; k < dim % 3; ++k) static_cast<void>(in_.number<double>());
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
    const bool high = (type >= 8 && type <= 14) || (type >= 16 && type <= 139);
    throw Error(path_ + ", $" + in_.section,
                "points, lines, triangles, quads, tetrahedra or hexahedra of first order",
                std::string(type == 6   ? "prisms"
                            : type == 7 ? "pyramids"
                            : high      ? "elements of higher order"
                                        : "elements that are not known") +
                    ", element type " + std::to_string(type),
                high ? "Write it by gmsh -order 1 (Mesh.ElementOrder = 1)."
                     : "Mesh with triangles or tetrahedra alone.");
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
          if (t == 0) tag = std::abs(std::max(x, -0x7fffffff));
        }
        e.groups.push_back(groups_.id({tag}));
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
        e.groups.push_back(group == group_.end() ? 0 : group->second);
        for (int k = 0; k < kind.nodes; ++k) add_element_node(e, in_.size());
      }
    }
  }

  /// MSH 2.2 writes an element once for each of its groups: the same nodes are the same element.
  void merge(GmshElements& e, int width) {
    const auto w = static_cast<std::size_t>(width);
    std::vector<amq::mesh::detail::Corners> key(e.count());
    std::vector<std::size_t> order(e.count());
    for (std::size_t k = 0; k < e.count(); ++k) {
      key[k] = amq::mesh::detail::sorted_corners(e.nodes.data() + k * w, width);
      order[k] = k;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
    std::vector<bool> again(e.count(), false);
    for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
      if (key[order[i]] != key[order[first]]) {
        first = i;
        continue;
      }
      again[order[i]] = true;
      auto& groups = e.groups[order[first]];
      groups = groups_.both(groups, e.groups[order[i]]);
    }
    std::size_t n = 0;
    for (std::size_t k = 0; k < again.size(); ++k) {
      if (again[k]) continue;
      std::copy_n(e.nodes.data() + k * w, w, e.nodes.data() + n * w);
      e.groups[n++] = e.groups[k];
    }
    e.nodes.resize(n * w);
    e.groups.resize(n);
  }
  /// The lowest group of each element, and who is in each group.
  [[nodiscard]] std::vector<std::int32_t> tags(
      const std::vector<std::int32_t>& groups,
      std::map<std::int32_t, std::vector<std::int32_t>>& members) const {
    std::vector<std::int32_t> tag;
    for (const auto set : groups) {
      for (const auto g : groups_[set]) members[g].push_back(static_cast<std::int32_t>(tag.size()));
      tag.push_back(groups_[set].empty() ? 0 : groups_[set].front());
    }
    return tag;
  }

  [[nodiscard]] GmshFile assemble() {
    for (std::size_t k = 0; k < gmsh_kinds.size(); ++k) merge(elements_[k], gmsh_kinds[k].nodes);
    std::size_t cells = gmsh_kinds.size();
    for (std::size_t k = gmsh_kinds.size(); k-- > 1;) {
      if (elements_[k].groups.empty() || gmsh_kinds[k].dim < 2) continue;
      if (cells == gmsh_kinds.size()) {
        cells = k;
      } else if (gmsh_kinds[k].dim == gmsh_kinds[cells].dim) {
        throw Error(path_, "one kind of cell",
                    std::to_string(elements_[k].count()) + " " + gmsh_kinds[k].name + " and " +
                        std::to_string(elements_[cells].count()) + " " + gmsh_kinds[cells].name,
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
    mesh.dim = 3;
    mesh.cell_dim = gmsh_kinds[cells].dim == 2 ? 2 : 0;
    mesh.points = std::move(xyz_);
    mesh.cells = std::move(elements_[cells].nodes);
    mesh.cell_tag = tags(elements_[cells].groups, out.cells_of);
    MeshSample sample{std::move(mesh), {}, {}};
    const std::vector<std::int32_t> to_new = drop_orphans(sample);  // corners of the geometry, say
    mesh = std::move(sample.mesh);
    for (std::size_t i = 0; i < to_new.size(); ++i)
      if (to_new[i] >= 0) out.node_id.push_back(node_id_[i]);
    to_plane(mesh);
    if (gmsh_kinds[cells].dim == 3) {
      bool flat = true;
      for (std::size_t k = 2; k < mesh.points.size(); k += 3)
        flat = flat && mesh.points[k] == mesh.points[2];
      if (flat)
        throw Error(path_, "cells with a volume",
                    std::string(gmsh_kinds[cells].name) + " in a plane", "Check the mesh in gmsh.");
    }
    mesh.node_type.assign(static_cast<std::size_t>(mesh.n_nodes()), NodeType::normal);
    // Facets: a triangle has lines, a tetrahedron triangles, a hexahedron quads.
    out.nodes_per_facet = gmsh_kinds[cells].dim == 2 ? 2 : mesh.nodes_per_cell == 8 ? 4 : 3;
    const std::size_t facet = gmsh_kinds[cells].dim == 2 ? 1 : mesh.nodes_per_cell == 8 ? 3 : 2;
    const auto& f = elements_[facet];
    const auto width = static_cast<std::size_t>(out.nodes_per_facet);
    std::vector<std::int32_t> groups;
    for (std::size_t k = 0; k < f.count(); ++k) {
      const auto row = std::span(f.nodes).subspan(k * width, width);
      const auto used = [&](std::int32_t v) { return to_new[static_cast<std::size_t>(v)] >= 0; };
      if (!std::all_of(row.begin(), row.end(), used)) continue;
      for (const auto v : row) out.facets.push_back(to_new[static_cast<std::size_t>(v)]);
      groups.push_back(f.groups[k]);
    }
    out.facet_tag = tags(groups, out.facets_of);
    return out;
  }

  std::string path_;
  GmshCursor in_;
  int version_ = 0;
  std::map<std::pair<int, std::int32_t>, std::string> names_;
  GmshGroups groups_;
  std::map<std::pair<int, std::int32_t>, std::int32_t> group_;  // (dimension, entity) -> its set
  std::unordered_map<std::int64_t, std::int32_t> place_;
  std::vector<std::int64_t> node_id_;
  std::vector<double> xyz_;
  std::array<GmshElements, gmsh_kinds.size()> elements_;
};

}  // namespace detail

/// The bytes of a .msh file. @param name  for error messages
[[nodiscard]] inline GmshFile parse_gmsh(std::span<const std::byte> bytes,
                                         const std::string& name = "gmsh") {
  const FloatEnvironment own;
  return detail::GmshReader(name, bytes).read();
}

/// Reads the cells of the highest dimension, each once, and the physical groups of whole and of
/// partitioned files. What else a file holds is dealt with as as_read.hpp says. All node types are
/// normal.
/// @throws Error  naming file, place and section: truncated or damaged files, versions other than
///                2.2 and 4.1, elements of higher order, several kinds of cells, nodes unknown or
///                given twice, coordinates that are not finite
[[nodiscard]] inline GmshFile read_gmsh(const std::string& path) {
  return parse_gmsh(read_file(path), path);
}

namespace detail {
/// The members of the physical groups of a name, each once, ascending; or of the one whose number
/// these digits are, where no group is called so.
/// @throws amq::Error for a group without any, listing those there are
[[nodiscard]] inline std::vector<std::int32_t> gmsh_group(
    const GmshFile& file, const std::map<std::int32_t, std::vector<std::int32_t>>& groups, int dim,
    const std::string& group, const std::string& where, const std::string& what) {
  std::string all;
  std::vector<std::int32_t> found;
  const std::vector<std::int32_t>* by_number = nullptr;
  for (const auto& [tag, members] : groups) {
    const auto it = file.names.find({dim, tag});
    const auto digits = std::to_string(tag);
    const auto& name = it == file.names.end() ? digits : it->second;
    if (group == name) found.insert(found.end(), members.begin(), members.end());
    if (group == digits) by_number = &members;
    all += (all.empty() ? "" : ", ") + name;
  }
  if (found.empty() && by_number) found = *by_number;
  if (!found.empty()) {
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
  throw Error(where, "a physical group '" + group + "' with " + what,
              all.empty() ? "no group with " + what + " at all" : "only: " + all,
              "Define the group in gmsh, over what it should hold.");
}
}  // namespace detail

/// Gives the nodes of the facets of this physical group a type. A facet may be in several groups:
/// the last call decides.
/// @param group  name, which several groups may have, or number in digits
/// @return       how many facets there were
/// @throws Error for a group without facets, listing those there are
inline std::size_t mark_facets(GmshFile& file, const std::string& group, NodeType type) {
  const auto facets = detail::gmsh_group(file, file.facets_of, file.mesh.cell_dimension() - 1,
                                         group, "mark_facets", "facets");
  const auto width = static_cast<std::size_t>(file.nodes_per_facet);
  for (const auto k : facets)
    for (const auto v : std::span(file.facets).subspan(static_cast<std::size_t>(k) * width, width))
      file.mesh.node_type[static_cast<std::size_t>(v)] = type;
  return facets.size();
}

/// The cells of a physical group, ascending; a cell may be in several.
/// @param group  name, which several groups may have, or number in digits
/// @throws Error for a group without cells, listing those there are
[[nodiscard]] inline std::vector<std::int32_t> cells_in(const GmshFile& file,
                                                        const std::string& group) {
  return detail::gmsh_group(file, file.cells_of, file.mesh.cell_dimension(), group, "cells_in",
                            "cells");
}

}  // namespace amq::lab
