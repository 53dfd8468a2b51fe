#pragma once
/// @file
/// NumPy's .npz: named arrays in one file. Compressed ones need io/npz_zlib.hpp.
///
///     const auto xy = amq::io::Array::of(points, {n, 2});
///     amq::lab::npz::write("sample.npz", {{"points", xy}, {"u", u}});
///     const auto arrays = amq::lab::npz::read("sample.npz");
///     const std::vector<float> v = amq::lab::npz::at(arrays, "u").as<float>();

#include <amq_lab/data/npy.hpp>
#include <amq_lab/data/zip.hpp>

#include <map>
#include <optional>

namespace amq::lab::npz {

using Arrays = std::map<std::string, Array>;

/// An archive open for reading, for files of which only a part is wanted.
class Reader {
 public:
  explicit Reader(const std::string& path, Inflate inflate = nullptr) : zip_(path, inflate) {
    for (const auto& e : zip_.entries()) {
      const bool npy = e.name.size() > 4 && e.name.ends_with(".npy");
      if (!entries_.emplace(npy ? e.name.substr(0, e.name.size() - 4) : e.name, &e).second) {
        throw Error(path, "names that occur once", "'" + e.name + "' twice",
                    "The archive is damaged.");
      }
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] bool contains(const std::string& name) const { return entries_.contains(name); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& [name, e] : entries_) out.push_back(name);
    return out;
  }
  /// Throws for a name that is not there, listing those that are.
  [[nodiscard]] Array read(const std::string& name) {
    const auto it = entries_.find(name);
    if (it == entries_.end()) {
      std::string all;
      for (const auto& [n, e] : entries_) all += (all.empty() ? "" : ", ") + n;
      throw Error(zip_.path(), "an array '" + name + "'", "only: " + all,
                  "Check that this is the file that was meant.");
    }
    return npy::decode(zip_.read(*it->second), zip_.path() + ": " + name);
  }
  /// The same; nothing where the array holds no numbers (texts, dates, records, objects), or the
  /// entry is no array (a README, a folder).
  [[nodiscard]] std::optional<Array> read_numbers(const std::string& name) {
    const auto it = entries_.find(name);
    if (it == entries_.end()) return read(name);
    const std::string& whole = it->second->name;
    const bool named = whole.ends_with(".npy");
    // What macOS keeps beside each file has the file's name and another content.
    if (whole.starts_with("__MACOSX/") || !(named || zip_.can_read(*it->second)))
      return std::nullopt;
    Bytes file = zip_.read(*it->second);
    if (!npy::holds_numbers(file) || (!named && !npy::begins(file))) return std::nullopt;
    return npy::decode(std::move(file), zip_.path() + ": " + name);
  }

 private:
  zip::Reader zip_;
  std::map<std::string, const zip::Entry*> entries_;
};

/// All arrays of numbers; labels, dates, records, objects and other files beside them are passed
/// over.
/// @throws amq::Error naming file and entry for what is truncated or damaged
[[nodiscard]] inline Arrays read(const std::string& path, Inflate inflate = nullptr) {
  Reader in(path, inflate);
  Arrays out;
  for (const auto& name : in.names())
    if (auto a = in.read_numbers(name)) out.emplace(name, std::move(*a));
  return out;
}

/// Stored, so that numpy can read it quickly and other programs can map it.
inline void write(const std::string& path, const Arrays& arrays) {
  zip::Writer out(path);
  for (const auto& [name, a] : arrays) out.add(name + ".npy", as_bytes(npy::front(a)), a.bytes);
  out.commit();
}

/// The array of that name, or an Error that lists the names there are.
[[nodiscard]] inline const Array& at(const Arrays& arrays, const std::string& name,
                                     const std::string& where = "npz::at") {
  const auto it = arrays.find(name);
  if (it != arrays.end()) return it->second;
  std::string all;
  for (const auto& [n, a] : arrays) all += (all.empty() ? "" : ", ") + n;
  throw Error(where, "an array '" + name + "'", "only: " + all, "Check the file.");
}

}  // namespace amq::lab::npz
