#include <amq_lab/data/gmsh.hpp>

#include <amq/mesh/edges.hpp>
#include <amq/mesh/random_square.hpp>
#include <amq/mesh/sides.hpp>

#include "../../io/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace test_gmsh {

namespace {

enum class Kind { ascii, binary, swapped };

// Writes .msh as the manual describes it; every number goes through one of these.
struct Writer {
  Kind kind;
  std::string out;
  template <typename T>
  void memory(T x) {
    char raw[sizeof(T)];
    std::memcpy(raw, &x, sizeof(T));
    if (kind == Kind::swapped) std::reverse(raw, raw + sizeof(T));
    out.append(raw, sizeof(T));
  }
  void text(double x) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.17g ", x);
    out += buffer;
  }
  void integer(std::int32_t x) { kind == Kind::ascii ? text(x) : memory(x); }
  void size(std::size_t x) { kind == Kind::ascii ? text(static_cast<double>(x)) : memory(x); }
  void real(double x) { kind == Kind::ascii ? text(x) : memory(x); }
  void line() {
    if (kind == Kind::ascii) out += "\n";
  }
  void begin(const char* version) {
    out = std::string("$MeshFormat\n") + version + (kind == Kind::ascii ? " 0 8\n" : " 1 8\n");
    if (kind != Kind::ascii) {
      memory(std::int32_t{1});
      out += "\n";
    }
    out += "$EndMeshFormat\n$Comments\nnot $Nodes\n$EndComments\n";
  }
};

int type_of(const amq::Mesh& m) {
  return m.nodes_per_cell == 3 ? 2 : m.nodes_per_cell == 8 ? 5 : m.cell_dimension() == 2 ? 3 : 4;
}
std::size_t at(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

// Nodes are numbered 10, 20, ... and a node of no cell comes first, as gmsh's do.
std::string write22(const amq::lab::GmshFile& f, Kind kind) {
  const auto& m = f.mesh;
  Writer w{kind, {}};
  w.begin("2.2");
  w.out += "$PhysicalNames\n" + std::to_string(f.names.size()) + "\n";
  for (const auto& [key, name] : f.names) {
    w.out += std::to_string(key.first) + " " + std::to_string(key.second) + " \"" + name + "\"\n";
  }
  w.out += "$EndPhysicalNames\n$Nodes\n" + std::to_string(m.n_nodes() + 1) + "\n";
  const auto point = [&](std::int32_t id, const double* p) {
    w.integer(id);
    for (int d = 0; d < 3; ++d) w.real(d < m.dim ? p[d] : 0);
    w.line();
  };
  const double lost[3] = {7, 7, 7};
  point(1, lost);
  for (std::int32_t i = 0; i < m.n_nodes(); ++i) point(10 * (i + 1), m.point(i));
  const auto n_facets = f.facet_tag.size();
  w.out += std::string(kind == Kind::ascii ? "" : "\n") + "$EndNodes\n$Elements\n" +
           std::to_string(n_facets + static_cast<std::size_t>(m.n_cells()) + 1) + "\n";
  std::int32_t number = 0;
  const auto block = [&](int type, std::size_t n, int width, const std::int32_t* nodes,
                         const std::int32_t* tags) {
    if (kind != Kind::ascii) {
      w.integer(type);
      w.integer(static_cast<std::int32_t>(n));
      w.integer(2);
    }
    for (std::size_t e = 0; e < n; ++e) {
      w.integer(++number);
      if (kind == Kind::ascii) w.integer(type), w.integer(2);
      w.integer(tags[e]);
      w.integer(77);
      for (int k = 0; k < width; ++k) w.integer(nodes ? 10 * (*nodes++ + 1) : 1);
      w.line();
    }
  };
  const std::int32_t no_tag = 0;
  block(15, 1, 1, nullptr, &no_tag);
  const int facet_type = f.nodes_per_facet == 2 ? 1 : f.nodes_per_facet == 3 ? 2 : 3;
  if (n_facets > 0)
    block(facet_type, n_facets, f.nodes_per_facet, f.facets.data(), f.facet_tag.data());
  block(type_of(m), static_cast<std::size_t>(m.n_cells()), m.nodes_per_cell, m.cells.data(),
        m.cell_tag.data());
  return w.out + (kind == Kind::ascii ? "" : "\n") + "$EndElements\n";
}

// Entity t + 100 carries physical group t.
std::string write41(const amq::lab::GmshFile& f, Kind kind) {
  const auto& m = f.mesh;
  const int dim = m.cell_dimension();
  Writer w{kind, {}};
  w.begin("4.1");
  w.out += "$PhysicalNames\n" + std::to_string(f.names.size()) + "\n";
  for (const auto& [key, name] : f.names) {
    w.out += std::to_string(key.first) + " " + std::to_string(key.second) + " \"" + name + "\"\n";
  }
  const auto distinct = [](std::vector<std::int32_t> tags) {
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    return tags;
  };
  const std::vector<std::int32_t> groups[2] = {distinct(f.facet_tag), distinct(m.cell_tag)};
  w.out += "$EndPhysicalNames\n$Entities\n";
  for (int d = 0; d < 4; ++d)
    w.size(d == 0 ? 1 : d == dim - 1 ? groups[0].size() : d == dim ? groups[1].size() : 0);
  w.line();
  w.integer(3);
  for (int k = 0; k < 3; ++k) w.real(0.5);
  w.size(0);
  w.line();
  for (const auto& group : groups) {
    for (const auto t : group) {
      w.integer(t + 100);
      for (int k = 0; k < 6; ++k) w.real(k);
      w.size(t == 0 ? 0 : 1);
      if (t != 0) w.integer(-t);  // the sign tells an orientation
      w.size(2);
      w.integer(3);
      w.integer(-3);
      w.line();
    }
  }
  const char* end = kind == Kind::ascii ? "" : "\n";
  w.out += std::string(end) + "$EndEntities\n$Nodes\n";
  const auto n = static_cast<std::size_t>(m.n_nodes());
  for (const std::size_t s : {std::size_t{2}, n + 1, std::size_t{1}, 10 * n}) w.size(s);
  w.line();
  // A point with one node of no cell; the rest with parametric coordinates.
  w.integer(0), w.integer(3), w.integer(0), w.size(1), w.line(), w.size(1), w.line();
  for (int k = 0; k < 3; ++k) w.real(7);
  w.line();
  w.integer(dim), w.integer(100), w.integer(1), w.size(n), w.line();
  for (std::size_t i = 0; i < n; ++i) w.size(10 * (i + 1)), w.line();
  for (amq::Index i = 0; i < m.n_nodes(); ++i) {
    for (int d = 0; d < 3; ++d) w.real(d < m.dim ? m.point(i)[d] : 0);
    for (int d = 0; d < dim; ++d) w.real(0.25);
    w.line();
  }
  w.out += std::string(end) + "$EndNodes\n$Elements\n";
  // One block for each run of elements of one group.
  std::size_t blocks = 0, total = 0;
  std::string body;
  const auto runs = [&](int d, int type, int width, const std::vector<std::int32_t>& nodes,
                        const std::vector<std::int32_t>& tags) {
    for (std::size_t e = 0; e < tags.size();) {
      std::size_t last = e;
      while (last < tags.size() && tags[last] == tags[e]) ++last;
      w.integer(d), w.integer(tags[e] + 100), w.integer(type), w.size(last - e), w.line();
      ++blocks;
      for (; e < last; ++e) {
        w.size(++total);
        for (int k = 0; k < width; ++k) {
          w.size(10 * (at(nodes[e * at(width) + at(k)]) + 1));
        }
        w.line();
      }
    }
  };
  std::swap(w.out, body);
  const int facet_type = f.nodes_per_facet == 2 ? 1 : f.nodes_per_facet == 3 ? 2 : 3;
  runs(dim - 1, facet_type, f.nodes_per_facet, f.facets, f.facet_tag);
  runs(dim, type_of(m), m.nodes_per_cell, m.cells, m.cell_tag);
  std::swap(w.out, body);
  for (const std::size_t s : {blocks, total, std::size_t{1}, total}) w.size(s);
  w.line();
  return w.out + body + end + "$EndElements\n";
}

// Meshes of every kind, with facets and groups.
std::vector<amq::lab::GmshFile> files() {
  std::vector<amq::lab::GmshFile> all(4);
  amq::core::Random random(1);
  all[0].mesh = amq::mesh::random_refined_square(random, 60);
  const auto sides = amq::mesh::find_sides(all[0].mesh);
  for (amq::Index s = 0; s < sides.size(); ++s) {
    if (!sides.on_boundary(s)) continue;
    const auto [i, j] = sides.nodes[static_cast<std::size_t>(s)];
    all[0].facets.insert(all[0].facets.end(), {i, j});
    all[0].facet_tag.push_back(all[0].mesh.point(i)[0] == 0 && all[0].mesh.point(j)[0] == 0 ? 4
                                                                                            : 0);
  }
  all[0].names = {{{1, 4}, "left side"}, {{2, 1}, "domain"}};
  auto& quads = all[1].mesh;
  quads.nodes_per_cell = 4;
  quads.points = {0, 0, 1, 0, 2, 0, 0, 1, 1, 1.5, 2, 1};
  quads.cells = {0, 1, 4, 3, 1, 2, 5, 4};
  all[1].facets = {0, 1};
  all[1].facet_tag = {2};
  auto& tets = all[2].mesh;
  tets.dim = 3;
  tets.nodes_per_cell = 4;
  tets.points = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1};
  tets.cells = {0, 1, 2, 3, 1, 2, 3, 4};
  all[2].nodes_per_facet = 3;
  all[2].facets = {0, 1, 2, 1, 2, 4};
  all[2].facet_tag = {5, 6};
  all[2].names = {{{2, 5}, "floor"}};
  auto& hexes = all[3].mesh;
  hexes.dim = 3;
  hexes.nodes_per_cell = 8;
  hexes.points = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
  hexes.cells = {0, 1, 2, 3, 4, 5, 6, 7};
  all[3].nodes_per_facet = 4;
  all[3].facets = {0, 1, 2, 3};
  all[3].facet_tag = {1};
  for (auto& f : all) {
    for (std::int32_t c = 0; c < f.mesh.n_cells(); ++c) f.mesh.cell_tag.push_back(c % 3);
  }
  return all;
}

amq::lab::GmshFile parse(const std::string& text) {
  return amq::lab::parse_gmsh(amq::io::as_bytes(text));
}

amq::lab::GmshFile golden(const std::string& name) {
  return amq::lab::read_gmsh(std::string(AMQ_TEST_DATA) + "/" + name);
}

}  // namespace

TEST_CASE("every kind of mesh is read as it was written, in both versions, all ways") {
  for (const auto& f : files()) {
    for (const auto kind : {Kind::ascii, Kind::binary, Kind::swapped}) {
      for (const auto& text : {write22(f, kind), write41(f, kind)}) {
        const auto g = parse(text);
        CHECK(g.mesh.dim == f.mesh.dim);
        CHECK(g.mesh.nodes_per_cell == f.mesh.nodes_per_cell);
        CHECK(g.mesh.points == f.mesh.points);
        CHECK(g.mesh.cells == f.mesh.cells);
        CHECK(g.mesh.cell_tag == f.mesh.cell_tag);
        CHECK(g.nodes_per_facet == f.nodes_per_facet);
        CHECK(g.facets == f.facets);
        CHECK(g.facet_tag == f.facet_tag);
        CHECK(g.names == f.names);
        REQUIRE(g.node_id.size() == static_cast<std::size_t>(g.mesh.n_nodes()));
        CHECK(g.node_id.back() == 10 * g.mesh.n_nodes());
      }
    }
  }
}

TEST_CASE("files of another program are read: eight written by meshio") {
  for (const char* version : {"22", "41"}) {
    for (const char* kind : {"ascii", "binary"}) {
      auto square = golden(std::string("square_") + version + "_" + kind + ".msh");
      amq::mesh::validate(square.mesh);
      CHECK(square.mesh.dim == 2);
      CHECK(square.mesh.points == std::vector<double>{0, 0, 1, 0, 1, 1, 0, 1, 0.5, 0.5});
      CHECK(square.mesh.cells == std::vector<std::int32_t>{0, 1, 4, 1, 2, 4, 2, 3, 4, 3, 0, 4});
      CHECK(square.facets == std::vector<std::int32_t>{0, 1, 1, 2, 2, 3, 3, 0});
      CHECK(square.names.at({1, 5}) == "bottom");
      CHECK(square.names.at({2, 8}) == "upper");
      CHECK(amq::mesh::cell_edges(square.mesh).n_edges() == 16);
      if (version == std::string("22")) {  // meshio's 4.1 keeps one group of cells, none of lines
        CHECK(square.mesh.cell_tag == std::vector<std::int32_t>{7, 7, 8, 8});
        CHECK(square.facet_tag == std::vector<std::int32_t>{5, 6, 6, 6});
        CHECK(amq::lab::mark_facets(square, "rest", amq::NodeType::wall) == 3);
        CHECK(amq::lab::mark_facets(square, "5", amq::NodeType::inflow) == 1);
        using enum amq::NodeType;
        CHECK(square.mesh.node_type == std::vector{inflow, inflow, wall, wall, normal});
        CHECK_THROWS_WITH_AS(amq::lab::mark_facets(square, "top", wall),
                             doctest::Contains("only: bottom, rest"), amq::Error);
      } else {
        CHECK(square.mesh.cell_tag == std::vector<std::int32_t>{7, 7, 7, 7});
      }
      const auto brick = golden(std::string("brick_") + version + "_" + kind + ".msh");
      amq::mesh::validate(brick.mesh);
      CHECK(brick.mesh.dim == 3);
      CHECK(amq::mesh::cell_measure(brick.mesh, 0) == doctest::Approx(6));
      CHECK(brick.facets.size() == 24);
    }
  }
}

TEST_CASE("the code of the chapter on meshes reads a file") {
  const std::string path = std::string(AMQ_TEST_DATA) + "/square_22_binary.msh";
  // [mesh_gmsh]
  auto file = amq::lab::read_gmsh(path);                         // MSH 2.2 or 4.1, text or binary
  amq::lab::mark_facets(file, "bottom", amq::NodeType::inflow);  // a physical group, by its name
  const amq::Graph graph = amq::mesh::cell_edges(file.mesh);
  // [mesh_gmsh]
  CHECK(graph.n_nodes() == 5);
}

TEST_CASE("the example of gmsh's manual is read") {
  const auto f = parse(
      "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n1 6 1 6\n2 1 0 6\n1\n2\n3\n4\n5\n6\n"
      "0. 0. 0.\n1. 0. 0.\n1. 1. 0.\n0. 1. 0.\n2. 0. 0.\n2. 1. 0.\n$EndNodes\n"
      "$Elements\n1 2 1 2\n2 1 3 2\n1 1 2 3 4\n2 2 5 6 3\n$EndElements\n"
      "$NodeData\n1\n\"A scalar view\"\n1\n0.0\n3\n0\n1\n6\n1 0.0\n2 0.1\n3 0.2\n4 0.0\n5 0.2\n"
      "6 0.4\n$EndNodeData\n");
  CHECK(f.mesh.nodes_per_cell == 4);
  CHECK(f.mesh.cells == std::vector<std::int32_t>{0, 1, 2, 3, 1, 4, 5, 2});
  CHECK(f.mesh.cell_tag == std::vector<std::int32_t>{0, 0});
  amq::mesh::validate(f.mesh);
}

TEST_CASE("plane cells that face down are turned, surfaces in space are kept as they are") {
  auto f = files()[0];
  auto down = f;
  for (std::size_t c = 0; c < down.mesh.cells.size(); c += 3) {
    std::swap(down.mesh.cells[c + 1], down.mesh.cells[c + 2]);
  }
  CHECK(parse(write22(down, Kind::ascii)).mesh.cells == f.mesh.cells);
  f = files()[1];
  f.mesh.dim = 3;
  f.mesh.cell_dim = 2;
  f.mesh.points = {0, 0, 0, 1, 0, 0, 2, 0, 1, 0, 1, 0, 1, 1, 0, 2, 1, 1};
  const auto g = parse(write41(f, Kind::binary));
  CHECK(g.mesh.cells == f.mesh.cells);
  CHECK(g.mesh.cell_dimension() == 2);
  amq::mesh::validate(g.mesh);
}

TEST_CASE("what we cannot use is refused in words") {
  const auto good = write22(files()[0], Kind::ascii);
  const auto with = [&](const std::string& from, const std::string& to) {
    auto text = good;
    const auto k = text.find(from);
    REQUIRE(k != std::string::npos);
    return text.replace(k, from.size(), to);
  };
  AMQ_REFUSES(parse(""), "$MeshFormat");
  AMQ_REFUSES(parse("solid cube\n"), "$Section");
  AMQ_REFUSES(parse("$Nodes\n0\n$EndNodes\n"), "$MeshFormat before it");
  AMQ_REFUSES(parse(with("2.2 0", "4.0 0")), "version 4.0");
  AMQ_REFUSES(parse(with("2.2 0", "2.2 2")), "file type");
  AMQ_REFUSES(parse(with("$EndNodes", "$EndNode")), "$EndNodes");
  AMQ_REFUSES(parse(with("20 ", "10 ")), "twice");
  AMQ_REFUSES(parse(with("Names\n$Nodes\n", "Names\n$Nodes\n9999")), "a count that fits the file");
  AMQ_REFUSES(parse(with("Names\n$Nodes\n", "Names\n$Nodes\n-")), "a count that fits the file");
  AMQ_REFUSES(parse(with("7 7 0", "7 nan 0")), "finite");
  AMQ_REFUSES(parse(with("7 7 0", "7 x 0")), "a number");
  AMQ_REFUSES(parse(with("1 15 2 0 77 1", "1 15 2 0 77 3")), "a node of $Nodes");
  AMQ_REFUSES(parse(with("1 15 2 0 77 1", "1 9 2 0 77 1")), "element type 9");
  AMQ_REFUSES(parse(with("1 15 2 0 77 1", "1 3 2 0 77 10 10 20 30")), "one kind of cell");
  AMQ_REFUSES(parse("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n"), "no such cells");
  AMQ_REFUSES(amq::lab::read_gmsh("/nonexistent.msh"), "readable file");
}

TEST_CASE("no truncation and no damage does more than throw amq::Error") {
  amq::core::Random random(4);
  for (const auto& f : files()) {
    for (const auto kind : {Kind::ascii, Kind::binary, Kind::swapped}) {
      for (const auto& text : {write22(f, kind), write41(f, kind)}) {
        const auto step = std::max<std::size_t>(1, text.size() / 200);
        for (std::size_t n = 0; n + 14 < text.size(); n += step) {
          CHECK_THROWS_AS(static_cast<void>(parse(text.substr(0, n))), amq::Error);
        }
        const auto span = amq::io::as_bytes(text);
        for (int k = 0; k < 150; ++k) {
          const auto bytes = amq::test::mutate({span.begin(), span.end()}, random);
          try {
            const auto g = amq::lab::parse_gmsh(bytes);
            for (const auto v : g.mesh.cells) REQUIRE((v >= 0 && v < g.mesh.n_nodes()));
          } catch (const amq::Error&) {
          }
        }
      }
    }
  }
}

}  // namespace test_gmsh
