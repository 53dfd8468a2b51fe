#pragma once
/// @file
/// Zip archives as numpy.savez writes them: stored or deflated entries, zip64 where numpy asks for
/// it, no encryption, one volume. Every checksum is verified. (PKWARE APPNOTE 6.3.)

#include <amq/io/file.hpp>
#include <amq_lab/data/crc32.hpp>
#include <amq_lab/data/inflate.hpp>

#include <algorithm>

namespace amq::lab::zip {

struct Entry {
  std::string name;
  std::uint64_t local = 0;  ///< offset of the local header
  std::uint64_t packed = 0, size = 0;
  std::uint32_t crc = 0;
  std::uint16_t method = 0;  ///< 0 stored, 8 deflated
  bool encrypted = false;
};

namespace detail {

inline std::uint64_t number(std::span<const std::byte> b, std::size_t at, std::size_t n) {
  std::uint64_t x = 0;
  for (std::size_t k = 0; k < n; ++k) x |= static_cast<std::uint64_t>(b[at + k]) << (8 * k);
  return x;
}
inline void append(std::string& s, std::uint64_t x, std::size_t n) {
  for (; n > 0; --n, x >>= 8) s += static_cast<char>(x & 255);
}

inline constexpr std::uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50,
                               locator_mark = 0x07064b50, central_mark = 0x02014b50,
                               local_mark = 0x04034b50;

/// Replaces the sizes that say "see zip64" by those of the extra field, in their fixed order.
inline bool widen(std::span<const std::byte> extra, std::span<std::uint64_t* const> fields) {
  while (extra.size() >= 4) {
    const auto id = number(extra, 0, 2), n = number(extra, 2, 2);
    if (n > extra.size() - 4) return false;
    auto body = extra.subspan(4, static_cast<std::size_t>(n));
    if (id == 1) {
      for (auto* const f : fields) {
        if (*f != 0xffffffffu) continue;
        if (body.size() < 8) return false;
        *f = number(body, 0, 8);
        body = body.subspan(8);
      }
      return true;
    }
    extra = extra.subspan(static_cast<std::size_t>(n) + 4);
  }
  return true;
}

}  // namespace detail

/// An archive open for reading: the list of entries first, their bytes on demand.
class Reader {
 public:
  /// @param inflate  for deflated entries; without one they are refused when read
  explicit Reader(const std::string& path, Inflate inflate = nullptr)
      : in_(path), inflate_(inflate) {
    read_directory();
  }
  [[nodiscard]] const std::string& path() const noexcept { return in_.path(); }
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

  /// Whether it is kept in a way that read() knows.
  [[nodiscard]] static bool can_read(const Entry& e) noexcept {
    return !e.encrypted && (e.method == 0 || e.method == 8);
  }
  [[nodiscard]] Bytes read(const Entry& e) {
    using detail::number;
    const std::string where = path() + ": " + e.name;
    if (!can_read(e))
      throw Error(where, "a stored or deflated entry",
                  e.encrypted ? "encryption" : "method " + std::to_string(e.method),
                  "Save it with numpy.savez.");
    const Bytes head = in_.read_at(e.local, 30, e.name);
    if (number(head, 0, 4) != detail::local_mark) damaged(where, "a local header");
    const auto n_name = number(head, 26, 2), n_extra = number(head, 28, 2);
    const Bytes name = in_.read_at(e.local + 30, n_name, e.name);
    if (as_text(name) != e.name || number(head, 8, 2) != e.method) {
      damaged(where, "a local header that agrees with the directory");
    }
    const std::uint64_t start = e.local + 30 + n_name + n_extra;
    if (start > directory_ || e.packed > directory_ - start) {
      damaged(where, std::to_string(e.packed) + " bytes before the directory");
    }
    Bytes data = in_.read_at(start, e.packed, e.name);
    if (e.method == 8) data = inflated(data, e, where);
    if (data.size() != e.size) damaged(where, std::to_string(e.size) + " bytes of content");
    if (crc32(data) != e.crc) damaged(where, "content that matches its CRC-32");
    return data;
  }

 private:
  [[noreturn]] static void damaged(const std::string& where, const std::string& expected) {
    throw Error(where, expected, "something else", "The archive is damaged; fetch it again.");
  }
  Bytes inflated(const Bytes& data, const Entry& e, const std::string& where) const {
    if (!inflate_) {
      throw Error(
          where, "a stored entry", "a deflated one",
          "Include <amq_lab/data/npz_zlib.hpp> and pass amq::lab::zlib_inflate, or save with "
          "numpy.savez instead of savez_compressed.");
    }
    // Deflate cannot shrink beyond 1032 : 1; an entry that says so is a bomb.
    if (e.size / 1032 > e.packed) damaged(where, "a size that deflate can reach");
    try {
      return inflate_(data, Deflated::raw, static_cast<std::size_t>(e.size));
    } catch (const Error& error) {
      throw Error(where, error.expected(), error.found(), error.mend());
    }
  }

  void read_directory() {
    using detail::number;
    const std::uint64_t tail_size = std::min<std::uint64_t>(in_.size(), 65557);
    const std::uint64_t tail_at = in_.size() - tail_size;
    const Bytes tail = in_.read_at(tail_at, tail_size, "end of the archive");
    std::size_t at = tail.size() < 22 ? 0 : tail.size() - 22;
    const auto is_end = [&] {
      return at + 22 <= tail.size() && number(tail, at, 4) == detail::end_mark &&
             number(tail, at + 20, 2) == tail.size() - at - 22;
    };
    while (at > 0 && !is_end()) --at;
    if (!is_end()) damaged(path(), "a zip archive (.npz) with its directory at the end");
    std::uint64_t count = number(tail, at + 10, 2), size = number(tail, at + 12, 4);
    std::uint64_t end = tail_at + at;  // of the directory, later on
    directory_ = number(tail, at + 16, 4);
    if (count == 0xffff || size == 0xffffffffu || directory_ == 0xffffffffu) {
      if (end < 20) damaged(path(), "a zip64 locator");
      const Bytes locator = in_.read_at(end - 20, 20, "zip64 locator");
      if (number(locator, 0, 4) == detail::locator_mark) {
        end = number(locator, 8, 8);
        const Bytes e = in_.read_at(end, 56, "zip64 end record");
        if (number(e, 0, 4) != detail::end64_mark) damaged(path(), "a zip64 end record");
        count = number(e, 32, 8);
        size = number(e, 40, 8);
        directory_ = number(e, 48, 8);
      }
    }
    if (directory_ > end || size != end - directory_ || count > size / 46) {
      damaged(path(), "a directory that ends where the archive does");
    }
    parse(in_.read_at(directory_, size, "directory"), count);
  }

  void parse(const Bytes& bytes, std::uint64_t count) {
    using detail::number;
    std::span<const std::byte> d = bytes;
    for (; count > 0; --count) {
      if (d.size() < 46 || number(d, 0, 4) != detail::central_mark)
        damaged(path(), "a directory entry");
      const auto n_name = static_cast<std::size_t>(number(d, 28, 2)),
                 n_extra = static_cast<std::size_t>(number(d, 30, 2)),
                 n_note = static_cast<std::size_t>(number(d, 32, 2));
      if (d.size() - 46 < n_name + n_extra + n_note) damaged(path(), "a whole directory entry");
      Entry e;
      e.name = std::string(as_text(d.subspan(46, n_name)));
      e.method = static_cast<std::uint16_t>(number(d, 10, 2));
      e.crc = static_cast<std::uint32_t>(number(d, 16, 4));
      e.packed = number(d, 20, 4);
      e.size = number(d, 24, 4);
      e.local = number(d, 42, 4);
      std::uint64_t* const fields[] = {&e.size, &e.packed, &e.local};
      const std::string where = path() + ": " + e.name;
      if (!detail::widen(d.subspan(46 + n_name, n_extra), fields)) damaged(where, "a zip64 field");
      e.encrypted = (number(d, 8, 2) & 1) != 0;
      if (e.local > directory_ || e.packed > directory_ - e.local ||
          (e.method == 0 && !e.encrypted && e.size != e.packed)) {
        damaged(where, "sizes that fit the archive");
      }
      entries_.push_back(std::move(e));
      d = d.subspan(46 + n_name + n_extra + n_note);
    }
    check_overlaps();
  }
  /// Entries that share bytes are how a small archive unpacks to petabytes (Fifield, 2019).
  void check_overlaps() const {
    auto sorted = entries_;
    std::sort(sorted.begin(), sorted.end(),
              [](const Entry& a, const Entry& b) { return a.local < b.local; });
    for (std::size_t k = 1; k < sorted.size(); ++k) {
      if (sorted[k].local - sorted[k - 1].local < sorted[k - 1].packed + 30) {
        damaged(path() + ": " + sorted[k].name, "an entry of its own bytes");
      }
    }
  }

  InputFile in_;
  Inflate inflate_;
  std::uint64_t directory_ = 0;
  std::vector<Entry> entries_;
};

/// Stored entries, in the order given, dated 1980 so that equal content gives equal files.
class Writer {
 public:
  /// @param zip64_from  sizes and offsets from here on are written as zip64; smaller only for tests
  explicit Writer(const std::string& path, std::uint64_t zip64_from = 0xffffffffu)
      : out_(path), path_(path), limit_(zip64_from) {}

  /// An entry whose content is `front` and then `rest`, which are not copied.
  void add(const std::string& name, std::span<const std::byte> front,
           std::span<const std::byte> rest = {}) {
    if (name.empty() || name.size() > 0xffff) {
      throw Error(path_, "an entry name of 1 to 65535 bytes", std::to_string(name.size()),
                  "Choose a shorter name.");
    }
    Entry e;
    e.name = name;
    e.local = out_.written();
    e.size = e.packed = front.size() + rest.size();
    e.crc = crc32(rest, crc32(front));
    std::string head;
    const bool wide = e.size >= limit_;
    detail::append(head, detail::local_mark, 4);
    common(head, e, wide, wide ? 20 : 0);
    head += name;
    if (wide) extra(head, {e.size, e.packed});
    out_.write(head);
    out_.write(front);
    out_.write(rest);
    entries_.push_back(std::move(e));
  }

  void commit() {
    const std::uint64_t start = out_.written();
    for (const auto& e : entries_) {
      const bool wide = e.size >= limit_, beyond = e.local >= limit_;
      std::string head;
      detail::append(head, detail::central_mark, 4);
      detail::append(head, 45, 2);
      common(head, e, wide,
             (wide || beyond) ? std::size_t{4} + (wide ? 16 : 0) + (beyond ? 8 : 0) : 0);
      detail::append(head, 0, 10);  // no comment, first volume, no attributes
      detail::append(head, beyond ? 0xffffffffu : e.local, 4);
      head += e.name;
      if (wide && beyond)
        extra(head, {e.size, e.packed, e.local});
      else if (wide)
        extra(head, {e.size, e.packed});
      else if (beyond)
        extra(head, {e.local});
      out_.write(head);
    }
    const std::uint64_t end = out_.written(), size = end - start, n = entries_.size();
    std::string tail;
    const bool wide = start >= limit_ || n >= 0xffff;
    if (wide) {
      detail::append(tail, detail::end64_mark, 4);
      detail::append(tail, 44, 8);
      detail::append(tail, 45 | 45 << 16, 4);
      detail::append(tail, 0, 8);
      for (const auto x : {n, n, size, start}) detail::append(tail, x, 8);
      detail::append(tail, detail::locator_mark, 4);
      detail::append(tail, 0, 4);
      detail::append(tail, end, 8);
      detail::append(tail, 1, 4);
    }
    detail::append(tail, detail::end_mark, 4);
    detail::append(tail, 0, 4);
    for (int twice = 0; twice < 2; ++twice) detail::append(tail, wide ? 0xffff : n, 2);
    detail::append(tail, wide ? 0xffffffffu : size, 4);
    detail::append(tail, wide ? 0xffffffffu : start, 4);
    detail::append(tail, 0, 2);
    out_.write(tail);
    out_.commit();
  }

 private:
  /// What the local and the central header share, from "version needed" on.
  static void common(std::string& s, const Entry& e, bool wide, std::size_t n_extra) {
    detail::append(s, 45, 2);
    detail::append(s, 0x0800, 2);  // names are UTF-8
    detail::append(s, 0, 2);
    detail::append(s, 0x00210000, 4);  // 1980-01-01
    detail::append(s, e.crc, 4);
    detail::append(s, wide ? 0xffffffffu : e.packed, 4);
    detail::append(s, wide ? 0xffffffffu : e.size, 4);
    detail::append(s, e.name.size(), 2);
    detail::append(s, n_extra, 2);
  }
  static void extra(std::string& s, std::initializer_list<std::uint64_t> fields) {
    detail::append(s, 1, 2);
    detail::append(s, 8 * fields.size(), 2);
    for (const auto f : fields) detail::append(s, f, 8);
  }
  AtomicFile out_;
  std::string path_;
  std::uint64_t limit_;
  std::vector<Entry> entries_;
};

}  // namespace amq::lab::zip
