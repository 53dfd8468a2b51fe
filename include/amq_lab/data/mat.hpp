#pragma once
/// @file
/// Numeric arrays of MATLAB's version 5 to 7 files (MathWorks, MAT-File Format). Version 7.3 is
/// HDF5: io/hdf5.hpp reads it. Compressed files need io/npz_zlib.hpp.
///
///     auto arrays = amq::lab::mat::read("piececonst_r421_N1024_smooth1.mat",
///     amq::lab::zlib_inflate); arrays.at("coeff").shape;                                     //
///     {1024, 421, 421}

#include <amq/io/array.hpp>
#include <amq/io/file.hpp>
#include <amq_lab/data/inflate.hpp>

#include <map>
#include <optional>

namespace amq::lab::mat {

using Arrays = std::map<std::string, Array>;

namespace detail {

class Parser {
 public:
  Parser(const std::string& path, Inflate inflate) : path_(path), inflate_(inflate) {}

  Arrays file(std::span<const std::byte> b) {
    // Version 4 begins with a type below 5000 as an integer; since 5, with a text.
    if (b.size() >= 20 && (b[3] == std::byte{0} || b[0] == std::byte{0})) {
      throw Error(path_, "MATLAB version 5 to 7", "version 4, or no MATLAB file",
                  "Save it as version 7, in MATLAB with save(..., '-v7').");
    }
    if (b.size() < 128) fail("a MATLAB 5 file", std::to_string(b.size()) + " bytes");
    const auto text = as_text(b.first(128));
    if (text.starts_with("MATLAB 7.3") || text.substr(1, 3) == "HDF") {
      throw Error(path_, "MATLAB version 5 to 7", "version 7.3, which is HDF5",
                  "Read it with amq_lab/data/hdf5.hpp, and amq::io::transposed().");
    }
    if (text.starts_with("# Created by Octave"))
      throw Error(path_, "MATLAB version 5 to 7", "Octave's text format",
                  "Save it in Octave with save -v7.");
    if (text.substr(126) != "IM" || b[125] != std::byte{1}) {
      throw Error(path_, "a little-endian MATLAB 5 file",
                  text.substr(126) == "MI" ? "a big-endian one" : "another header",
                  "Save it as version 7 on a machine of today.");
    }
    Arrays out;
    elements(b.subspan(128), out, true);
    return out;
  }

 private:
  struct Element {
    std::uint32_t type = 0;
    std::span<const std::byte> data;
  };
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw Error(path_ + (name_.empty() ? "" : ": " + name_), expected, found,
                "The file is damaged; fetch or save it again.");
  }
  static std::uint32_t word(std::span<const std::byte> b, std::size_t at) {
    std::uint32_t x = 0;
    std::memcpy(&x, b.data() + at, 4);
    return x;
  }
  /// Takes one element off the front of `b`.
  Element next(std::span<const std::byte>& b) const {
    if (b.size() < 8) fail("a data element", "the end");
    const std::uint32_t tag = word(b, 0);
    if (tag >> 16) {  // small: the size and up to four bytes share the tag's eight
      const std::size_t n = tag >> 16;
      if (n > 4) fail("at most 4 bytes in a small element", std::to_string(n));
      const Element e{tag & 0xffff, b.subspan(4, n)};
      b = b.subspan(8);
      return e;
    }
    const std::size_t n = word(b, 4);
    // Compressed elements alone are not padded to eight bytes.
    const std::size_t padded = tag == compressed ? n : (n + 7) / 8 * 8;
    if (n > b.size() - 8)
      fail("an element of " + std::to_string(n) + " bytes", std::to_string(b.size() - 8));
    const Element e{tag, b.subspan(8, n)};
    b = b.subspan(std::min(padded + 8, b.size()));
    return e;
  }
  void elements(std::span<const std::byte> b, Arrays& out, bool may_inflate) {
    while (!b.empty()) {
      name_.clear();
      const Element e = next(b);
      if (e.type == compressed && may_inflate) {
        if (!inflate_) {
          throw Error(path_, "an uncompressed file", "a compressed variable",
                      "Include <amq_lab/data/npz_zlib.hpp> and pass amq::lab::zlib_inflate.");
        }
        // Deflate cannot shrink beyond 1032 : 1.
        const Bytes plain = inflate_(e.data, Deflated::zlib, e.data.size() * 1032 + 64);
        elements(plain, out, false);
      } else if (e.type == matrix) {
        variable(e.data, out);
      }
    }
  }
  void variable(std::span<const std::byte> b, Arrays& out) {
    const Element flags = next(b);
    if (flags.data.size() != 8) fail("8 bytes of array flags", std::to_string(flags.data.size()));
    // A string, table or datetime has a name next, where others have extents.
    constexpr std::uint32_t opaque = 17;
    if ((word(flags.data, 0) & 0xff) == opaque) return;
    const Element extents = next(b), name = next(b);
    name_ = std::string(as_text(name.data));
    if (name_.empty()) return;  // the workspace that keeps strings and tables of MATLAB
    if (extents.type != 5 || extents.data.size() % 4 != 0 || extents.data.size() > 128) {
      fail("array flags and at most 32 extents", "something else");
    }
    const std::uint32_t word0 = word(flags.data, 0);
    const auto type = class_type(word0 & 0xff);
    if (!type) return;  // text, cells, structs, sparse: not ours
    Array a;
    a.dtype = (word0 & 0x0200) ? DType::boolean : *type;
    for (std::size_t k = 0; k < extents.data.size(); k += 4) {
      a.shape.push_back(static_cast<std::int32_t>(word(extents.data, k)));
    }
    const std::size_t n = count_of(a.shape, size_of(a.dtype), path_ + ": " + name_);
    a.bytes = numbers(next(b), a.shape, n, a.dtype);
    if (word0 & 0x0800) {
      // Real parts, then imaginary ones. Complex integers become complex doubles.
      const bool single = a.dtype == DType::f32;
      const DType part = single ? DType::f32 : DType::f64;
      Array real = a;
      real.bytes = converted(a, part);
      const Bytes imaginary = numbers(next(b), a.shape, n, part);
      a.dtype = single ? DType::c64 : DType::c128;
      a.bytes.resize(n * size_of(a.dtype));
      const std::size_t w = size_of(part);
      for (std::size_t k = 0; k < n; ++k) {
        std::memcpy(a.bytes.data() + 2 * k * w, real.bytes.data() + k * w, w);
        std::memcpy(a.bytes.data() + (2 * k + 1) * w, imaginary.data() + k * w, w);
      }
    }
    if (!out.emplace(name_, std::move(a)).second) fail("names that occur once", "the name again");
  }
  /// The n numbers of an element, in C order, as `to`.
  Bytes numbers(const Element& e, const Extents& shape, std::size_t n, DType to) const {
    const auto kept = storage_type(e.type);
    if (!kept) fail("numbers", "element type " + std::to_string(e.type));
    if (e.data.size() != n * size_of(*kept)) {
      fail(std::to_string(n * size_of(*kept)) + " bytes for " + text_of(shape),
           std::to_string(e.data.size()));
    }
    Array stored;
    stored.dtype = *kept;
    stored.shape = shape;
    stored.bytes =
        amq::io::detail::reorder({e.data.begin(), e.data.end()}, shape, size_of(*kept), true);
    return converted(stored, to);
  }
  /// MATLAB keeps numbers in the smallest type that holds them, whatever their class.
  Bytes converted(const Array& a, DType to) const {
    const std::string where = path_ + ": " + name_;
    const auto as = [&]<typename T>(T) { return Array::of(a.as<T>(where)).bytes; };
    if (a.dtype == to) return a.bytes;
    switch (to) {
      case DType::f64:
        return as(double{});
      case DType::f32:
        return as(float{});
      case DType::i8:
        return as(std::int8_t{});
      case DType::i16:
        return as(std::int16_t{});
      case DType::u16:
        return as(std::uint16_t{});
      case DType::i32:
        return as(std::int32_t{});
      case DType::u32:
        return as(std::uint32_t{});
      case DType::i64:
        return as(std::int64_t{});
      case DType::u64:
        return as(std::uint64_t{});
      default:
        return as(std::uint8_t{});
    }
  }
  static std::optional<DType> class_type(std::uint32_t c) {
    constexpr DType types[] = {DType::f64, DType::f32, DType::i8,  DType::u8,  DType::i16,
                               DType::u16, DType::i32, DType::u32, DType::i64, DType::u64};
    return c >= 6 && c < 16 ? std::optional(types[c - 6]) : std::nullopt;
  }
  static std::optional<DType> storage_type(std::uint32_t t) {
    switch (t) {
      case 1:
        return DType::i8;
      case 2:
        return DType::u8;
      case 3:
        return DType::i16;
      case 4:
        return DType::u16;
      case 5:
        return DType::i32;
      case 6:
        return DType::u32;
      case 7:
        return DType::f32;
      case 9:
        return DType::f64;
      case 12:
        return DType::i64;
      case 13:
        return DType::u64;
      default:
        return std::nullopt;
    }
  }

  static constexpr std::uint32_t matrix = 14, compressed = 15;
  const std::string& path_;
  Inflate inflate_;
  std::string name_;
};

}  // namespace detail

/// All full numeric arrays, in C order; text, strings, tables, cells, structs and sparse matrices
/// are passed over.
/// @throws amq::Error naming file and variable for damage and version 7.3
[[nodiscard]] inline Arrays read(const std::string& path, Inflate inflate = nullptr) {
  return detail::Parser(path, inflate).file(read_file(path));
}

}  // namespace amq::lab::mat
