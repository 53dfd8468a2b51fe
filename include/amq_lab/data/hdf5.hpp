#pragma once
/// @file
/// Optional: numeric datasets and attributes of HDF5 files, whole or in part, through libhdf5's C
/// interface (1.10 or later; link with -lhdf5). The library is not thread-safe: one thread at a
/// time.
///
///     amq::lab::hdf5::Reader in("1D_Burgers_Sols_Nu0.001.hdf5");
///     in.shape("tensor");                                                   // {10000, 201, 1024}
///     amq::io::Array first =
///         in.read("tensor", {.start = {0, 0, 0}, .count = {16, 41, 256}, .stride = {1, 5, 4}});

#include <amq/io/array.hpp>
#include <amq/io/file.hpp>
#include <amq_lab/data/lzf.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <hdf5.h>

namespace amq::lab::hdf5 {

/// A part of a dataset: count[k] elements from start[k], stride[k] apart. Empty vectors mean: from
/// the beginning, to the end, every one.
struct Part {
  Extents start{}, count{}, stride{};
};

namespace detail {

/// An identifier that is closed again.
class Id {
 public:
  using Close = herr_t (*)(hid_t);
  Id(hid_t id, Close closer) noexcept : id_(id), close_(closer) {}
  Id(Id&& o) noexcept : id_(std::exchange(o.id_, -1)), close_(o.close_) {}
  Id& operator=(Id&& o) noexcept {
    std::swap(id_, o.id_);
    std::swap(close_, o.close_);
    return *this;
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const noexcept { return id_; }  // NOLINT: to be handed to the C functions
  [[nodiscard]] bool good() const noexcept { return id_ >= 0; }
  herr_t close() noexcept { return close_(std::exchange(id_, -1)); }

 private:
  hid_t id_;
  Close close_;
};

/// HDF5 prints its errors; amq throws them. The host's handler is back afterwards.
class Quiet {
 public:
  Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &handler_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() { H5Eset_auto2(H5E_DEFAULT, handler_, data_); }

 private:
  H5E_auto2_t handler_ = nullptr;
  void* data_ = nullptr;
};

/// h5py's LZF filter, which libhdf5 lacks and PDEBench's diffusion-sorption file needs.
inline std::size_t lzf_filter(unsigned flags, std::size_t n_values, const unsigned* values,
                              std::size_t n_bytes, std::size_t* buffer_size, void** buffer) {
  if (!(flags & H5Z_FLAG_REVERSE) || n_values < 3 || values[2] == 0) return 0;
  const std::size_t size = values[2];  // the chunk's bytes
  void* const out = std::malloc(size);
  std::size_t written = 0;
  if (!out || !lzf_decompress({static_cast<const std::byte*>(*buffer), n_bytes},
                              {static_cast<std::byte*>(out), size}, written)) {
    std::free(out);
    return 0;
  }
  std::free(*buffer);
  *buffer = out;
  *buffer_size = size;
  return written;
}
inline void provide_lzf() {
  constexpr H5Z_filter_t lzf = 32000;
  if (H5Zfilter_avail(lzf) > 0) return;
  const H5Z_class2_t filter{H5Z_CLASS_T_VERS,    lzf,     0,       1,
                            "lzf, reading only", nullptr, nullptr, lzf_filter};
  H5Zregister(&filter);
}

inline hid_t native(DType t) {
  switch (t) {
    case DType::boolean:
    case DType::u8:
      return H5T_NATIVE_UINT8;
    case DType::i8:
      return H5T_NATIVE_INT8;
    case DType::u16:
      return H5T_NATIVE_UINT16;
    case DType::i16:
      return H5T_NATIVE_INT16;
    case DType::u32:
      return H5T_NATIVE_UINT32;
    case DType::i32:
      return H5T_NATIVE_INT32;
    case DType::u64:
      return H5T_NATIVE_UINT64;
    case DType::i64:
      return H5T_NATIVE_INT64;
    case DType::f32:
      return H5T_NATIVE_FLOAT;
    default:
      return H5T_NATIVE_DOUBLE;
  }
}
/// h5py's bool: an enumeration of FALSE and TRUE. Others are names of numbers.
inline bool is_bool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  bool all = true;
  for (unsigned k = 0; k < 2; ++k) {
    unsigned char value = 255;
    all = all && H5Tget_member_value(type, k, &value) >= 0 && value < 2;
  }
  return all;
}
/// What a type is that is not read.
inline std::string type_name(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
    case H5T_INTEGER:
      return "numbers of " + std::to_string(H5Tget_size(type)) + " bytes";
    case H5T_STRING:
      return "text";
    case H5T_COMPOUND:
      return "a compound, as complex numbers and records are";
    case H5T_REFERENCE:
      return "references, as of MATLAB's cells";
    case H5T_VLEN:
      return "rows of various lengths";
    default:
      return "another HDF5 type";
  }
}
/// What a file's type becomes in memory. Half floats are widened by HDF5 itself.
inline DType dtype_of(hid_t type, const std::string& where) {
  const std::size_t n = H5Tget_size(type);
  const bool s = H5Tget_sign(type) == H5T_SGN_2;
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      if (n <= 4) return DType::f32;
      if (n == 8) return DType::f64;
      break;
    case H5T_INTEGER:
      if (n == 1) return s ? DType::i8 : DType::u8;
      if (n == 2) return s ? DType::i16 : DType::u16;
      if (n == 4) return s ? DType::i32 : DType::u32;
      if (n == 8) return s ? DType::i64 : DType::u64;
      break;
    case H5T_ENUM: {
      if (is_bool(type)) return DType::boolean;
      const Id base(H5Tget_super(type), H5Tclose);
      return dtype_of(base, where);
    }
    default:
      break;
  }
  throw Error(where, "real numbers", type_name(type), "Read it with h5py and save numbers.");
}
/// How elements are read into memory. An enumeration has no conversion to another type than its
/// own: its numbers are taken as they are, in this machine's byte order.
inline Id in_memory(hid_t type, DType dtype, const std::string& where) {
  if (H5Tget_class(type) == H5T_ENUM) {
    Id own(H5Tget_native_type(type, H5T_DIR_DEFAULT), H5Tclose);
    if (H5Tget_size(own) != size_of(dtype))
      throw Error(where, "an enumeration of whole words", "one of fewer bits than its words have",
                  "Read it with h5py and save numbers.");
    return own;
  }
  return {H5Tcopy(native(dtype)), H5Tclose};
}

inline std::vector<hsize_t> extents(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> out(static_cast<std::size_t>(std::max(rank, 0)));
  if (!out.empty()) H5Sget_simple_extent_dims(space, out.data(), nullptr);
  return out;
}
inline Extents shape_of(const std::vector<hsize_t>& extents) {
  return {extents.begin(), extents.end()};
}

}  // namespace detail

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(-1, H5Fclose) {
    const detail::Quiet quiet;
    static_cast<void>(InputFile(path));  // which says why it cannot be read
    detail::provide_lzf();
    file_ = detail::Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (!file_.good())
      throw Error(path, "an HDF5 file", "something else, or a file cut short", "Fetch it again.");
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The members of a group, sorted by name.
  [[nodiscard]] std::vector<std::string> names(const std::string& group = "/") const {
    const detail::Quiet quiet;
    const detail::Id g(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
    if (!g.good())
      throw Error(path_, "a group '" + group + "'", "none", "Check the file's layout.");
    std::vector<std::string> out;
    const auto each = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
      static_cast<std::vector<std::string>*>(list)->emplace_back(name);
      return 0;
    };
    H5Literate(g, H5_INDEX_NAME, H5_ITER_INC, nullptr, each, &out);
    return out;
  }
  [[nodiscard]] bool contains(const std::string& name) const {
    const detail::Quiet quiet;
    for (std::size_t at = name.find('/', 1);;
         at = name.find('/', at + 1)) {  // every group on the way
      if (H5Lexists(file_, name.substr(0, at).c_str(), H5P_DEFAULT) <= 0) return false;
      if (at == name.npos) return true;
    }
  }
  [[nodiscard]] Extents shape(const std::string& name) const {
    const detail::Quiet quiet;
    const detail::Id d = dataset(name), space(H5Dget_space(d), H5Sclose);
    return detail::shape_of(detail::extents(space));
  }

  /// Throws Error naming file and dataset when it is missing, not numeric, damaged, or smaller than
  /// the part asked for.
  [[nodiscard]] Array read(const std::string& name, const Part& part = {}) const {
    const detail::Quiet quiet;
    const std::string where = path_ + ": " + name;
    const detail::Id d = dataset(name), space(H5Dget_space(d), H5Sclose),
                     type(H5Dget_type(d), H5Tclose);
    const auto all = detail::extents(space);
    const auto or_default = [&](const Extents& given, auto fallback) {
      std::vector<hsize_t> out(all.size());
      if (!given.empty() && given.size() != all.size()) {
        throw Error(where, std::to_string(all.size()) + " axes", std::to_string(given.size()),
                    "Give one number for each.");
      }
      for (std::size_t k = 0; k < all.size(); ++k) {
        if (!given.empty() && given[k] < 0)
          throw Error(where, "numbers of 0 or more", text_of(given), "Check the part.");
        out[k] = given.empty() ? fallback(k) : static_cast<hsize_t>(given[k]);
      }
      return out;
    };
    const auto start = or_default(part.start, [](std::size_t) { return hsize_t{0}; });
    auto stride = or_default(part.stride, [](std::size_t) { return hsize_t{1}; });
    for (auto& s : stride) s = std::max<hsize_t>(s, 1);
    const auto count = or_default(part.count, [&](std::size_t k) {
      return start[k] < all[k] ? (all[k] - start[k] + stride[k] - 1) / stride[k] : 0;
    });
    bool empty = false;
    for (std::size_t k = 0; k < all.size(); ++k) {
      empty = empty || count[k] == 0;
      if (start[k] > all[k] ||
          (count[k] > 0 &&
           (start[k] >= all[k] || count[k] - 1 > (all[k] - 1 - start[k]) / stride[k]))) {
        throw Error(where, "a part of " + text_of(detail::shape_of(all)),
                    std::to_string(count[k]) + " from " + std::to_string(start[k]) + " every " +
                        std::to_string(stride[k]) + " on axis " + std::to_string(k),
                    "Ask for less.");
      }
    }
    const DType dtype = detail::dtype_of(type, where);
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
      throw Error(where, "numbers", "a dataset without a shape (H5S_NULL)",
                  "It was written empty: leave it out.");
    justify(count, size_of(dtype), H5Dget_storage_size(d), where);
    Array a(dtype, detail::shape_of(count));
    if (empty) return a;
    detail::Id memory(all.empty()
                          ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                      H5Sclose);
    if (!all.empty()) {
      H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), stride.data(), count.data(),
                          nullptr);
    }
    const detail::Id in_memory = detail::in_memory(type, a.dtype, where);
    if (H5Dread(d, in_memory, memory, space, H5P_DEFAULT, a.bytes.data()) < 0) {
      throw Error(where, "to read " + text_of(a.shape), "an error of HDF5",
                  "The file is damaged, or a filter is missing.");
    }
    return a;
  }

  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const {
    const detail::Quiet quiet;
    return H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
  }
  /// A number or an array of numbers at a dataset or group ("/" for the file).
  [[nodiscard]] Array attribute(const std::string& object, const std::string& name) const {
    const detail::Quiet quiet;
    const std::string where = path_ + ": " + object + ": attribute " + name;
    const detail::Id a = open_attribute(object, name), space(H5Aget_space(a), H5Sclose),
                     type(H5Aget_type(a), H5Tclose);
    const DType dtype = detail::dtype_of(type, where);
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
      throw Error(where, "numbers", "an attribute without a shape (H5S_NULL)",
                  "It was written empty: leave it out.");
    const auto all = detail::extents(space);
    justify(all, size_of(dtype), H5Aget_storage_size(a), where);
    Array out(dtype, detail::shape_of(all));
    const detail::Id in_memory = detail::in_memory(type, out.dtype, where);
    if (H5Aread(a, in_memory, out.bytes.data()) < 0)
      throw Error(where, "to read it", "an error of HDF5", "The file is damaged.");
    return out;
  }
  /// A text at a dataset or group, of fixed or variable length.
  [[nodiscard]] std::string text_attribute(const std::string& object,
                                           const std::string& name) const {
    const detail::Quiet quiet;
    const std::string where = path_ + ": " + object + ": attribute " + name;
    const detail::Id a = open_attribute(object, name), type(H5Aget_type(a), H5Tclose),
                     space(H5Aget_space(a), H5Sclose);
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
      throw Error(where, "a text", "another type", "Use attribute() for numbers.");
    }
    std::string out;
    bool good = false;
    if (H5Tis_variable_str(type) > 0) {
      char* s = nullptr;
      good = H5Aread(a, type, &s) >= 0;
      if (s) out = s;
      H5free_memory(s);
    } else {
      out.resize(H5Tget_size(type));
      good = H5Aread(a, type, out.data()) >= 0;
      out.resize(std::min(out.find('\0'), out.size()));
    }
    if (!good) throw Error(where, "to read it", "an error of HDF5", "The file is damaged.");
    return out;
  }

 private:
  /// Extents are a claim; the stored bytes are what a file has. The filters make at most some
  /// thousand bytes of one.
  static void justify(const std::vector<hsize_t>& count, std::size_t element, hsize_t stored,
                      const std::string& where) {
    const std::size_t bytes = count_of(detail::shape_of(count), element, where) * element;
    constexpr std::size_t most_from_one = 1100, any_ratio = 1 << 16;
    if (bytes > any_ratio && bytes / most_from_one > stored)
      throw Error(where, "bytes for " + text_of(detail::shape_of(count)),
                  std::to_string(stored) + " in the file",
                  "The file is damaged, or the dataset was never written.");
  }
  [[nodiscard]] detail::Id dataset(const std::string& name) const {
    detail::Id d(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!d.good())
      throw Error(path_, "a dataset '" + name + "'", "none", "Check the file's layout.");
    return d;
  }
  [[nodiscard]] detail::Id open_attribute(const std::string& object,
                                          const std::string& name) const {
    detail::Id a(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                 H5Aclose);
    if (!a.good())
      throw Error(path_, "an attribute '" + name + "' of " + object, "none",
                  "Check the file's layout.");
    return a;
  }
  std::string path_;
  detail::Id file_;
};

/// A new file, which takes its name on commit(); without it nothing remains. Links are followed,
/// the rights of an old file kept, devices and pipes refused, as by amq::io::AtomicFile.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : path_(path), target_(path), temporary_(target_.path + ".part"), file_(-1, H5Fclose) {
    const detail::Quiet quiet;
    file_ = detail::Id(H5Fcreate(temporary_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                       H5Fclose);
    if (!file_.good())
      throw Error(path, "a folder to write into", "none, or no right to", "Create the folder.");
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (!file_.good()) return;
    file_.close();
    std::remove(temporary_.c_str());
  }

  /// @param name     with "/" for groups, which are created
  /// @param deflate  zlib level, 0 to 9; 0 writes one plain block
  void write(const std::string& name, const Array& a, unsigned deflate = 0) {
    const detail::Quiet quiet;
    const detail::Id space = space_of(a), links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    detail::Id settings(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links, 1);
    if (deflate > 0 && a.size() > 0 && a.rank() > 0) {
      // One chunk per slice of the first axis, which is how samples are read.
      std::vector<hsize_t> chunk(a.shape.begin(), a.shape.end());
      if (chunk.size() > 1) chunk[0] = 1;
      H5Pset_chunk(settings, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(settings, std::min(deflate, 9u));
    }
    const detail::Id d(
        H5Dcreate2(file_, name.c_str(), kind(a, name), space, links, settings, H5P_DEFAULT),
        H5Dclose);
    check(d.good() && (a.size() == 0 || H5Dwrite(d, detail::native(a.dtype), H5S_ALL, H5S_ALL,
                                                 H5P_DEFAULT, a.bytes.data()) >= 0),
          name);
  }
  void attribute(const std::string& object, const std::string& name, const Array& a) {
    const detail::Quiet quiet;
    const detail::Id space = space_of(a),
                     id(H5Acreate_by_name(file_, object.c_str(), name.c_str(), kind(a, name), space,
                                          H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
    check(id.good() && H5Awrite(id, detail::native(a.dtype), a.bytes.data()) >= 0,
          object + ": attribute " + name);
  }
  void attribute(const std::string& object, const std::string& name, const std::string& text) {
    const detail::Quiet quiet;
    const detail::Id type(H5Tcopy(H5T_C_S1), H5Tclose), space(H5Screate(H5S_SCALAR), H5Sclose);
    H5Tset_size(type, text.size() + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const detail::Id id(H5Acreate_by_name(file_, object.c_str(), name.c_str(), type, space,
                                          H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
    check(id.good() && H5Awrite(id, type, text.c_str()) >= 0, object + ": attribute " + name);
  }
  void commit() {
    const bool closed = file_.close() >= 0;
    if (target_.is_there) static_cast<void>(::chmod(temporary_.c_str(), target_.rights));
    if (!closed || std::rename(temporary_.c_str(), target_.path.c_str()) != 0) {
      std::remove(temporary_.c_str());
      throw Error(path_, "to put the new file in its place", "an error",
                  "Check the disk and the rights.");
    }
  }

 private:
  static hid_t kind(const Array& a, const std::string& name) {
    if (is_complex(a.dtype) || a.dtype == DType::f16 || a.dtype == DType::bf16) {
      throw Error("hdf5: " + name, "real numbers of C++", std::string(name_of(a.dtype)),
                  "Convert it to float32, or real_pairs().");
    }
    return detail::native(a.dtype);
  }
  static detail::Id space_of(const Array& a) {
    const std::vector<hsize_t> n(a.shape.begin(), a.shape.end());
    return {n.empty() ? H5Screate(H5S_SCALAR)
                      : H5Screate_simple(static_cast<int>(n.size()), n.data(), nullptr),
            H5Sclose};
  }
  void check(bool good, const std::string& what) const {
    if (!good)
      throw Error(path_ + ": " + what, "to write it once", "an error of HDF5",
                  "Names occur once; check the disk.");
  }
  std::string path_;
  amq::io::detail::Target target_;
  std::string temporary_;
  detail::Id file_;
};

}  // namespace amq::lab::hdf5
