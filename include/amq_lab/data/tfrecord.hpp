#pragma once
/// @file
/// TensorFlow's TFRecord files without TensorFlow: records with verified checksums, and the bytes
/// features of a tf.train.Example (the subset of protobuf's wire format they are made of).

#include <amq/io/file.hpp>
#include <amq_lab/data/crc32.hpp>

#include <map>
#include <optional>

namespace amq::lab::tfrecord {

/// TensorFlow's masked CRC-32C.
[[nodiscard]] constexpr std::uint32_t masked_crc(std::span<const std::byte> bytes) noexcept {
  const std::uint32_t c = crc32<crc_castagnoli>(bytes);
  return (c >> 15 | c << 17) + 0xa282ead8u;
}

/// Records one after the other: 8 bytes of length, its checksum, the content, its checksum.
class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path) {}

  /// The next record, or nothing at the end of the file. Throws Error naming file and record for a
  /// checksum that does not match and a file cut short.
  [[nodiscard]] std::optional<Bytes> next() {
    if (at_ == in_.size()) return std::nullopt;
    const std::string what = "record " + std::to_string(n_), where = in_.path() + ": " + what;
    const auto number = [](std::span<const std::byte> b) {
      std::uint64_t x = 0;
      for (std::size_t k = b.size(); k-- > 0;) x = x << 8 | static_cast<std::uint64_t>(b[k]);
      return x;
    };
    const auto check = [&](std::span<const std::byte> content, std::span<const std::byte> sum) {
      if (masked_crc(content) != number(sum)) {
        throw Error(where, "content that matches its CRC-32C", "another checksum",
                    "The file is damaged; fetch it again.");
      }
    };
    const Bytes head = in_.read_at(at_, 12, what);
    check(std::span(head).first(8), std::span(head).subspan(8));
    const std::uint64_t length = number(std::span(head).first(8));
    if (length > in_.size() - at_ - 12) {
      throw Error(where, std::to_string(length) + " bytes", std::to_string(in_.size() - at_ - 12),
                  "The file is cut short; fetch it again.");
    }
    Bytes content = in_.read_at(at_ + 12, length, what);
    check(content, in_.read_at(at_ + 12 + length, 4, what));
    at_ += length + 16;
    ++n_;
    return content;
  }
  [[nodiscard]] const std::string& path() const noexcept { return in_.path(); }
  [[nodiscard]] std::size_t n_read() const noexcept { return n_; }

 private:
  InputFile in_;
  std::uint64_t at_ = 0;
  std::size_t n_ = 0;
};

/// A record as it stands in a file: for those who write one.
[[nodiscard]] inline Bytes framed(std::span<const std::byte> content) {
  Bytes out;
  const auto put = [&](std::uint64_t x, int n) {
    for (int k = 0; k < n; ++k) out.push_back(static_cast<std::byte>(x >> (8 * k) & 255));
  };
  put(content.size(), 8);
  put(masked_crc(out), 4);
  out.insert(out.end(), content.begin(), content.end());
  put(masked_crc(content), 4);
  return out;
}

namespace detail {

/// Walks the fields of one protobuf message.
class Message {
 public:
  Message(std::span<const std::byte> bytes, const std::string& where)
      : rest_(bytes), where_(where) {}

  /// The next length-delimited field of that number; other fields are passed over. Nothing at the
  /// end.
  [[nodiscard]] std::optional<std::span<const std::byte>> next(std::uint64_t wanted) {
    while (!rest_.empty()) {
      const std::uint64_t key = varint(), number = key >> 3;
      switch (key & 7) {
        case 0:
          varint();
          break;
        case 1:
          take(8);
          break;
        case 5:
          take(4);
          break;
        case 2: {
          const auto content = take(varint());
          if (number == wanted) return content;
          break;
        }
        default:
          fail("a wire type of protobuf 3");
      }
    }
    return std::nullopt;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw Error(where_, expected, "something else", "This is no tf.train.Example.");
  }
  std::uint64_t varint() {
    std::uint64_t x = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) fail("a whole number");
      const auto b = static_cast<std::uint64_t>(rest_[0]);
      rest_ = rest_.subspan(1);
      x |= (b & 127) << shift;
      if (b < 128) return x;
    }
    fail("a number of at most 64 bits");
  }
  std::span<const std::byte> take(std::uint64_t n) {
    if (n > rest_.size()) fail(std::to_string(n) + " bytes more");
    const auto out = rest_.first(static_cast<std::size_t>(n));
    rest_ = rest_.subspan(static_cast<std::size_t>(n));
    return out;
  }
  std::span<const std::byte> rest_;
  const std::string& where_;
};

}  // namespace detail

using Features = std::map<std::string, std::span<const std::byte>>;

/// The bytes features of an Example with one value each; float and integer lists are passed over.
/// The spans look into `example`, which must outlive them.
[[nodiscard]] inline Features bytes_features(std::span<const std::byte> example,
                                             const std::string& where) {
  Features out;
  detail::Message root(example, where);
  while (const auto features = root.next(1)) {
    detail::Message list(*features, where);
    while (const auto entry = list.next(1)) {
      const auto key = detail::Message(*entry, where).next(1),
                 value = detail::Message(*entry, where).next(2);
      if (!key || !value) continue;
      const auto bytes_list = detail::Message(*value, where).next(1);
      if (!bytes_list) continue;
      detail::Message values(*bytes_list, where);
      const auto first = values.next(1);
      if (first && !values.next(1)) out[std::string(as_text(*key))] = *first;
    }
  }
  return out;
}

}  // namespace amq::lab::tfrecord
