#pragma once
/// @file
/// NumPy's .npy, versions 1.0 to 3.0 (numpy.lib.format): numbers of either byte order, C or Fortran
/// order. No structured types, strings or pickled objects.

#include <amq/io/array.hpp>
#include <amq/io/file.hpp>

#include <algorithm>
#include <bit>

namespace amq::lab::npy {

static_assert(std::endian::native == std::endian::little, "amq::io is written for little endian");

/// How to lay out a file; what np.save does is the default.
struct Form {
  bool fortran = false;
  bool big_endian = false;
  int version = 1;  ///< 1, 2 or 3
};

/// What a header says.
struct Header {
  DType dtype = DType::f32;
  bool swapped = false, fortran = false;
  Extents shape;
  std::size_t data = 0;   ///< offset of the first element
  std::size_t bytes = 0;  ///< of all elements
};

namespace detail {

/// Of an element type written as numpy does: "<f4".
struct Code {
  DType dtype;
  std::string_view text;
};
inline constexpr Code codes[] = {{DType::boolean, "b1"}, {DType::u8, "u1"},   {DType::i8, "i1"},
                                 {DType::u16, "u2"},     {DType::i16, "i2"},  {DType::u32, "u4"},
                                 {DType::i32, "i4"},     {DType::u64, "u8"},  {DType::i64, "i8"},
                                 {DType::f16, "f2"},     {DType::f32, "f4"},  {DType::f64, "f8"},
                                 {DType::c64, "c8"},     {DType::c128, "c16"}};

/// Reads the one-line Python dictionary of a header, and nothing else Python can write.
class Dictionary {
 public:
  Dictionary(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  Header read() {
    Header h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!take('}')) {
      const auto key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        read_descr(h);
      } else if (key == "fortran_order" && !order) {
        order = true;
        h.fortran = word() == "True" || (last_ == "False" ? false : (fail("True or False"), false));
      } else if (key == "shape" && !shape) {
        shape = true;
        read_shape(h);
      } else {
        fail("descr, fortran_order and shape, once each");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!rest_.empty()) fail("the end of the header");
    if (!descr || !order || !shape) fail("descr, fortran_order and shape");
    return h;
  }

 private:
  [[noreturn]] void fail(const std::string& expected,
                         const char* mend = "Save plain numeric arrays with numpy.save.") const {
    throw Error(where_, expected, "'" + std::string(rest_.substr(0, 40)) + "' in the npy header",
                mend);
  }
  void skip() {
    const auto n = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(n, rest_.size()));
  }
  bool take(char c) {
    skip();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("'") + c + "'");
  }
  std::string_view until(std::size_t n) {
    last_ = rest_.substr(0, n);
    rest_.remove_prefix(last_.size());
    return last_;
  }
  std::string_view quoted() {
    skip();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) fail("a quoted name");
    const char quote = rest_[0];
    const auto end = rest_.find(quote, 1);
    if (end == rest_.npos) fail("a closing quote");
    const auto s = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return s;
  }
  std::string_view word() {
    skip();
    return until(rest_.find_first_not_of("TrueFals"));
  }
  void read_descr(Header& h) {
    const auto start = rest_;
    const auto s = quoted();
    const auto code = std::find_if(std::begin(codes), std::end(codes), [&](const Code& c) {
      return s.size() > 1 && c.text == s.substr(1);
    });
    const bool order = !s.empty() && std::string_view("<>|=").find(s[0]) != std::string_view::npos;
    if (code == std::end(codes) || !order || (s[0] == '|' && size_of(code->dtype) > 1)) {
      rest_ = start;
      fail("a numeric element type",
           "Save plain numeric arrays with numpy.save, or read those of an .npz that are by name "
           "(npz::Reader).");
    }
    h.dtype = code->dtype;
    h.swapped = s[0] == '>' && word_of(h.dtype) > 1;
  }
  void read_shape(Header& h) {
    expect('(');
    while (!take(')')) {
      skip();
      const auto digits = until(rest_.find_first_not_of("0123456789"));
      if (digits.empty() || digits.size() > 18 || h.shape.size() == 32) fail("at most 32 extents");
      Index n = 0;
      for (const char c : digits) n = 10 * n + (c - '0');
      h.shape.push_back(n);
      take('L');  // Python 2 wrote long integers so
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }
  std::string_view rest_, last_;
  const std::string& where_;
};

inline void swap_words(std::span<std::byte> bytes, std::size_t word) {
  for (std::size_t i = 0; word > 1 && i + word <= bytes.size(); i += word) {
    std::reverse(bytes.begin() + static_cast<Index>(i),
                 bytes.begin() + static_cast<Index>(i + word));
  }
}

}  // namespace detail

/// Reads the header at the start of `file`; the elements need not be there yet.
[[nodiscard]] inline Header header(std::span<const std::byte> file, const std::string& where);

/// Whether this is an .npy file, sound or damaged.
[[nodiscard]] inline bool begins(std::span<const std::byte> file) {
  return as_text(file).starts_with("\x93NUMPY");
}
/// Whether the elements are numbers, of a type that amq knows or not. Texts, dates, records and
/// pickled objects are none.
[[nodiscard]] inline bool holds_numbers(std::span<const std::byte> file) {
  const auto text = as_text(file.first(std::min<std::size_t>(file.size(), 1 << 16)));
  auto at = text.find("descr");
  if (!begins(file) || at == text.npos) return true;  // damage is decode()'s to name
  at = text.find(':', at);
  if (at == text.npos) return true;
  at = text.find_first_not_of(" \t", at + 1);
  if (at == text.npos) return true;
  if (text[at] == '[') return false;  // the fields of a record
  const auto kind = text.find_first_not_of("'\"<>|=", at);
  return kind == text.npos ||
         std::string_view("USaOMmV").find(text[kind]) == std::string_view::npos;
}

[[nodiscard]] inline Header header(std::span<const std::byte> file, const std::string& where) {
  const auto text = as_text(file);
  if (text.substr(0, 6) != "\x93NUMPY" || text.size() < 10) {
    throw Error(where, "an .npy file", std::to_string(text.size()) + " bytes of something else",
                "Save it with numpy.save.");
  }
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(file[i]); };
  const std::size_t version = byte(6), start = version == 1 ? 10 : 12;
  if (version < 1 || version > 3 || byte(7) != 0) {
    throw Error(where, ".npy version 1.0, 2.0 or 3.0",
                std::to_string(version) + "." + std::to_string(byte(7)),
                "Save it with numpy.save.");
  }
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1 && text.size() >= start) length |= byte(10) << 16 | byte(11) << 24;
  if (text.size() < start || length > text.size() - start) {
    throw Error(where, "an npy header of " + std::to_string(length) + " bytes",
                std::to_string(text.size()) + " bytes in all", "The file is cut short.");
  }
  Header h = detail::Dictionary(text.substr(start, length), where).read();
  h.data = start + length;
  h.bytes = count_of(h.shape, size_of(h.dtype), where) * size_of(h.dtype);
  return h;
}

/// Takes the bytes of a whole file. Throws Error naming `where` for anything but one numeric array
/// whose bytes are all there and no more.
[[nodiscard]] inline Array decode(Bytes file, const std::string& where) {
  const Header h = header(file, where);
  if (file.size() - h.data != h.bytes) {
    throw Error(where, std::to_string(h.bytes) + " bytes for shape " + text_of(h.shape),
                std::to_string(file.size() - h.data), "The file is cut short or damaged.");
  }
  Array a;
  a.dtype = h.dtype;
  a.shape = h.shape;
  file.erase(file.begin(), file.begin() + static_cast<Index>(h.data));
  a.bytes = std::move(file);
  if (h.swapped) detail::swap_words(a.bytes, word_of(h.dtype));
  if (h.fortran && h.shape.size() > 1) {
    a.bytes = amq::io::detail::reorder(a.bytes, a.shape, size_of(a.dtype), true);
  }
  return a;
}

/// The bytes before the elements. Throws for bfloat16, which numpy does not know.
[[nodiscard]] inline std::string front(const Array& a, Form form = {}) {
  const auto code = std::find_if(std::begin(detail::codes), std::end(detail::codes),
                                 [&](const detail::Code& c) { return c.dtype == a.dtype; });
  if (code == std::end(detail::codes)) {
    throw Error("npy::encode", "a type numpy knows", std::string(name_of(a.dtype)),
                "Convert it to float32.");
  }
  std::string head = "{'descr': '";
  head += size_of(a.dtype) == 1 ? '|' : form.big_endian ? '>' : '<';
  head += std::string(code->text) + "', 'fortran_order': " + (form.fortran ? "True" : "False") +
          ", 'shape': " + text_of(a.shape) + ", }";
  const std::size_t start = form.version == 1 ? 10 : 12;
  head.append(63 - (start + head.size()) % 64, ' ');  // numpy aligns the elements to 64
  head += '\n';
  std::string out = "\x93NUMPY";
  out += static_cast<char>(form.version);
  out += '\0';
  for (std::size_t k = 0; k < start - 8; ++k)
    out += static_cast<char>(head.size() >> (8 * k) & 255);
  return out + head;
}

/// The bytes of a file.
[[nodiscard]] inline Bytes encode(const Array& a, Form form = {}) {
  const std::string head = front(a, form);
  Bytes out(head.size() + a.bytes.size());
  std::memcpy(out.data(), head.data(), head.size());
  const auto elements = std::span(out).subspan(head.size());
  const bool turned = form.fortran && a.rank() > 1;
  const Bytes reordered =
      turned ? amq::io::detail::reorder(a.bytes, a.shape, size_of(a.dtype), false) : Bytes{};
  const Bytes& in = turned ? reordered : a.bytes;
  if (!in.empty()) std::memcpy(elements.data(), in.data(), in.size());
  if (form.big_endian) detail::swap_words(elements, word_of(a.dtype));
  return out;
}

[[nodiscard]] inline Array read(const std::string& path) {
  return decode(read_file(path), path);
}
inline void write(const std::string& path, const Array& a, Form form = {}) {
  if (form.fortran || form.big_endian) return write_file(path, encode(a, form));
  AtomicFile out(path);
  out.write(front(a, form));
  out.write(a.bytes);
  out.commit();
}

}  // namespace amq::lab::npy
