#pragma once
/// @file
/// VTU and PVTU files and PVD series: meshes with fields for ParaView and VTK.
///
///     amq::io::vtu::Grid grid(mesh);
///     grid.point("u", amq::view(u));              // (node, component)
///     grid.point_vectors("velocity", v);          // 2 components become 3, so that glyphs work
///     grid.cell("bits", bits, 1);
///     grid.write("solution.vtu");

#include <amq/io/array.hpp>
#include <amq/io/file.hpp>
#include <amq/mesh/mesh.hpp>

#include <charconv>

namespace amq::io::vtu {

/// How the numbers are kept: as they are after the XML (small, quick), or as base64 inside it
/// (plain text, a third larger).
enum class Encoding { appended_raw, base64 };

/// RFC 4648, with padding.
[[nodiscard]] inline std::string base64(std::span<const std::byte> in) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((in.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, in.size() - i);
    std::uint32_t x = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      x = x << 8 | (k < n ? static_cast<std::uint32_t>(in[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? digits[x >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// A name as XML wants it. Throws for control characters, which XML cannot hold.
[[nodiscard]] inline std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20) {
      throw Error("vtu", "a name without control characters", "byte " + std::to_string(c),
                  "Rename it.");
    }
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// One mesh and its fields. The mesh is copied, so it may change or go.
class Grid {
 public:
  /// Marks come along as "node_type" and "cell_tag" where the mesh has them. Throws Error for cells
  /// VTK has no name for and for node ids out of range.
  explicit Grid(const Mesh& mesh)
      : n_points_(mesh.n_nodes()), n_cells_(mesh.n_cells()), dim_(mesh.dim) {
    const int type = cell_type(mesh);
    std::vector<double> points(static_cast<std::size_t>(n_points_) * 3);
    for (Index i = 0; i < n_points_; ++i) {
      for (Index k = 0; k < mesh.dim; ++k)
        points[static_cast<std::size_t>(3 * i + k)] = mesh.point(i)[k];
    }
    for (const auto id : mesh.cells) {
      if (id < 0 || id >= n_points_) {
        throw Error("vtu::Grid", "node ids of 0 to " + std::to_string(n_points_ - 1),
                    std::to_string(id), "Repair the mesh.");
      }
    }
    std::vector<std::int64_t> ends(static_cast<std::size_t>(n_cells_));
    for (std::size_t c = 0; c < ends.size(); ++c) {
      ends[c] = static_cast<std::int64_t>(c + 1) * mesh.nodes_per_cell;
    }
    points_ = {"Points", Array::of(points, {n_points_, 3})};
    cells_.push_back({"connectivity", Array::of(mesh.cells)});
    cells_.push_back({"offsets", Array::of(ends)});
    cells_.push_back({"types", Array::of(std::vector<std::uint8_t>(
                                   ends.size(), static_cast<std::uint8_t>(type)))});
    if (!mesh.node_type.empty()) {
      std::vector<std::uint8_t> t;
      for (const auto x : mesh.node_type) t.push_back(static_cast<std::uint8_t>(x));
      point("node_type", t);
    }
    if (!mesh.cell_tag.empty()) cell("cell_tag", mesh.cell_tag);
  }

  /// A field at the points: (node, component). Throws when the rows are not the mesh's nodes or the
  /// name was used before.
  template <array_element T>
  Grid& point(const std::string& name, MatrixView<T> values) {
    return add(point_, name, Array::of(values), n_points_);
  }
  template <array_element T>
  Grid& point(const std::string& name, const std::vector<T>& values, Index components = 1) {
    return add(point_, name, matrix(values, components, name), n_points_);
  }
  /// A field in the cells: (cell, component).
  template <array_element T>
  Grid& cell(const std::string& name, MatrixView<T> values) {
    return add(cell_, name, Array::of(values), n_cells_);
  }
  template <array_element T>
  Grid& cell(const std::string& name, const std::vector<T>& values, Index components = 1) {
    return add(cell_, name, matrix(values, components, name), n_cells_);
  }
  /// A vector field at the points, (node, dim), with z = 0 added in the plane.
  template <array_element T>
  Grid& point_vectors(const std::string& name, MatrixView<T> values) {
    std::vector<std::remove_const_t<T>> padded(static_cast<std::size_t>(values.rows) * 3);
    if (values.cols != dim_) {
      throw Error("vtu: " + name, std::to_string(dim_) + " components", std::to_string(values.cols),
                  "Use point() for fields that are no vectors.");
    }
    for (Index i = 0; i < values.rows; ++i) {
      for (Index k = 0; k < dim_; ++k) padded[static_cast<std::size_t>(3 * i + k)] = values(i, k);
    }
    return point(name, padded, 3);
  }

  [[nodiscard]] std::string text(Encoding encoding = Encoding::appended_raw) const {
    Text t{encoding, {}, {}};
    t.xml =
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"UnstructuredGrid\" version=\"1.0\" "
        "byte_order=\"LittleEndian\" header_type=\"UInt64\">\n<UnstructuredGrid>\n"
        "<Piece NumberOfPoints=\"" +
        std::to_string(n_points_) + "\" NumberOfCells=\"" + std::to_string(n_cells_) + "\">\n";
    t.section("Points", {points_});
    t.section("Cells", cells_);
    t.section("PointData", point_);
    t.section("CellData", cell_);
    t.xml += "</Piece>\n</UnstructuredGrid>\n";
    if (encoding == Encoding::appended_raw) {
      t.xml += "<AppendedData encoding=\"raw\">\n_" + t.appended + "\n</AppendedData>\n";
    }
    return t.xml + "</VTKFile>\n";
  }
  void write(const std::string& path, Encoding encoding = Encoding::appended_raw) const {
    write_file(path, text(encoding));
  }
  /// The PVTU that joins files of several ranks, each with a part of one mesh and fields of this
  /// grid's names and types.
  /// @param pieces  as seen from where the PVTU will lie
  [[nodiscard]] std::string joined(std::span<const std::string> pieces) const {
    std::string xml =
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"PUnstructuredGrid\" version=\"1.0\" "
        "byte_order=\"LittleEndian\" header_type=\"UInt64\">\n"
        "<PUnstructuredGrid GhostLevel=\"0\">\n";
    const auto section = [&](const std::string& tag, const std::vector<Field>& fields) {
      xml += "<" + tag + ">\n";
      for (const auto& f : fields) {
        xml += "<PDataArray type=\"" + type_name(f.values.dtype) + "\" Name=\"" + escaped(f.name);
        xml += '"';
        if (f.values.rank() == 2)
          xml += " NumberOfComponents=\"" + std::to_string(f.values.shape[1]) + "\"";
        xml += "/>\n";
      }
      xml += "</" + tag + ">\n";
    };
    section("PPoints", {points_});
    section("PPointData", point_);
    section("PCellData", cell_);
    for (const std::string& piece : pieces) xml += "<Piece Source=\"" + escaped(piece) + "\"/>\n";
    return xml + "</PUnstructuredGrid>\n</VTKFile>\n";
  }

 private:
  struct Field {
    std::string name;
    Array values;
  };
  struct Text {
    Encoding encoding;
    std::string xml, appended;

    void section(const std::string& tag, const std::vector<Field>& fields) {
      xml += "<" + tag + ">\n";
      for (const auto& f : fields) array(f);
      xml += "</" + tag + ">\n";
    }
    void array(const Field& f) {
      const auto& a = f.values;
      const std::uint64_t n = a.bytes.size();
      const auto head = std::span(reinterpret_cast<const std::byte*>(&n), sizeof n);
      xml += "<DataArray type=\"" + type_name(a.dtype) + "\" Name=\"" + escaped(f.name) + "\"";
      if (a.rank() == 2) xml += " NumberOfComponents=\"" + std::to_string(a.shape[1]) + "\"";
      if (encoding == Encoding::base64) {
        Bytes all(head.begin(), head.end());
        all.insert(all.end(), a.bytes.begin(), a.bytes.end());
        xml += " format=\"binary\">" + base64(all) + "</DataArray>\n";
      } else {
        xml += " format=\"appended\" offset=\"" + std::to_string(appended.size()) + "\"/>\n";
        appended += as_text(head);
        appended += as_text(a.bytes);
      }
    }
  };

  static int cell_type(const Mesh& m) {
    const bool flat = m.cell_dimension() == 2;  // in the plane, or a surface in space
    if (m.nodes_per_cell == 2) return 3;
    if (flat && m.nodes_per_cell == 3) return 5;
    if (flat && m.nodes_per_cell == 4) return 9;
    if (!flat && m.nodes_per_cell == 4) return 10;
    if (!flat && m.nodes_per_cell == 8) return 12;
    throw Error(
        "vtu::Grid", "edges, triangles, quads, tetrahedra or hexahedra",
        std::to_string(m.nodes_per_cell) + " nodes per cell in " + std::to_string(m.dim) + "-D",
        "Split the cells.");
  }
  static std::string type_name(DType t) {
    switch (t) {
      case DType::boolean:
      case DType::u8:
        return "UInt8";
      case DType::i8:
        return "Int8";
      case DType::u16:
        return "UInt16";
      case DType::i16:
        return "Int16";
      case DType::u32:
        return "UInt32";
      case DType::i32:
        return "Int32";
      case DType::u64:
        return "UInt64";
      case DType::i64:
        return "Int64";
      case DType::f32:
        return "Float32";
      default:
        return "Float64";
    }
  }
  template <typename T>
  static Array matrix(const std::vector<T>& values, Index components, const std::string& name) {
    const auto n = static_cast<Index>(values.size());
    if (components < 1 || n % components != 0) {
      throw Error("vtu: " + name, "a multiple of " + std::to_string(components) + " values",
                  std::to_string(n), "Check the number of components.");
    }
    return Array::of(values, {n / components, components});
  }
  Grid& add(std::vector<Field>& to, const std::string& name, Array a, Index rows) {
    if (a.shape[0] != rows) {
      throw Error("vtu: " + name, std::to_string(rows) + " rows", std::to_string(a.shape[0]),
                  "Points and cells of the mesh each have their own fields.");
    }
    for (const auto& f : to) {
      if (f.name == name)
        throw Error("vtu", "names that occur once", "'" + name + "' twice", "Rename one.");
    }
    to.push_back({name, std::move(a)});
    return *this;
  }

  Index n_points_, n_cells_;
  int dim_;
  Field points_;
  std::vector<Field> cells_, point_, cell_;
};

/// A rollout: one VTU per step and a PVD that lists them with their times. The list is rewritten at
/// every step, so that ParaView can look while the program runs.
class Series {
 public:
  /// @param path  e.g. "out/flow.pvd"; the steps become out/flow_0000.vtu and so on
  explicit Series(std::string path, Encoding encoding = Encoding::appended_raw)
      : path_(std::move(path)), encoding_(encoding) {
    if (!path_.ends_with(".pvd"))
      throw Error(path_, "a path that ends in .pvd", path_, "Name it so.");
  }
  void add(double time, const Grid& grid) {
    std::string number = std::to_string(n_++);
    number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
    const std::string step = path_.substr(0, path_.size() - 4) + "_" + number + ".vtu";
    grid.write(step, encoding_);
    add(time, step);
  }
  /// Lists a step that is written already, such as the PVTU of several ranks; one of them lists.
  /// @param step  a file in the list's folder
  void add(double time, const std::string& step) {
    char t[40];
    const auto end = std::to_chars(t, t + sizeof t, time).ptr;
    const auto slash = step.rfind('/');
    list_ += "<DataSet timestep=\"" + std::string(t, end) + "\" part=\"0\" file=\"" +
             escaped(slash == step.npos ? step : step.substr(slash + 1)) + "\"/>\n";
    write_file(path_,
               "<?xml version=\"1.0\"?>\n<VTKFile type=\"Collection\" version=\"1.0\" "
               "byte_order=\"LittleEndian\">\n<Collection>\n" +
                   list_ + "</Collection>\n</VTKFile>\n");
  }

 private:
  std::string path_, list_;
  Encoding encoding_;
  int n_ = 0;
};

}  // namespace amq::io::vtu
