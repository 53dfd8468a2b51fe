#pragma once
/// @file
/// VTK's XML files of unstructured grids (.vtu), as ParaView, VTK, meshio and amq::io::vtu write
/// them: one piece, cells of one kind but lines, point and cell fields. Numbers as text, as base64,
/// or appended raw or as base64; UInt32 or UInt64 headers, either byte order, and zlib's
/// compression where a decompressor is given.
///
///     const amq::mesh::MeshSample s = amq::lab::vtu::read("plate.vtu", amq::lab::zlib_inflate);
///     s.node.at("stress");                   // (node, channel)

#include <amq/core/float_environment.hpp>
#include <amq/core/from_text.hpp>
#include <amq/io/array.hpp>
#include <amq/io/file.hpp>
#include <amq_lab/data/as_read.hpp>
#include <amq_lab/data/inflate.hpp>
#include <amq_lab/data/npy.hpp>
#include <amq_lab/data/vtk_cells.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

namespace amq::lab::vtu {

namespace detail {

/// An opening tag of XML, and what it says.
struct Tag {
  std::string name;
  std::map<std::string, std::string> says;
  bool closes = false;  ///< </name>
  bool empty = false;   ///< <name/>
};

/// RFC 4648; blanks between digits are read past. Empty for what is none.
[[nodiscard]] inline std::optional<Bytes> from_base64(std::string_view text) {
  Bytes out;
  std::uint32_t x = 0;
  int digits = 0, padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    int v = -1;
    if (c >= 'A' && c <= 'Z') v = c - 'A';
    if (c >= 'a' && c <= 'z') v = c - 'a' + 26;
    if (c >= '0' && c <= '9') v = c - '0' + 52;
    if (c == '+') v = 62;
    if (c == '/') v = 63;
    if (c == '=') {
      v = 0;
      ++padding;
    } else if (v < 0 || padding > 0) {
      return std::nullopt;
    }
    x = x << 6 | static_cast<std::uint32_t>(v);
    if (++digits < 4) continue;
    for (int k = 0; k < 3 - padding; ++k)
      out.push_back(static_cast<std::byte>(x >> (16 - 8 * k) & 0xffu));
    if (padding > 2) return std::nullopt;
    x = 0;
    digits = padding = 0;
  }
  return digits == 0 ? std::optional(std::move(out)) : std::nullopt;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& path, Inflate inflate)
      : text_(text), rest_(text), path_(path), inflate_(inflate) {}

  MeshSample read() {
    find_appended();
    for (auto t = tag(); t; t = tag()) {
      if (t->closes) {
        if (t->name == section_) section_.clear();
        whole_ = whole_ || t->name == "UnstructuredGrid";
      } else if (t->name == "VTKFile") {
        file(*t);
      } else if (t->name == "Piece") {
        piece(*t);
      } else if (t->name == "DataArray") {
        array(*t);
      } else if (t->name == "AppendedData") {
        break;
      } else if (!t->empty) {
        for (const char* s : {"Points", "Cells", "PointData", "CellData", "FieldData"})
          if (t->name == s) section_ = s;
      }
    }
    return build();
  }

 private:
  [[noreturn]] void fail(
      const std::string& expected, const std::string& found,
      const char* mend = "Write it with ParaView, VTK or meshio as an unstructured grid.") const {
    throw Error(path_, expected, "'" + found.substr(0, 90) + "'", mend);
  }

  // ---- XML, as far as VTK writes it

  static bool blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  void skip_blanks() {
    while (!rest_.empty() && blank(rest_[0])) rest_.remove_prefix(1);
  }
  std::string name() {
    std::size_t n = 0;
    while (n < rest_.size() && !blank(rest_[n]) && rest_[n] != '>' && rest_[n] != '/' &&
           rest_[n] != '=')
      ++n;
    const std::string out(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return out;
  }
  static std::string unescaped(std::string_view s) {
    std::string out;
    while (!s.empty()) {
      bool found = false;
      for (const auto& [code, c] : {std::pair<std::string_view, char>{"&amp;", '&'},
                                    {"&lt;", '<'},
                                    {"&gt;", '>'},
                                    {"&quot;", '"'},
                                    {"&apos;", '\''}})
        if (!found && s.starts_with(code)) {
          out += c;
          s.remove_prefix(code.size());
          found = true;
        }
      if (found) continue;
      out += s[0];
      s.remove_prefix(1);
    }
    return out;
  }
  /// The next one; comments, declarations and what stands between tags are read past.
  std::optional<Tag> tag() {
    for (;;) {
      const auto at = rest_.find('<');
      if (at == rest_.npos) return std::nullopt;
      rest_.remove_prefix(at + 1);
      for (const auto& [begin, end] :
           {std::pair<std::string_view, std::string_view>{"?", "?>"}, {"!--", "-->"}})
        if (rest_.starts_with(begin)) {
          const auto over = rest_.find(end);
          if (over == rest_.npos) fail("the end of a comment", "the end of the file");
          rest_.remove_prefix(over);
        }
      if (rest_.starts_with("?>") || rest_.starts_with("-->")) continue;
      Tag t;
      if (rest_.starts_with('/')) {
        t.closes = true;
        rest_.remove_prefix(1);
      }
      t.name = name();
      for (skip_blanks(); !rest_.empty() && rest_[0] != '>'; skip_blanks()) {
        if (rest_[0] == '/') {
          t.empty = true;
          rest_.remove_prefix(1);
          continue;
        }
        const std::string key = name();
        skip_blanks();
        if (key.empty() || !rest_.starts_with('=')) fail("name=\"value\" in <" + t.name, key);
        rest_.remove_prefix(1);
        skip_blanks();
        const char quote = rest_.empty() ? ' ' : rest_[0];
        const auto end = quote == '"' || quote == '\'' ? rest_.find(quote, 1) : rest_.npos;
        if (end == rest_.npos) fail("a quoted value of " + key, "none");
        t.says[key] = unescaped(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
      }
      if (rest_.empty()) fail("the end of <" + t.name, "the end of the file");
      rest_.remove_prefix(1);
      return t;
    }
  }
  [[nodiscard]] static std::string said(const Tag& t, const std::string& key,
                                        const std::string& otherwise = "") {
    const auto at = t.says.find(key);
    return at == t.says.end() ? otherwise : at->second;
  }
  /// A number of things: never more than there are bytes in the file, unless compressed.
  std::size_t count(const Tag& t, const std::string& key, const std::string& otherwise = "") const {
    const std::string s = said(t, key, otherwise);
    std::size_t n = 0;
    const auto [end, error] = from_text(s.data(), s.data() + s.size(), n);
    if (error != std::errc() || end != s.data() + s.size() || n > most_)
      fail("a count " + key + " of <" + t.name, s);
    return n;
  }

  // ---- The file

  /// Raw bytes may look like tags: they are cut off before any is read.
  void find_appended() {
    const auto at = text_.find("<AppendedData");
    if (at == text_.npos) return;
    const auto open = text_.find('>', at), begin = text_.find('_', at);
    if (open == text_.npos || begin == text_.npos) fail("data after '_' in <AppendedData", "none");
    raw_ = text_.substr(at, open - at).find("raw") != text_.npos;
    appended_ = text_.substr(begin + 1);
    rest_ = text_.substr(0, at);
  }
  void file(const Tag& t) {
    const std::string type = said(t, "type");
    if (type == "PUnstructuredGrid")
      fail("a mesh", "a list of the pieces of one, " + type,
           "Merge them (ParaView's Merge Blocks, vtkAppendFilter with MergePoints) into one .vtu.");
    if (type != "UnstructuredGrid") fail("type UnstructuredGrid", type);
    const std::string order = said(t, "byte_order", "LittleEndian"),
                      header = said(t, "header_type", "UInt32"), compressor = said(t, "compressor");
    if (order != "LittleEndian" && order != "BigEndian") fail("LittleEndian or BigEndian", order);
    if (header != "UInt32" && header != "UInt64") fail("header_type UInt32 or UInt64", header);
    swapped_ = order == "BigEndian";
    word_ = header == "UInt32" ? 4 : 8;
    compressor_ = compressor;
    known_ = true;
  }
  void piece(const Tag& t) {
    if (!known_) fail("<VTKFile first", "<Piece");
    if (has_piece_)
      fail(
          "one piece", "several",
          "Merge them (ParaView's Merge Blocks, vtkAppendFilter with MergePoints) and save again.");
    has_piece_ = true;
    n_points_ = count(t, "NumberOfPoints");
    n_cells_ = count(t, "NumberOfCells");
  }
  void array(const Tag& t) {
    if (section_.empty() || section_ == "FieldData" || !has_piece_) return;
    const std::string name = said(t, "Name");
    const std::size_t components = count(t, "NumberOfComponents", "1");
    const bool own = section_ == "Points" || section_ == "Cells";
    const std::size_t rows = section_ == "PointData" || section_ == "Points" ? n_points_ : n_cells_;
    if (!own && components == 0) return;  // an array that was never filled
    if (!own && components > 1000)
      fail("1 to 1000 components of " + name, std::to_string(components));
    const std::string type = said(t, "type");
    if (!own && (type == "String" || type.empty())) return;
    const Array a = type == "Bit" ? bits(t, rows * components) : numbers(t);
    const auto n = static_cast<std::size_t>(a.size());
    if (!own && n == 0 && rows > 0) return;
    const auto want = [&](std::size_t expected) {
      if (n != expected) fail(std::to_string(expected) + " numbers of " + name, std::to_string(n));
    };
    const std::string where = path_ + ": " + name;
    if (section_ == "Points") {
      want(3 * n_points_);
      sample_.mesh.dim = 3;
      sample_.mesh.points = finite<double>(a, path_ + ": Points");
    } else if (section_ == "Cells") {
      if (name == "connectivity") cells_.ids = a.as<std::int64_t>(where);
      if (name != "offsets" && name != "types") return;
      want(n_cells_);
      if (name == "types") cells_.types = a.as<std::int64_t>(where);
      if (name == "offsets") {
        cells_.first = a.as<std::int64_t>(where);
        cells_.first.insert(cells_.first.begin(), 0);
      }
    } else {
      want(rows * components);
      auto& fields = section_ == "PointData" ? sample_.node : sample_.cell;
      if (!fields.emplace(name, finite<float>(a, where)).second)
        fail("names of fields that occur once", name + " again",
             "Give one of the two another name: they would be mistaken for each other.");
    }
  }

  // ---- Numbers

  [[nodiscard]] DType type_of(const std::string& name) const {
    const std::pair<const char*, DType> all[] = {{"Int8", DType::i8},     {"UInt8", DType::u8},
                                                 {"Int16", DType::i16},   {"UInt16", DType::u16},
                                                 {"Int32", DType::i32},   {"UInt32", DType::u32},
                                                 {"Int64", DType::i64},   {"UInt64", DType::u64},
                                                 {"Float32", DType::f32}, {"Float64", DType::f64}};
    for (const auto& [own, type] : all)
      if (name == own) return type;
    fail("a type as Float64 or Int32", name);
  }
  /// Up to the next tag.
  std::string_view content() {
    const auto end = std::min(rest_.find('<'), rest_.size());
    const auto out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return out;
  }
  /// 0 and 1, eight a byte, the first one highest.
  Array bits(const Tag& t, std::size_t n) {
    Array a = numbers(t, "UInt8");
    if (said(t, "format", "ascii") == "ascii" || a.size() != (n + 7) / 8) return a;
    Array one(DType::u8, {static_cast<Index>(n)});
    for (std::size_t k = 0; k < n; ++k) one.bytes[k] = a.bytes[k / 8] >> (7 - k % 8) & std::byte{1};
    return one;
  }
  Array numbers(const Tag& t) { return numbers(t, said(t, "type")); }
  Array numbers(const Tag& t, const std::string& type_name) {
    const std::string format = said(t, "format", "ascii");
    const DType type = type_of(type_name);
    const std::string_view inside = t.empty ? std::string_view() : content();
    if (format == "ascii") return from_words(inside, type);
    Array a;
    a.dtype = type;
    if (format == "binary") {
      a.bytes = decoded(inside, false);
    } else if (format == "appended") {
      const std::size_t at = count(t, "offset");
      if (at > appended_.size()) fail("an offset into the appended data", std::to_string(at));
      a.bytes = decoded(appended_.substr(at), raw_);
    } else {
      fail("ascii, binary or appended", format);
    }
    if (a.bytes.size() % size_of(type) != 0)
      fail("whole numbers of " + said(t, "Name"), std::to_string(a.bytes.size()) + " bytes");
    if (swapped_) npy::detail::swap_words(a.bytes, size_of(type));
    a.shape = {static_cast<Index>(a.bytes.size() / size_of(type))};
    return a;
  }
  Array from_words(std::string_view s, DType type) const {
    std::vector<double> floats;
    std::vector<std::int64_t> ints;
    std::vector<std::uint64_t> wide;  // ids beyond what has a sign
    for (;;) {
      while (!s.empty() && blank(s[0])) s.remove_prefix(1);
      if (s.empty()) break;
      std::size_t n = 0;
      while (n < s.size() && !blank(s[n])) ++n;
      const char *begin = s.data() + (n > 1 && s[0] == '+' && s[1] != '-' ? 1 : 0),
                 *end = s.data() + n;
      bool good = false;
      if (is_float(type)) {
        const auto r = from_text(begin, end, floats.emplace_back());
        good = r.ec == std::errc() && r.ptr == end;
      } else if (type == DType::u64) {
        const auto r = from_text(begin, end, wide.emplace_back());
        good = r.ec == std::errc() && r.ptr == end;
      } else {
        const auto r = from_text(begin, end, ints.emplace_back());
        good = r.ec == std::errc() && r.ptr == end;
      }
      if (!good) fail("a number", std::string(s.substr(0, n)));
      s.remove_prefix(n);
    }
    if (is_float(type)) return Array::of(floats);
    return type == DType::u64 ? Array::of(wide) : Array::of(ints);
  }

  /// Words of the header at the start of bytes.
  std::uint64_t header_word(std::span<const std::byte> bytes, std::size_t k) const {
    if (bytes.size() / word_ <= k) fail("a header before numbers", "the end of the data");
    Bytes own(bytes.begin() + static_cast<Index>(k * word_),
              bytes.begin() + static_cast<Index>((k + 1) * word_));
    if (swapped_) std::reverse(own.begin(), own.end());
    std::uint64_t x = 0;
    std::memcpy(&x, own.data(), word_);
    return x;
  }
  /// Base64 digits that hold n bytes.
  static std::size_t digits_of(std::size_t n) noexcept { return (n + 2) / 3 * 4; }
  Bytes from_digits(std::string_view s, std::size_t n) const {
    while (!s.empty() && blank(s[0])) s.remove_prefix(1);
    if (digits_of(n) > s.size()) fail(std::to_string(n) + " bytes in base64", "the end");
    auto bytes = from_base64(s.substr(0, digits_of(n)));
    if (!bytes || bytes->size() < n) fail("base64", std::string(s.substr(0, 20)));
    return std::move(*bytes);
  }
  /// What a header and the numbers behind it hold, decompressed.
  Bytes decoded(std::string_view s, bool raw) const {
    if (compressor_.empty()) return plain(s, raw);
    // Files of text name a compressor, too, which has nothing to do in them.
    if (compressor_ != "vtkZLibDataCompressor")
      fail("no compressor, or vtkZLibDataCompressor", compressor_,
           "Save it with the compressor ZLib, or none (ParaView: Compressor Type).");
    if (!inflate_)
      throw Error(path_, "numbers that are not compressed: this program has no zlib", compressor_,
                  "Build with zlib, or write the file without a compressor.");
    // The header is encoded by itself: blocks, their size, the last one's, each one's compressed.
    const auto head_of = [&](std::size_t words) {
      return raw ? Bytes(as_bytes(s.substr(0, words * word_)).begin(),
                         as_bytes(s.substr(0, words * word_)).end())
                 : from_digits(s, words * word_);
    };
    const Bytes first = head_of(3);
    const std::uint64_t blocks = header_word(first, 0);
    if (blocks > s.size()) fail("blocks that the file has room for", std::to_string(blocks));
    const std::size_t words = 3 + static_cast<std::size_t>(blocks);
    const Bytes head = head_of(words);
    std::uint64_t all = 0;
    for (std::size_t k = 3; k < words; ++k) {
      const auto n = header_word(head, k);
      if (n > s.size() || all + n > s.size()) fail("compressed blocks inside the file", "longer");
      all += n;
    }
    const auto packed = static_cast<std::size_t>(all);
    Bytes data;
    if (raw) {
      if (s.size() < words * word_ || packed > s.size() - words * word_)
        fail("compressed blocks", "the end of the data");
      const auto b = as_bytes(s.substr(words * word_, packed));
      data.assign(b.begin(), b.end());
    } else {
      while (!s.empty() && blank(s[0])) s.remove_prefix(1);
      data = from_digits(s.substr(digits_of(words * word_)), packed);
    }
    const std::uint64_t size = header_word(head, 1), last = header_word(head, 2);
    Bytes out;
    std::size_t at = 0;
    for (std::size_t k = 3; k < words; ++k) {
      const auto n = static_cast<std::size_t>(header_word(head, k));
      const std::uint64_t expected = k + 1 == words && last > 0 ? last : size;
      if (expected > most_) fail("a block of fewer bytes", std::to_string(expected));
      const auto block = inflate_(std::span(data).subspan(at, n), Deflated::zlib,
                                  static_cast<std::size_t>(expected));
      if (block.size() != expected)
        fail(std::to_string(expected) + " bytes of a block", std::to_string(block.size()));
      out.insert(out.end(), block.begin(), block.end());
      at += n;
    }
    return out;
  }
  Bytes plain(std::string_view s, bool raw) const {
    if (raw) {
      const auto all = as_bytes(s);
      const auto n = header_word(all, 0);
      if (n > all.size() - word_) fail("as many bytes as announced", "the end of the data");
      return {all.begin() + static_cast<Index>(word_),
              all.begin() + static_cast<Index>(word_ + static_cast<std::size_t>(n))};
    }
    const auto n = header_word(from_digits(s, word_), 0);
    if (n > s.size()) fail("as many bytes as announced", "the end of the data");
    const auto size = static_cast<std::size_t>(n);
    Bytes all = from_digits(s, word_ + size);
    return {all.begin() + static_cast<Index>(word_),
            all.begin() + static_cast<Index>(word_ + size)};
  }

  MeshSample build() {
    if (!known_) fail("<VTKFile type=\"UnstructuredGrid\"", "another beginning");
    if (!whole_) fail("</UnstructuredGrid>", "the end of the file");
    if (!has_piece_ || n_points_ == 0 || sample_.mesh.points.empty()) fail("points", "none");
    if (n_cells_ > 0 && cells_.first.empty()) fail("offsets of cells", "none");
    vtk::keep_cells(sample_, n_points_, cells_, [&](const auto&... words) { fail(words...); });
    return std::move(sample_);
  }

  std::string_view text_, rest_, appended_;
  const std::string& path_;
  Inflate inflate_;
  const std::size_t most_ = 8 * 1100 * text_.size();  ///< what deflate makes of a file at most
  std::string compressor_;
  bool raw_ = false, swapped_ = false, known_ = false, has_piece_ = false, whole_ = false;
  std::size_t word_ = 4, n_points_ = 0, n_cells_ = 0;
  std::string section_;
  vtk::Cells cells_;
  MeshSample sample_;
};

}  // namespace detail

/// Every point as the file has it, those of no cell too, and all three of its coordinates.
/// @throws amq::Error as read()
[[nodiscard]] inline MeshSample read_as_stored(const std::string& path, Inflate inflate = nullptr) {
  const FloatEnvironment own;
  const Bytes file = read_file(path);
  return detail::Parser(as_text(file), path, inflate).read();
}
/// Points of no cell are left out, and a flat surface is a mesh of the plane (as_read.hpp). A point
/// field `node_type` of whole numbers, as amq::io::vtu writes it, gives the types of nodes.
/// @param inflate  of compressed files; null: these are refused
/// @throws amq::Error naming the file for what is cut short, damaged, not finite as a float, of
///         several pieces or kinds of cells of the highest dimension, or no unstructured grid
[[nodiscard]] inline MeshSample read(const std::string& path, Inflate inflate = nullptr) {
  const FloatEnvironment own;
  MeshSample s = read_as_stored(path, inflate);
  drop_orphans(s);
  to_plane(s.mesh);
  const auto types = s.node.find("node_type");
  if (types == s.node.end() || static_cast<Index>(types->second.size()) != s.mesh.n_nodes())
    return s;
  std::vector<NodeType> all;
  for (const float t : types->second) {
    if (!(t >= 0 && t < 256) || t != static_cast<float>(static_cast<int>(t))) return s;
    all.push_back(static_cast<NodeType>(static_cast<int>(t)));
  }
  s.mesh.node_type = std::move(all);
  s.node.erase(types);
  return s;
}

}  // namespace amq::lab::vtu
