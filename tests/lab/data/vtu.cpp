#include <amq_lab/data/vtu.hpp>

#include <amq/io/vtu.hpp>

#include "../../io/scratch.hpp"

#include <string>
#include <vector>

namespace test_vtu {

using namespace amq;
using namespace amq::lab;

namespace {

MeshSample parse(const std::string& text) {
  const std::string path = "hand.vtu";
  return lab::vtu::detail::Parser(text, path, nullptr).read();
}
const std::string hand =
    "<?xml version=\"1.0\"?>\n<!-- <DataArray> of nobody -->\n"
    "<VTKFile type=\"UnstructuredGrid\" version=\"0.1\" byte_order='LittleEndian'>\n"
    "<UnstructuredGrid><FieldData><DataArray type=\"Float64\" Name=\"TIME\">1</DataArray>"
    "</FieldData>\n<Piece NumberOfPoints=\"4\" NumberOfCells=\"2\">\n"
    "<Points><DataArray type=\"Float32\" NumberOfComponents=\"3\">0 0 0 1 0 0 1 1 0.5 0 1 0"
    "</DataArray></Points>\n<Cells><DataArray type=\"Int32\" Name=\"connectivity\">0 1 2 0 2 3"
    "</DataArray><DataArray type=\"Int32\" Name=\"offsets\">3 6</DataArray>\n"
    "<DataArray type=\"UInt8\" Name=\"types\">5 5</DataArray></Cells>\n"
    "<PointData Scalars=\"T\"><DataArray type=\"Float64\" Name=\"T &lt;K&gt;\">1 2.5 -3 4e0"
    "</DataArray></PointData>\n<CellData><DataArray type=\"Int8\" Name=\"tag\" format=\"binary\">"
    "AgAAAAcJ</DataArray></CellData>\n</Piece></UnstructuredGrid></VTKFile>\n";

std::string with(const std::string& from, const std::string& to) {
  std::string s = hand;
  REQUIRE(s.find(from) != s.npos);
  s.replace(s.find(from), from.size(), to);
  return s;
}

}  // namespace

TEST_CASE("a file of text and base64 gives its mesh and fields") {
  const MeshSample s = parse(hand);
  CHECK(s.mesh.dim == 3);
  CHECK(s.mesh.cell_dimension() == 2);
  CHECK(s.mesh.cells == std::vector<std::int32_t>{0, 1, 2, 0, 2, 3});
  CHECK(s.mesh.points[8] == 0.5);
  CHECK(s.node.at("T <K>") == std::vector<float>{1, 2.5f, -3, 4});
  CHECK(s.cell.at("tag") == std::vector<float>{7, 9});
  CHECK(s.node.size() == 1);  // what stands beside the mesh is read past
}

TEST_CASE("what amq::io::vtu writes is read back, number by number and type by type") {
  Mesh m;
  m.dim = 2;
  m.points = {0, 0, 1, 0, 1, 1, 0, 1};
  m.cells = {0, 1, 2, 0, 2, 3};
  m.node_type = {NodeType::wall, NodeType::normal, NodeType::inflow, NodeType::wall};
  const std::vector<float> u{1, 2, 3, 4, 5, 6, 7, 8};
  amq::io::vtu::Grid grid(m);
  grid.point("u", u, 2);
  const test::Scratch folder("vtu_read");
  const std::string path = folder.path("a.vtu");
  for (const auto encoding :
       {amq::io::vtu::Encoding::appended_raw, amq::io::vtu::Encoding::base64}) {
    grid.write(path, encoding);
    const MeshSample s = lab::vtu::read(path);
    CHECK(s.mesh.dim == 2);
    CHECK(s.mesh.points == m.points);
    CHECK(s.mesh.cells == m.cells);
    CHECK(s.mesh.node_type == m.node_type);
    CHECK(s.node.at("u") == u);
    CHECK(s.node.size() == 1);
  }
}

TEST_CASE("bits are numbers, and a compressor that nothing was packed by does not matter") {
  for (const std::string bits :
       {"<DataArray type=\"Bit\" Name=\"b\" format=\"ascii\">1 0 1 1</DataArray>",
        "<DataArray type=\"Bit\" Name=\"b\" format=\"binary\">AQAAALA=</DataArray>"}) {
    CAPTURE(bits);
    const MeshSample s = parse(with("</PointData>", bits + "</PointData>"));
    CHECK(s.node.at("b") == std::vector<float>{1, 0, 1, 1});
  }
  AMQ_REFUSES(parse(with("</PointData>",
                         "<DataArray type=\"Bit\" Name=\"b\" "
                         "format=\"binary\">AgAAALCw</DataArray></PointData>")),
              "4 numbers of b");
  std::string text = with("'LittleEndian'", "'LittleEndian' compressor=\"vtkLZMADataCompressor\"");
  const std::string packed = "format=\"binary\">AgAAAAcJ";
  REQUIRE(text.find(packed) != text.npos);
  text.replace(text.find(packed), packed.size(), "format=\"ascii\">7 9");
  CHECK(parse(text).cell.at("tag") == std::vector<float>{7, 9});
}

TEST_CASE("numbers as text may have a plus or all 64 bits, and arrays may never have been filled") {
  const MeshSample s = parse(
      with("</PointData>",
           "<DataArray type=\"UInt64\" Name=\"id\" format=\"ascii\">18446744073709551615 0 1 "
           "2</DataArray><DataArray type=\"Float32\" Name=\"p\" format=\"ascii\">+1.5 2 -3 "
           "4</DataArray><DataArray type=\"Float32\" Name=\"none\" format=\"ascii\"></DataArray>"
           "</PointData>"));
  CHECK(s.node.at("id") == std::vector<float>{18446744073709551615.0f, 0, 1, 2});
  CHECK(s.node.at("p") == std::vector<float>{1.5f, 2, -3, 4});
  CHECK(!s.node.contains("none"));
  AMQ_REFUSES(parse(with("</PointData>",
                         "<DataArray type=\"Float32\" Name=\"p\" "
                         "format=\"ascii\">+-1 2 3 4</DataArray></PointData>")),
              "a number");
}

TEST_CASE("files that are damaged or of another kind are refused by file") {
  const auto refused = [](const std::string& text, const char* why) {
    CAPTURE(why);
    AMQ_REFUSES(parse(text), why);
    AMQ_REFUSES(parse(text), "hand.vtu");
  };
  refused("no xml", "VTKFile");
  refused(with("type=\"UnstructuredGrid\"", "type=\"PolyData\""), "type UnstructuredGrid");
  refused(with("NumberOfPoints=\"4\"", "NumberOfPoints=\"99999999999999\""), "a count");
  refused(with("NumberOfPoints=\"4\"", "NumberOfPoints=\"5\""), "15 numbers");
  refused(with("0 1 2 0 2 3", "0 1 2 0 2 4"), "node ids of 0 to 3");
  refused(with("\">3 6<", "\">3 9<"), "1 to 8 nodes a cell");
  refused(with("\">5 5<", "\">5 9<"), "cells of one kind");
  refused(with("\">5 5<", "\">22 22<"), "triangles, quads");
  refused(with("1 2.5 -3 4e0", "1 2.5 -3 nan"), "finite");
  refused(with("1 2.5 -3 4e0", "1 2.5 -3 x"), "a number");
  refused(with("1 2.5 -3 4e0", "1 2.5 -3"), "4 numbers of T <K>");
  refused(with("Float64\" Name=\"T &", "Float16\" Name=\"T &"), "a type as Float64");
  refused(with("AgAAAAcJ", "AgAAAAc!"), "base64");
  refused(with("AgAAAAcJ", "/////wcJ"), "as many bytes as announced");
  refused(with("AgAAAAcJ", "AgA"), "bytes in base64");
  refused(with("format=\"binary\"", "format=\"appended\" offset=\"7\""), "an offset");
  refused(with("'LittleEndian'", "'LittleEndian' compressor=\"vtkLZ4DataCompressor\""),
          "vtkZLibDataCompressor");
  refused(with("'LittleEndian'", "'LittleEndian' compressor=\"vtkZLibDataCompressor\""), "no zlib");
  refused(with("byte_order='LittleEndian'", "byte_order='Middle'"), "BigEndian");
  refused(with("<Piece", "<Piece NumberOfPoints=\"0\" NumberOfCells=\"0\"/><Piece"), "one piece");
  const std::size_t end = hand.find("</UnstructuredGrid>");
  for (std::size_t n = 0; n < end; n += 7) {
    CAPTURE(n);
    CHECK_THROWS_AS(parse(hand.substr(0, n)), Error);
  }
}

TEST_CASE("a compressed array without blocks that is cut short is refused") {
  const std::string head =
      "<VTKFile type=\"UnstructuredGrid\" version=\"0.1\" byte_order=\"LittleEndian\" "
      "compressor=\"vtkZLibDataCompressor\">\n<UnstructuredGrid><Piece NumberOfPoints=\"1\" "
      "NumberOfCells=\"0\"><Points><DataArray type=\"Float64\" NumberOfComponents=\"3\" "
      "format=\"appended\" offset=\"0\"/></Points></Piece></UnstructuredGrid>\n"
      "<AppendedData encoding=\"raw\">_";
  const Inflate nothing = [](std::span<const std::byte>, Deflated, std::size_t) {
    return std::vector<std::byte>{};
  };
  // Numbers of blocks, their size and the last one's: twelve zeros are a whole header.
  for (std::size_t n = 0; n <= 12; ++n) {
    CAPTURE(n);
    CHECK_THROWS_AS(
        lab::vtu::detail::Parser(head + std::string(n, '\0'), "hand.vtu", nothing).read(), Error);
  }
}

}  // namespace test_vtu
