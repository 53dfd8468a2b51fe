#pragma once
/// @file
/// safetensors: named tensors and string metadata in one file that can be checked before it is
/// believed. (github.com/huggingface/safetensors, format of 2023.)
///
///     amq::io::safetensors::File f;
///     f.metadata["architecture"] = "mp_pde";
///     f.tensors["embed.weight"] = amq::io::Array::of(amq::view(weight));   // any MatrixView
///     amq::io::safetensors::write("model.safetensors", f);
///     const auto g = amq::io::safetensors::read("model.safetensors");
///     amq::io::safetensors::expect(g, {{"embed.weight", {128, 64}}});  // all mismatches
///     const std::vector<float> w = g.at("embed.weight").as<float>();

#include <amq/io/array.hpp>
#include <amq/io/file.hpp>
#include <amq/io/json.hpp>

#include <map>
#include <optional>

namespace amq::io::safetensors {

struct File {
  std::map<std::string, Array> tensors;
  std::map<std::string, std::string> metadata;
  /// Tensors of types that amq has no numbers for (F8_E4M3, ..): name -> dtype. Read past.
  std::map<std::string, std::string> unread{};
  std::string path = "safetensors";  ///< named in errors; set by read()

  /// Throws Error for a name that is not there.
  [[nodiscard]] const Array& at(const std::string& name) const {
    const auto it = tensors.find(name);
    if (it != tensors.end()) return it->second;
    if (const auto other = unread.find(name); other != unread.end())
      throw Error(path + ": " + name, "one of BOOL, U8 to I64, F16, BF16, F32, F64, C64",
                  "dtype '" + other->second + "'", "Convert the tensor before saving it.");
    throw Error(path, "a tensor '" + name + "'", "none among " + std::to_string(tensors.size()),
                "Check the model's architecture.");
  }
  bool operator==(const File& o) const {
    return tensors == o.tensors && metadata == o.metadata && unread == o.unread;
  }
};

inline constexpr std::uint64_t largest_header =
    100'000'000;  // bytes, as the reference reader has it

namespace detail {

struct Code {
  DType dtype;
  std::string_view text;
};
inline constexpr Code codes[] = {
    {DType::boolean, "BOOL"}, {DType::u8, "U8"},   {DType::i8, "I8"},     {DType::u16, "U16"},
    {DType::i16, "I16"},      {DType::u32, "U32"}, {DType::i32, "I32"},   {DType::u64, "U64"},
    {DType::i64, "I64"},      {DType::f16, "F16"}, {DType::bf16, "BF16"}, {DType::f32, "F32"},
    {DType::f64, "F64"},      {DType::c64, "C64"}};

/// Where a tensor lies, counted from the end of the header.
struct Place {
  std::string name;
  std::optional<std::string> unread;  ///< its type, where amq does not have it
  Array tensor;  ///< type and shape; its bytes are read last, when everything else is believed
  std::uint64_t begin = 0, end = 0;
};

inline Place place_of(const std::string& name, const json::Value& v, const std::string& file) {
  const std::string where = file + ": " + name;
  Place p;
  p.name = name;
  const auto& type = v.at("dtype", where).as_string(where);
  const auto code = std::find_if(std::begin(codes), std::end(codes),
                                 [&](const Code& c) { return c.text == type; });
  const bool known = code != std::end(codes);
  if (known)
    p.tensor.dtype = code->dtype;
  else
    p.unread = type;
  for (const auto& n : v.at("shape", where).as_list(where)) {
    p.tensor.shape.push_back(static_cast<Index>(n.as_int(where)));
  }
  // A number of a type that is not known may be less than a byte.
  const std::size_t each = known ? size_of(code->dtype) : 1;
  const std::uint64_t bytes = count_of(p.tensor.shape, each, where) * each;
  const auto& offsets = v.at("data_offsets", where).as_list(where);
  if (offsets.size() != 2) {
    throw Error(where, "two data_offsets", std::to_string(offsets.size()), "The file is damaged.");
  }
  p.begin = offsets[0].as_uint(where);
  p.end = offsets[1].as_uint(where);
  if (p.end < p.begin || (known && p.end - p.begin != bytes)) {
    throw Error(where, std::to_string(bytes) + " bytes for " + type + text_of(p.tensor.shape),
                "offsets " + std::to_string(p.begin) + " to " + std::to_string(p.end),
                "The file is damaged.");
  }
  return p;
}

/// Reads and checks the header of a file of `size` bytes; `fetch(offset, n)` gives its bytes.
template <typename Fetch>
File read(std::uint64_t size, const std::string& path, Fetch fetch) {
  if (size < 8) {
    throw Error(path, "a safetensors file", std::to_string(size) + " bytes",
                "The file is cut short.");
  }
  std::uint64_t n_header = 0;
  const Bytes first = fetch(0, 8);
  for (std::size_t k = 0; k < 8; ++k) n_header |= static_cast<std::uint64_t>(first[k]) << (8 * k);
  if (n_header > largest_header || n_header > size - 8) {
    throw Error(path, "a header within the file and 100 MB", std::to_string(n_header) + " bytes",
                "The file is cut short, or not safetensors.");
  }
  const Bytes header = fetch(8, n_header);
  if (header.empty() || header[0] != std::byte{'{'}) {
    throw Error(path, "a header that begins with '{'", "something else",
                "This is not safetensors.");
  }
  const auto root = json::parse(as_text(header), path + ": header");
  File f;
  f.path = path;
  std::vector<Place> places;
  for (const auto& [name, v] : root.as_object(path)) {
    if (name == "__metadata__") {
      for (const auto& [key, text] : v.as_object(path + ": __metadata__")) {
        f.metadata[key] = text.as_string(path + ": __metadata__: " + key);
      }
    } else {
      places.push_back(place_of(name, v, path));
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  // One tensor ends where the next begins and the last at the file's end: no byte is read twice,
  // none is hidden.
  std::uint64_t at = 0;
  const std::uint64_t data = size - 8 - n_header;
  for (const auto& p : places) {
    if (p.begin != at || p.end > data) {
      throw Error(path + ": " + p.name,
                  p.begin < at   ? "bytes of its own"
                  : p.begin > at ? "no gap"
                                 : "bytes within the file",
                  "offsets " + std::to_string(p.begin) + " to " + std::to_string(p.end) +
                      " where the last tensor ended at " + std::to_string(at) + " of " +
                      std::to_string(data),
                  "The file is cut short or damaged.");
    }
    at = p.end;
  }
  if (at != data) {
    throw Error(path, "data of " + std::to_string(at) + " bytes", std::to_string(data),
                "The file is damaged.");
  }
  for (auto& p : places) {
    if (p.unread) {
      f.unread.emplace(std::move(p.name), *std::move(p.unread));
      continue;
    }
    p.tensor.bytes = fetch(8 + n_header + p.begin, p.end - p.begin);
    f.tensors.emplace(std::move(p.name), std::move(p.tensor));
  }
  return f;
}

}  // namespace detail

/// Throws Error naming file and tensor for whatever is truncated, overlapping or hostile; memory is
/// taken only for tensors whose bytes are there. Tensors of types that amq does not have are read
/// past, and named when they are asked for; so is what an entry says beside type, shape and place.
[[nodiscard]] inline File read(const std::string& path) {
  InputFile in(path);
  return detail::read(in.size(), path, [&](std::uint64_t offset, std::uint64_t n) {
    return in.read_at(offset, n, "safetensors");
  });
}
[[nodiscard]] inline File decode(std::span<const std::byte> bytes, const std::string& where) {
  return detail::read(bytes.size(), where, [&](std::uint64_t offset, std::uint64_t n) {
    const auto b = bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(n));
    return Bytes(b.begin(), b.end());
  });
}

/// Equal content gives equal bytes. Tensors are ordered as the reference writer orders them, wide
/// types first, so that each is aligned to its own type.
/// @throws amq::Error for what the format cannot hold, for tensors that were not read, and for a
///         failing disk
inline void write(const std::string& path, const File& f) {
  if (!f.unread.empty())
    throw Error(path + ": " + f.unread.begin()->first, "tensors that were read",
                "dtype " + f.unread.begin()->second, "Copy the file, or take this entry out.");
  std::vector<std::pair<std::string_view, const Array*>> order;
  for (const auto& [name, a] : f.tensors) order.emplace_back(name, &a);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return size_of(a.second->dtype) > size_of(b.second->dtype);
  });
  json::Object header;
  if (!f.metadata.empty()) {
    json::Object m;
    for (const auto& [key, text] : f.metadata) m.emplace_back(key, text);
    header.emplace_back("__metadata__", std::move(m));
  }
  std::uint64_t at = 0;
  for (const auto& [name, a] : order) {
    const auto code = std::find_if(std::begin(detail::codes), std::end(detail::codes),
                                   [&t = a->dtype](const auto& c) { return c.dtype == t; });
    if (code == std::end(detail::codes) || name == "__metadata__") {
      throw Error(path + ": " + std::string(name), "a tensor safetensors can hold",
                  std::string(name_of(a->dtype)), "Take real_pairs(), or another name.");
    }
    if (count_of(a->shape, size_of(a->dtype), path) * size_of(a->dtype) != a->bytes.size()) {
      throw Error(path + ": " + std::string(name), "bytes for " + text_of(a->shape),
                  std::to_string(a->bytes.size()), "Build it with Array::of.");
    }
    json::List shape;
    for (const auto n : a->shape) shape.emplace_back(n);
    json::Object o;
    o.emplace_back("dtype", code->text);
    o.emplace_back("shape", std::move(shape));
    o.emplace_back("data_offsets", json::List{at, at + a->bytes.size()});
    header.emplace_back(name, std::move(o));
    at += a->bytes.size();
  }
  std::string text = json::dump(std::move(header));
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string size;
  for (std::size_t k = 0; k < 8; ++k) size += static_cast<char>(text.size() >> (8 * k) & 255);
  AtomicFile out(path);
  out.write(size);
  out.write(text);
  for (const auto& [name, a] : order) out.write(a->bytes);
  out.commit();
}

/// What a model wants of a file.
struct Expected {
  std::string name;
  Extents shape;  ///< -1 for an extent that is free
};

/// One line for every tensor that is missing, shaped differently, or there without being asked for;
/// empty when all is well.
[[nodiscard]] inline std::vector<std::string> mismatches(const File& f,
                                                         const std::vector<Expected>& expected,
                                                         bool extra_allowed = false) {
  std::vector<std::string> out;
  std::map<std::string_view, bool> asked;
  for (const auto& e : expected) {
    asked[e.name] = true;
    const auto it = f.tensors.find(e.name);
    if (it == f.tensors.end()) {
      const auto other = f.unread.find(e.name);
      out.push_back(e.name + ": expected " + text_of(e.shape) + ", found " +
                    (other == f.unread.end() ? "nothing" : "dtype " + other->second));
      continue;
    }
    const Extents& s = it->second.shape;
    const bool same = std::equal(s.begin(), s.end(), e.shape.begin(), e.shape.end(),
                                 [](Index n, Index wanted) { return wanted < 0 || n == wanted; });
    if (!same) out.push_back(e.name + ": expected " + text_of(e.shape) + ", found " + text_of(s));
  }
  for (const auto& [name, a] : f.tensors) {
    if (!extra_allowed && !asked.contains(name)) {
      out.push_back(name + ": not expected, found " + text_of(a.shape));
    }
  }
  for (const auto& [name, type] : f.unread)
    if (!extra_allowed && !asked.contains(name))
      out.push_back(name + ": not expected, found dtype " + type);
  return out;
}

/// Throws one Error that lists all of mismatches().
inline void expect(const File& f, const std::vector<Expected>& expected,
                   bool extra_allowed = false) {
  const auto wrong = mismatches(f, expected, extra_allowed);
  if (wrong.empty()) return;
  std::string list;
  for (const auto& line : wrong) list += "\n  " + line;
  throw Error(f.path, std::to_string(expected.size()) + " tensors of the model's shapes",
              std::to_string(wrong.size()) + " mismatches:" + list + "\n",
              "Build the model with the widths and the architecture it was trained with.");
}

}  // namespace amq::io::safetensors
