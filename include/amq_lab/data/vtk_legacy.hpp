#pragma once
/// @file
/// VTK's legacy files (.vtk, versions 1 to 5.1, ASCII and binary): unstructured grids and polygons
/// of one kind of cell, with their point and cell fields.
///
///     const amq::MeshSample s = amq::lab::vtk_legacy::read("quadpress_smpl.vtk");
///     s.node.at("point_scalars");            // (node, channel)

#include <amq/mesh/sample.hpp>
#include <amq_lab/data/npy.hpp>

#include <charconv>

namespace amq::lab::vtk_legacy {

namespace detail {

class Parser {
 public:
  Parser(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  MeshSample read() {
    if (!line().starts_with("# vtk DataFile Version"))
      fail("a legacy VTK file", "another first line");
    line();  // title
    const auto kind = line();
    if (kind != "ASCII" && kind != "BINARY") fail("ASCII or BINARY", std::string(kind));
    binary_ = kind == "BINARY";
    std::string_view where;  // which fields follow
    for (auto w = word(); !w.empty(); w = word()) {
      const std::string key = upper(w);
      if (key == "DATASET") {
        const auto name = upper(word());
        if (name != "UNSTRUCTURED_GRID" && name != "POLYDATA") {
          fail("UNSTRUCTURED_GRID or POLYDATA", name);
        }
      } else if (key == "POINTS") {
        points();
      } else if (key == "CELLS" || key == "POLYGONS") {
        cells(key == "POLYGONS");
      } else if (key == "CELL_TYPES") {
        types_ = numbers(count(), "int").as<std::int64_t>(path_ + ": CELL_TYPES");
      } else if (key == "POINT_DATA" || key == "CELL_DATA") {
        where = key == "POINT_DATA" ? "node" : "cell";
        rows_ = count();
        const auto expected =
            where == "node" ? n_points_ : first_.size() - std::min<std::size_t>(first_.size(), 1);
        if (rows_ != expected)
          fail(std::to_string(expected) + " values of " + key, std::to_string(rows_));
      } else if (key == "METADATA") {
        skip_metadata();
      } else if (where.empty()) {
        fail("POINTS, CELLS, CELL_TYPES, POINT_DATA or CELL_DATA", std::string(w));
      } else {
        attribute(key, where == "node" ? sample_.node : sample_.cell);
      }
    }
    build();
    return std::move(sample_);
  }

 private:
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw Error(path_, expected, "'" + found.substr(0, 60) + "'",
                "Write it with VTK or meshio as a legacy unstructured grid.");
  }
  static std::string upper(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return out;
  }
  static bool blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  /// Up to the next end of line, without trailing blanks.
  std::string_view line() {
    const auto end = std::min(rest_.find('\n'), rest_.size());
    auto out = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    while (!out.empty() && blank(out.back())) out.remove_suffix(1);
    return out;
  }
  std::string_view word() {
    while (!rest_.empty() && blank(rest_[0])) rest_.remove_prefix(1);
    std::size_t n = 0;
    while (n < rest_.size() && !blank(rest_[n])) ++n;
    const auto out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  /// Ends with an empty line.
  void skip_metadata() {
    line();
    while (!rest_.empty() && !line().empty()) continue;
  }
  /// A number of things: never more than there are bytes left.
  std::size_t count() {
    const auto w = word();
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), n);
    if (error != std::errc() || end != w.data() + w.size() || n > rest_.size()) {
      fail("a count the file has room for", std::string(w));
    }
    return n;
  }

  static DType type_of(const std::string& name) {
    if (name == "float") return DType::f32;
    if (name == "double") return DType::f64;
    if (name == "int") return DType::i32;
    if (name == "unsigned_int") return DType::u32;
    if (name == "long" || name == "vtktypeint64" || name == "vtkidtype") return DType::i64;
    if (name == "unsigned_long" || name == "vtktypeuint64") return DType::u64;
    if (name == "short") return DType::i16;
    if (name == "unsigned_short") return DType::u16;
    if (name == "char" || name == "signed_char") return DType::i8;
    if (name == "unsigned_char") return DType::u8;
    return DType::c128;  // none of these
  }
  /// n values of a type, which follow on the next line: big-endian bytes, or text.
  Array numbers(std::size_t n, std::string_view type_name) {
    std::string name(type_name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const DType type = type_of(name);
    if (type == DType::c128) fail("a numeric type", name);
    Array a;
    a.dtype = type;
    a.shape = {static_cast<Index>(n)};
    if (binary_) {
      line();
      if (n > rest_.size() / size_of(type))
        fail(std::to_string(n) + " values of " + name, "the end");
      const auto b = as_bytes(rest_.substr(0, n * size_of(type)));
      a.bytes.assign(b.begin(), b.end());
      npy::detail::swap_words(a.bytes, size_of(type));
      rest_.remove_prefix(a.bytes.size());
      return a;
    }
    if (n > rest_.size()) fail(std::to_string(n) + " values of " + name, "the end");
    if (is_float(type)) {
      std::vector<double> v(n);
      for (auto& x : v) x = value<double>();
      return Array::of(v);
    }
    std::vector<std::int64_t> v(n);
    for (auto& x : v) x = value<std::int64_t>();
    return Array::of(v);
  }
  template <typename T>
  T value() {
    const auto w = word();
    T x{};
    const auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), x);
    if (error != std::errc() || end != w.data() + w.size()) fail("a number", std::string(w));
    return x;
  }

  void points() {
    n_points_ = count();
    if (n_points_ > rest_.size() / 3)
      fail("three coordinates a point", std::to_string(n_points_) + " points");
    const Array a = numbers(3 * n_points_, word());
    expect_finite(a, path_ + ": POINTS");
    sample_.mesh.dim = 3;
    sample_.mesh.points = a.as<double>();
  }
  void cells(bool polygons) {
    const std::string where = path_ + ": CELLS";
    const std::size_t n = count(), size = count();
    // Since version 5.1: offsets and connectivity as two arrays. Before: each cell's count, then
    // its nodes.
    const auto before = rest_;
    if (upper(word()) == "OFFSETS") {
      first_ = numbers(n, word()).as<std::int64_t>(where);
      if (upper(word()) != "CONNECTIVITY") fail("CONNECTIVITY", "another word");
      ids_ = numbers(size, word()).as<std::int64_t>(where);
    } else {
      rest_ = before;
      const auto all = numbers(size, "int").as<std::int64_t>(where);
      first_ = {0};
      for (std::size_t at = 0, c = 0; c < n; ++c) {
        const auto corners = at < all.size() ? all[at] : -1;
        if (corners < 0 || static_cast<std::size_t>(corners) > all.size() - at - 1) {
          fail("the nodes of cell " + std::to_string(c), std::to_string(corners) + " nodes");
        }
        const auto from = all.begin() + static_cast<Index>(at) + 1;
        ids_.insert(ids_.end(), from, from + corners);
        first_.push_back(static_cast<std::int64_t>(ids_.size()));
        at += static_cast<std::size_t>(corners) + 1;
      }
    }
    polygons_ = polygons;
  }

  void attribute(const std::string& key, MeshSample::Fields& fields) {
    if (key == "SCALARS") {
      const std::string name(word()), type(word());
      const auto tail = line();  // an optional number of components
      std::size_t components = 1;
      for (const char c : tail) {
        if (c >= '1' && c <= '9') components = static_cast<std::size_t>(c - '0');
      }
      const auto before = rest_;
      if (upper(word()) == "LOOKUP_TABLE")
        word();
      else
        rest_ = {before.data() - 1, before.size() + 1};  // numbers() expects the line's end ahead
      keep(fields, name, components, type);
    } else if (key == "VECTORS" || key == "NORMALS") {
      const std::string name(word()), type(word());
      keep(fields, name, 3, type);
    } else if (key == "TENSORS") {
      const std::string name(word()), type(word());
      keep(fields, name, 9, type);
    } else if (key == "FIELD") {
      word();
      for (auto n = count(); n > 0; --n) {
        auto name = word();
        if (name == "METADATA") {
          skip_metadata();
          name = word();
        }
        const std::string own(name);
        const std::size_t components = count(), rows = count();
        if (rows != rows_) fail(std::to_string(rows_) + " rows of " + own, std::to_string(rows));
        const std::string type(word());
        keep(fields, own, components, type);
      }
    } else if (key == "LOOKUP_TABLE") {
      word();
      const std::size_t n = count();
      if (n > rest_.size() / 4) fail("a table of colours", std::to_string(n) + " of them");
      if (binary_)
        numbers(4 * n, "unsigned_char");
      else
        numbers(4 * n, "float");
    } else {
      fail("SCALARS, VECTORS, NORMALS, TENSORS or FIELD", key);
    }
  }
  void keep(MeshSample::Fields& fields, const std::string& name, std::size_t components,
            std::string_view type) {
    if (components == 0 || components > 1000 || rows_ > rest_.size() / components + 1) {
      fail("values for " + name, std::to_string(components) + " components");
    }
    const Array a = numbers(rows_ * components, type);
    expect_finite(a, path_ + ": " + name);
    std::string decoded;  // VTK writes a blank as %20
    for (std::size_t k = 0; k < name.size(); ++k) {
      int c = 0;
      if (name[k] == '%' && k + 2 < name.size() &&
          std::from_chars(name.data() + k + 1, name.data() + k + 3, c, 16).ptr ==
              name.data() + k + 3) {
        decoded += static_cast<char>(c);
        k += 2;
      } else {
        decoded += name[k];
      }
    }
    fields[decoded] = a.as<float>();
  }

  void build() {
    Mesh& m = sample_.mesh;
    if (n_points_ == 0) fail("POINTS", "none");
    const auto n = first_.empty() ? 0 : first_.size() - 1;
    if (!polygons_ && types_.size() != n)
      fail(std::to_string(n) + " CELL_TYPES", std::to_string(types_.size()));
    std::int64_t corners = 0, type = 0;
    for (std::size_t c = 0; c < n; ++c) {
      const auto begin = first_[c], end = first_[c + 1];
      if (begin < 0 || end <= begin || end > static_cast<std::int64_t>(ids_.size()) ||
          end - begin > 8) {
        fail("1 to 8 nodes a cell", std::to_string(end - begin) + " in cell " + std::to_string(c));
      }
      const auto t = polygons_ ? 0 : types_[c];
      if (c > 0 && (end - begin != corners || t != type)) {
        fail("cells of one kind", "another in cell " + std::to_string(c));
      }
      corners = end - begin;
      type = t;
      for (auto k = begin; k < end; ++k) {
        const auto id = ids_[static_cast<std::size_t>(k)];
        if (id < 0 || id >= static_cast<std::int64_t>(n_points_)) {
          fail("node ids of 0 to " + std::to_string(n_points_ - 1), std::to_string(id));
        }
        m.cells.push_back(static_cast<std::int32_t>(id));
      }
    }
    const bool flat = polygons_ ? corners == 3 || corners == 4 : type == 5 || type == 9;
    if (n > 0 && !flat && type != 10 && type != 12) {
      fail("triangles, quads, tetrahedra or hexahedra", "VTK cell type " + std::to_string(type));
    }
    const int needed = type == 5                 ? 3
                       : type == 9 || type == 10 ? 4
                       : type == 12              ? 8
                                                 : static_cast<int>(corners);
    if (n > 0 && corners != needed)
      fail(std::to_string(needed) + " nodes a cell", std::to_string(corners));
    m.nodes_per_cell = n > 0 ? static_cast<int>(corners) : 3;
    if (flat) m.cell_dim = 2;
    drop_flat_axis(m, flat);
  }
  /// VTK has three coordinates always: a flat mesh whose z are all zero is one in the plane.
  static void drop_flat_axis(Mesh& m, bool flat) {
    if (!flat) return;
    for (std::size_t k = 2; k < m.points.size(); k += 3) {
      if (m.points[k] != 0) return;
    }
    std::vector<double> p;
    for (std::size_t k = 0; k < m.points.size(); ++k) {
      if (k % 3 < 2) p.push_back(m.points[k]);
    }
    m.points = std::move(p);
    m.dim = 2;
    m.cell_dim = 0;
  }

  std::string_view rest_;
  const std::string& path_;
  bool binary_ = false, polygons_ = false;
  std::size_t n_points_ = 0, rows_ = 0;
  std::vector<std::int64_t> first_, ids_, types_;
  MeshSample sample_;
};

}  // namespace detail

/// Throws Error naming the file for what is cut short, damaged, NaN, of mixed cells, or no legacy
/// unstructured grid.
[[nodiscard]] inline MeshSample read(const std::string& path) {
  const Bytes file = read_file(path);
  return detail::Parser(as_text(file), path).read();
}

}  // namespace amq::lab::vtk_legacy
