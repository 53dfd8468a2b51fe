#include <amq/io/vtu.hpp>

#include "scratch.hpp"

namespace test_vtu {

using namespace amq;
using namespace amq::io;

namespace {
Mesh two_triangles() {
  Mesh m;
  m.points = {0, 0, 1, 0, 1, 1, 0, 1};
  m.cells = {0, 1, 2, 0, 2, 3};
  m.node_type = {NodeType::wall, NodeType::wall, NodeType::normal, NodeType::inflow};
  return m;
}
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("base64 is that of RFC 4648") {
  const std::pair<const char*, const char*> golden[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"},
                                                        {"\xff\xfe\xfd", "//79"}};
  for (const auto& [in, out] : golden) CHECK(vtu::base64(as_bytes(in)) == out);
}

TEST_CASE("a grid names its arrays and marks, and is smaller raw than in base64") {
  vtu::Grid g(two_triangles());
  g.point("u", std::vector<float>{1, 2, 3, 4}).cell("bits <a&b>", std::vector<int>{2, 8});
  const auto raw = g.text(), b64 = g.text(vtu::Encoding::base64);
  CHECK(count(raw, "format=\"appended\"") == 7);
  CHECK(count(b64, "format=\"binary\"") == 7);
  CHECK(raw.find("bits &lt;a&amp;b&gt;") != raw.npos);
  CHECK(raw.find("Name=\"node_type\"") != raw.npos);
}

TEST_CASE("fields that do not fit the mesh are refused by name") {
  vtu::Grid g(two_triangles());
  AMQ_REFUSES(g.point("u", std::vector<float>(3)), "vtu: u: expected 4 rows, found 3");
  AMQ_REFUSES(g.cell("u", std::vector<float>(4)), "expected 2 rows");
  AMQ_REFUSES(g.point("u", std::vector<float>(9), 2), "multiple of 2");
  AMQ_REFUSES(g.point("node_type", std::vector<float>(4)), "twice");
  const std::vector<float> v(12);
  AMQ_REFUSES(g.point_vectors("v", MatrixView<const float>(v.data(), 4, 3)), "2 components");
  g.point("a\nb", std::vector<float>(4));
  AMQ_REFUSES(g.text(), "control");
}

TEST_CASE("cells of two nodes are VTK's lines") {
  Mesh m = two_triangles();
  m.nodes_per_cell = 2;
  m.cells = {0, 1, 1, 2, 2, 3};
  const std::string text = vtu::Grid(m).text();
  CHECK(text.find("NumberOfCells=\"3\"") != text.npos);
  CHECK(text.find("\3\3\3") != text.npos);
}

TEST_CASE("meshes VTK cannot hold are refused") {
  Mesh m = two_triangles();
  m.cells[5] = 4;
  AMQ_REFUSES(vtu::Grid(m), "0 to 3");
  m = two_triangles();
  m.nodes_per_cell = 6;
  AMQ_REFUSES(vtu::Grid(m), "6 nodes per cell");
}

TEST_CASE("a series lists each step with its time") {
  const test::Scratch dir("vtu");
  vtu::Series s(dir.path("flow.pvd"));
  s.add(0, vtu::Grid(two_triangles()));
  s.add(0.1, vtu::Grid(two_triangles()));
  CHECK(dir.n_files() == 3);
  const std::string list(as_text(read_file(dir.path("flow.pvd"))));
  CHECK(list.find("timestep=\"0.1\" part=\"0\" file=\"flow_0001.vtu\"") != list.npos);
  // What others have written is listed, too.
  s.add(0.2, dir.path("of_ranks.pvtu"));
  const std::string longer(as_text(read_file(dir.path("flow.pvd"))));
  CHECK(longer.find("timestep=\"0.2\" part=\"0\" file=\"of_ranks.pvtu\"") != longer.npos);
  CHECK(dir.n_files() == 3);
  AMQ_REFUSES(vtu::Series("flow.vtu"), ".pvd");
}

TEST_CASE("files of ranks are joined by one that names their arrays and types") {
  vtu::Grid g(two_triangles());
  g.point("u & v", std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, 2);
  const std::vector<std::string> pieces{"a_0.vtu", "a_1.vtu"};
  const auto text = g.joined(pieces);
  CHECK(count(text, "<Piece Source=\"a_") == 2);
  CHECK(count(text, "<PDataArray") == 3);
  CHECK(text.find("<PDataArray type=\"Float32\" Name=\"u &amp; v\" NumberOfComponents=\"2\"/>") !=
        text.npos);
  CHECK(text.find("<PDataArray type=\"Float64\" Name=\"Points\" NumberOfComponents=\"3\"/>") !=
        text.npos);
}

}  // namespace test_vtu
