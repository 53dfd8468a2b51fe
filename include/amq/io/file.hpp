#pragma once
/// @file
/// Files as bytes: read whole and bounded, read in pieces, written so that no reader ever sees
/// half.

#include <amq/core/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace amq {

using Bytes = std::vector<std::byte>;

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace detail {
struct CloseFile {
  void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;
}  // namespace detail

/// A file open for reading at any place. Throws Error naming the file for a missing file, a folder,
/// a place beyond the end, or a failing disk.
class InputFile {
 public:
  explicit InputFile(std::string path) : path_(std::move(path)) {
    handle_.reset(std::fopen(path_.c_str(), "rb"));
    if (!handle_) {
      throw Error(path_, "a readable file", std::strerror(errno), "Check the path and its rights.");
    }
    struct stat info {};
    if (::fstat(::fileno(handle_.get()), &info) != 0 || !S_ISREG(info.st_mode)) {
      throw Error(path_, "a regular file", "a folder, pipe or device", "Give the file itself.");
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }  ///< bytes

  /// Fills `out` from `offset`; `what` is named when the file is too short.
  void read_at(std::uint64_t offset, std::span<std::byte> out, std::string_view what) {
    if (offset > size_ || out.size() > size_ - offset) {
      throw Error(path_ + ": " + std::string(what),
                  std::to_string(out.size()) + " bytes at offset " + std::to_string(offset),
                  "a file of " + std::to_string(size_) + " bytes",
                  "The file is cut short; fetch or write it again.");
    }
    if (out.empty()) return;
    if (::fseeko(handle_.get(), static_cast<::off_t>(offset), SEEK_SET) != 0 ||
        std::fread(out.data(), 1, out.size(), handle_.get()) != out.size()) {
      throw Error(path_ + ": " + std::string(what),
                  "to read " + std::to_string(out.size()) + " bytes", "a failing read",
                  "The file changed under us, or its disk fails; try again.");
    }
  }
  [[nodiscard]] Bytes read_at(std::uint64_t offset, std::uint64_t n, std::string_view what) {
    if (offset > size_ || n > size_ - offset) read_at(size_ + 1, std::span<std::byte>(), what);
    Bytes out(static_cast<std::size_t>(n));
    read_at(offset, out, what);
    return out;
  }

 private:
  std::string path_;
  detail::FileHandle handle_;
  std::uint64_t size_ = 0;
};

inline constexpr std::uint64_t largest_file = std::uint64_t{1} << 36;  // 64 GiB

/// The whole file. @param most  refuses, before it allocates, a file of more bytes than this
[[nodiscard]] inline Bytes read_file(const std::string& path, std::uint64_t most = largest_file) {
  InputFile in(path);
  if (in.size() > most) {
    throw Error(path, "at most " + std::to_string(most) + " bytes", std::to_string(in.size()),
                "This is not the kind of file that was asked for.");
  }
  return in.read_at(0, in.size(), "contents");
}

/// Writes beside `path` and takes its name on commit(), in one step: a reader, or a crash, sees the
/// old file or the new one. Without commit() nothing remains.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path) : path_(std::move(path)) {
    // "x" creates or fails, so two writers never share a temporary, in one process or in many.
    for (int k = 0; k < 1000 && !handle_; ++k) {
      temporary_ = path_ + ".part" + std::to_string(k);
      handle_.reset(std::fopen(temporary_.c_str(), "wbx"));
      if (!handle_ && errno != EEXIST) break;
    }
    if (!handle_) {
      throw Error(path_, "a folder to write into", std::strerror(errno),
                  "Create the folder, check its rights, and remove stale .part files.");
    }
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (!handle_) return;
    handle_.reset();
    std::remove(temporary_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (std::fwrite(bytes.data(), 1, bytes.size(), handle_.get()) != bytes.size()) fail();
    written_ += bytes.size();
  }
  void write(std::string_view text) { write(as_bytes(text)); }
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }  ///< bytes so far

  void commit() {
    if (std::fflush(handle_.get()) != 0) fail();
    if (std::fclose(handle_.release()) != 0 ||
        std::rename(temporary_.c_str(), path_.c_str()) != 0) {
      const std::string why = std::strerror(errno);
      std::remove(temporary_.c_str());
      throw Error(path_, "to put the new file in its place", why, "Check the disk and the rights.");
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(path_, "to write", std::strerror(errno), "Free some space on the disk.");
  }
  std::string path_, temporary_;
  detail::FileHandle handle_;
  std::uint64_t written_ = 0;
};

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFile out(path);
  out.write(bytes);
  out.commit();
}
inline void write_file(const std::string& path, std::string_view text) {
  write_file(path, as_bytes(text));
}

}  // namespace amq
