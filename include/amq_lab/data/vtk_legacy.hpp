#pragma once
/// @file
/// VTK's legacy files (.vtk, versions 1 to 5.1, ASCII and binary): unstructured grids and polygons
/// of one kind of cell, with their point and cell fields.
///
/// What stands beside them is read past: cells of a lower dimension (corners, outlines, a
/// boundary's facets) with their rows of CELL_DATA, the data set's own field data (TIME, CYCLE),
/// texts, and attributes of which a solver has no use (GLOBAL_IDS, PEDIGREE_IDS, COLOR_SCALARS,
/// TEXTURE_COORDINATES, EDGE_FLAGS).
///
///     const amq::mesh::MeshSample s = amq::lab::vtk_legacy::read("quadpress_smpl.vtk");
///     s.node.at("point_scalars");            // (node, channel)

#include <amq/core/float_environment.hpp>
#include <amq/core/from_text.hpp>
#include <amq/mesh/sample.hpp>
#include <amq_lab/data/as_read.hpp>
#include <amq_lab/data/npy.hpp>
#include <amq_lab/data/vtk_cells.hpp>

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
    const std::string kind = upper(line());
    if (kind != "ASCII" && kind != "BINARY") fail("ASCII or BINARY", kind);
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
        cells_ = cells(key);
        cells_.polygons = key == "POLYGONS";
      } else if (key == "VERTICES" || key == "LINES") {
        n_before_ += cells(key).count();
      } else if (key == "TRIANGLE_STRIPS") {
        if (cells(key).count() > 0)
          throw Error(path_, "polygons, each with its own corners", "TRIANGLE_STRIPS",
                      "Pass the surface through vtkTriangleFilter before it is written.");
      } else if (key == "FIELD" && where.empty()) {
        field([&](const std::string& name, std::size_t components, std::size_t rows,
                  std::string_view type) { pass(name, components, rows, type); });
      } else if (key == "CELL_TYPES") {
        types_ = numbers(count(), "int").as<std::int64_t>(path_ + ": CELL_TYPES");
      } else if (key == "POINT_DATA" || key == "CELL_DATA") {
        where = key == "POINT_DATA" ? "node" : "cell";
        rows_ = count(bits_a_byte);
        const auto expected = where == "node" ? n_points_ : n_before_ + cells_.count();
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
  [[noreturn]] void fail(
      const std::string& expected, const std::string& found,
      const char* mend = "Write it with VTK or meshio as a legacy unstructured grid.") const {
    throw Error(path_, expected, "'" + found.substr(0, 90) + "'", mend);
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
  /// @param a_byte  how many of the things a byte of the file may hold
  std::size_t count(std::size_t a_byte = 1) {
    const auto w = word();
    std::size_t n = 0;
    const auto [end, error] = from_text(w.data(), w.data() + w.size(), n);
    if (error != std::errc() || end != w.data() + w.size() || n > a_byte * rest_.size()) {
      fail("a count the file has room for", std::string(w));
    }
    return n;
  }

  static constexpr std::size_t bits_a_byte = 8;  // rows are counted before their type is known

  static DType type_of(const std::string& name) {
    if (name == "float") return DType::f32;
    if (name == "double") return DType::f64;
    if (name == "int") return DType::i32;
    if (name == "unsigned_int") return DType::u32;
    if (name == "long" || name == "vtktypeint64") return DType::i64;
    // Written as int, whatever its size in memory (IO/Legacy/vtkDataWriter.cxx).
    if (name == "vtkidtype" || name == "vtktypeint32") return DType::i32;
    if (name == "vtktypeuint32") return DType::u32;
    if (name == "unsigned_long" || name == "vtktypeuint64") return DType::u64;
    if (name == "short" || name == "vtktypeint16") return DType::i16;
    if (name == "unsigned_short" || name == "vtktypeuint16") return DType::u16;
    if (name == "char" || name == "signed_char" || name == "vtktypeint8") return DType::i8;
    if (name == "unsigned_char" || name == "vtktypeuint8") return DType::u8;
    return DType::c128;  // none of these
  }
  static std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
  }
  /// n values of a type, which follow on the next line: big-endian bytes, or text.
  Array numbers(std::size_t n, std::string_view type_name) {
    const std::string name = lower(type_name);
    if (name == "bit") return bits(n);
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
      return from_words<double>(n);
    }
    if (type == DType::u64) return from_words<std::uint64_t>(n);
    return from_words<std::int64_t>(n);
  }
  template <typename T>
  Array from_words(std::size_t n) {
    std::vector<T> v(n);
    for (auto& x : v) x = value<T>();
    return Array::of(v);
  }
  /// 0 and 1; in binary eight a byte, the first one highest.
  Array bits(std::size_t n) {
    if (!binary_) return numbers(n, "unsigned_char");
    const Array packed = numbers((n + 7) / 8, "unsigned_char");
    Array a;
    a.dtype = DType::u8;
    a.shape = {static_cast<Index>(n)};
    a.bytes.resize(n);
    for (std::size_t k = 0; k < n; ++k)
      a.bytes[k] = packed.bytes[k / 8] >> (7 - k % 8) & std::byte{1};
    return a;
  }
  template <typename T>
  T value() {
    auto w = word();
    if (w.size() > 1 && w[0] == '+') w.remove_prefix(1);
    T x{};
    const auto [end, error] = from_text(w.data(), w.data() + w.size(), x);
    if (error != std::errc() || end != w.data() + w.size()) fail("a number", std::string(w));
    return x;
  }

  void points() {
    n_points_ = count();
    if (n_points_ > rest_.size() / 3)
      fail("three coordinates a point", std::to_string(n_points_) + " points");
    const Array a = numbers(3 * n_points_, word());
    sample_.mesh.dim = 3;
    sample_.mesh.points = finite<double>(a, path_ + ": POINTS");
  }
  vtk::Cells cells(const std::string& key) {
    const std::string where = path_ + ": " + key;
    const std::size_t n = count(), size = count();
    vtk::Cells out;
    // Since version 5.1: offsets and connectivity as two arrays. Before: each cell's count, then
    // its nodes.
    const auto before = rest_;
    if (upper(word()) == "OFFSETS") {
      out.first = numbers(n, word()).as<std::int64_t>(where);
      if (upper(word()) != "CONNECTIVITY") fail("CONNECTIVITY", "another word");
      out.ids = numbers(size, word()).as<std::int64_t>(where);
      return out;
    }
    rest_ = before;
    const auto all = numbers(size, "int").as<std::int64_t>(where);
    out.first = {0};
    for (std::size_t at = 0, c = 0; c < n; ++c) {
      const auto corners = at < all.size() ? all[at] : -1;
      if (corners < 0 || static_cast<std::size_t>(corners) > all.size() - at - 1) {
        fail("the nodes of cell " + std::to_string(c), std::to_string(corners) + " nodes");
      }
      const auto from = all.begin() + static_cast<Index>(at) + 1;
      out.ids.insert(out.ids.end(), from, from + corners);
      out.first.push_back(static_cast<std::int64_t>(out.ids.size()));
      at += static_cast<std::size_t>(corners) + 1;
    }
    return out;
  }

  void attribute(const std::string& key, MeshSample::Fields& fields) {
    if (key == "SCALARS") {
      const std::string name(word()), type(word());
      const auto tail = line();  // an optional number of components
      const auto digits = tail.find_first_not_of(" \t");
      std::size_t components = 1;
      if (digits != tail.npos) {
        const auto [end, error] =
            from_text(tail.data() + digits, tail.data() + tail.size(), components);
        if (error != std::errc() || end != tail.data() + tail.size())
          fail("a number of components of " + name, std::string(tail));
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
    } else if (key == "TENSORS" || key == "TENSORS6") {
      const std::string name(word()), type(word());
      keep(fields, name, key == "TENSORS" ? 9 : 6, type);
    } else if (key == "GLOBAL_IDS" || key == "PEDIGREE_IDS" || key == "EDGE_FLAGS") {
      const std::string name(word()), type(word());
      pass(name, 1, rows_, type);
    } else if (key == "TEXTURE_COORDINATES") {
      const std::string name(word());
      const std::size_t components = count();
      pass(name, components, rows_, word());
    } else if (key == "COLOR_SCALARS") {
      const std::string name(word());
      pass(name, count(), rows_, binary_ ? "unsigned_char" : "float");
    } else if (key == "FIELD") {
      field([&](const std::string& name, std::size_t components, std::size_t rows,
                std::string_view type) {
        if (components == 0 || (rows == 0 && rows_ > 0)) return;  // an array that was never filled
        if (rows != rows_) fail(std::to_string(rows_) + " rows of " + name, std::to_string(rows));
        const std::string kind = lower(type);
        if (kind == "bit" || type_of(kind) != DType::c128)
          keep(fields, name, components, type);
        else
          pass(name, components, rows, type);
      });
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
  /// Calls take(name, components, rows, type) at the values of each array.
  template <typename F>
  void field(F take) {
    word();
    for (auto n = count(); n > 0; --n) {
      auto name = word();
      if (upper(name) == "METADATA") {
        skip_metadata();
        name = word();
      }
      const std::string own(name);
      const std::size_t components = count(), rows = count(bits_a_byte);
      const std::string type(word());
      take(own, components, rows, type);
    }
  }
  /// Reads past values, whatever their type. @throws amq::Error naming a type VTK does not have
  void pass(const std::string& name, std::size_t components, std::size_t rows,
            std::string_view type) {
    const std::string kind = lower(type);
    if (components > 0 && rows > 8 * rest_.size() / components + 1)
      fail("values for " + name, std::to_string(rows) + " rows");
    const std::size_t n = rows * components;
    if (kind == "string" || kind == "utf8_string" || kind == "unicode_string") {
      pass_texts(n, name);
    } else if (kind == "variant") {
      line();
      for (std::size_t k = 0; k < n; ++k) line();
    } else if (kind != "bit" && type_of(kind) == DType::c128) {
      fail("a type of VTK for " + name, kind);
    } else {
      numbers(n, type);
    }
  }
  /// A line each, or in binary a length before each: its first two bits say how many bytes it has.
  void pass_texts(std::size_t n, const std::string& name) {
    line();
    for (std::size_t k = 0; k < n; ++k) {
      if (rest_.empty()) fail(std::to_string(n) + " texts of " + name, "the end");
      if (!binary_) {
        line();
        continue;
      }
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest_[i]); };
      const std::size_t bytes = std::size_t{8} >> (byte(0) >> 6);
      std::uint64_t length = byte(0) & 0x3fu;
      if (rest_.size() < bytes) fail(std::to_string(n) + " texts of " + name, "the end");
      for (std::size_t i = 1; i < bytes; ++i) length = length << 8 | byte(i);
      if (length > rest_.size() - bytes) fail(std::to_string(n) + " texts of " + name, "the end");
      rest_.remove_prefix(bytes + static_cast<std::size_t>(length));
    }
  }
  void keep(MeshSample::Fields& fields, const std::string& name, std::size_t components,
            std::string_view type) {
    const std::size_t a_byte = lower(type) == "bit" ? bits_a_byte : 1;  // at the most
    const std::size_t most = components == 0 ? 0 : a_byte * rest_.size() / components + a_byte;
    if (components == 0 || components > 1000 || rows_ > most) {
      fail("values for " + name, std::to_string(components) + " components");
    }
    const Array a = numbers(rows_ * components, type);
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
    if (!fields.emplace(decoded, finite<float>(a, path_ + ": " + name)).second)
      fail("names of fields that occur once", decoded + " again",
           "Give one of the two another name: they would be mistaken for each other.");
  }

  void build() {
    if (n_points_ == 0) fail("POINTS", "none");
    cells_.types = std::move(types_);
    cells_.before = n_before_;
    vtk::keep_cells(sample_, n_points_, cells_, [&](const auto&... words) { fail(words...); });
  }

  std::string_view rest_;
  const std::string& path_;
  bool binary_ = false;
  std::size_t n_points_ = 0, rows_ = 0;
  vtk::Cells cells_;
  std::vector<std::int64_t> types_;
  std::size_t n_before_ =
      0;  ///< corners and lines of a surface, whose rows of CELL_DATA come first
  MeshSample sample_;
};

}  // namespace detail

/// Every point as the file has it, those of no cell too, and all three of its coordinates.
/// @throws amq::Error as read()
[[nodiscard]] inline MeshSample read_as_stored(const std::string& path) {
  const FloatEnvironment own;
  const Bytes file = read_file(path);
  return detail::Parser(as_text(file), path).read();
}
/// Points of no cell are left out, and a flat surface is a mesh of the plane (as_read.hpp).
/// @throws amq::Error naming the file for what is cut short, damaged, not finite as a float, of
///         several kinds of cells of the highest dimension, or no legacy unstructured grid
[[nodiscard]] inline MeshSample read(const std::string& path) {
  const FloatEnvironment own;
  MeshSample s = read_as_stored(path);
  drop_orphans(s);
  to_plane(s.mesh);
  return s;
}

}  // namespace amq::lab::vtk_legacy
