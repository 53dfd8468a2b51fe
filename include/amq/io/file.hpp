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

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace amq::io {

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

/// What there is in place of a regular file.
[[nodiscard]] inline const char* kind_of(::mode_t mode) noexcept {
  return S_ISDIR(mode)    ? "a folder"
         : S_ISFIFO(mode) ? "a pipe"
         : S_ISSOCK(mode) ? "a socket"
                          : "a device";
}

/// Where a new file takes its place.
struct Target {
  std::string path;
  bool is_there = false;
  ::mode_t rights = 0;  ///< of the file that is there

  /// @throws amq::Error for what no file may replace: a device, pipe, socket or folder, also behind
  ///         links, /dev/stdout and /dev/fd/N; and for an open file that has lost its name
  explicit Target(const std::string& given) : path(followed(given)) {
    const auto refuse = [&](const std::string& found) {
      throw Error(given, "a regular file, or none yet", found,
                  "Name a file to write to: it is replaced as a whole.");
    };
    // The links of /proc lead to what has no path, "pipe:[123]": stat() knows it all the same.
    struct stat by_name {
    }, at_end{};
    const bool named = ::stat(given.c_str(), &by_name) == 0;
    if (named && !S_ISREG(by_name.st_mode)) refuse(kind_of(by_name.st_mode));
    is_there = ::stat(path.c_str(), &at_end) == 0;
    if (is_there && !S_ISREG(at_end.st_mode)) refuse(kind_of(at_end.st_mode));
    // Without a link the name is the file, which another writer may have replaced meanwhile.
    if (path != given && named &&
        (!is_there || by_name.st_ino != at_end.st_ino || by_name.st_dev != at_end.st_dev))
      refuse("an open file that has no name");
    rights = at_end.st_mode & 07777;
  }

 private:
  /// Where a chain of links ends, whether or not there is a file.
  [[nodiscard]] static std::string followed(std::string path) {
    for (int k = 0; k < 40; ++k) {
      char to[4096];
      const auto n = ::readlink(path.c_str(), to, sizeof to);
      if (n < 0 || static_cast<std::size_t>(n) == sizeof to) break;
      const std::string name(to, static_cast<std::size_t>(n));
      const auto slash = path.rfind('/');
      path = name[0] == '/' || slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
    }
    return path;
  }
};
}  // namespace detail

/// A file open for reading at any place. Throws Error naming the file for a missing file, a folder,
/// a place beyond the end, or a failing disk.
class InputFile {
 public:
  explicit InputFile(std::string path) : path_(std::move(path)) {
    // A pipe that nobody writes to would be waited for.
    const int file = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) handle_.reset(::fdopen(file, "rb"));
    if (!handle_) {
      const std::string why = std::strerror(errno);
      if (file >= 0) ::close(file);
      throw Error(path_, "a readable file", why, "Check the path and its rights.");
    }
    struct stat info {};
    if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
      throw Error(path_, "a regular file", detail::kind_of(info.st_mode),
                  "Give the file itself: it is read at any place.");
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

/// Writes beside `path` and takes its name on commit(), in one step: a reader, a crash or a power
/// cut sees the old file or the new one. Without commit() nothing remains. What a killed process
/// has left beside the file is taken over. A link is followed, and the rights of the old file are
/// kept.
class AtomicFile {
 public:
  /// @throws amq::Error for a folder that cannot be written into, and for a device, pipe or folder
  explicit AtomicFile(std::string path) : path_(std::move(path)) {
    const detail::Target target(path_);
    target_ = target.path;
    for (int k = 0; k < 1000 && !handle_; ++k) {
      temporary_ = target_ + ".part" + std::to_string(k);
      const int file = claimed(temporary_.c_str());
      if (file < 0 && errno != EWOULDBLOCK) break;
      if (file < 0) continue;
      if (target.is_there) static_cast<void>(::fchmod(file, target.rights));
      handle_.reset(::fdopen(file, "wb"));
      if (handle_) break;
      const int why = errno;
      std::remove(temporary_.c_str());
      ::close(file);
      errno = why;
      break;
    }
    if (!handle_) {
      throw Error(path_, "a folder to write into", std::strerror(errno),
                  "Create the folder and check its rights.");
    }
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (!handle_) return;
    std::remove(temporary_.c_str());
    handle_.reset();
  }

  void write(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (std::fwrite(bytes.data(), 1, bytes.size(), handle_.get()) != bytes.size()) fail();
    written_ += bytes.size();
  }
  void write(std::string_view text) { write(as_bytes(text)); }
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }  ///< bytes so far

  /// The bytes are on the disk before the name is theirs.
  void commit() {
    if (std::fflush(handle_.get()) != 0) fail();
    // Some file systems cannot sync; a full disk is told by others than these.
    if (::fsync(::fileno(handle_.get())) != 0 && errno != EINVAL && errno != ENOTSUP) fail();
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) {
      const std::string why = std::strerror(errno);
      throw Error(path_, "to put the new file in its place", why, "Check the disk and the rights.");
    }
    handle_.reset();
    const auto slash = target_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : target_.substr(0, slash + 1);
    if (const int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); at >= 0) {
      static_cast<void>(::fsync(at));
      ::close(at);
    }
  }

 private:
  /// A new temporary, or one whose writer is dead: a lock dies with its process.
  /// @returns -1 with EWOULDBLOCK where somebody writes to it
  [[nodiscard]] static int claimed(const char* name) {
    int file = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const bool is_new = file >= 0;
    if (!is_new && errno == EEXIST) {
      file = ::open(name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
      // Gone meanwhile, or a link, which is not ours to follow: the next name.
      if (file < 0 && (errno == ENOENT || errno == ELOOP)) errno = EWOULDBLOCK;
    }
    if (file < 0) return -1;
    const bool locked = ::flock(file, LOCK_EX | LOCK_NB) == 0;
    // Where nothing can be locked, a name that is new is enough.
    bool ours = locked || (is_new && errno != EWOULDBLOCK);
    if (locked) {
      struct stat by_name {
      }, by_file{};
      ours = ::stat(name, &by_name) == 0 && ::fstat(file, &by_file) == 0 &&
             by_name.st_ino == by_file.st_ino && by_name.st_dev == by_file.st_dev &&
             ::ftruncate(file, 0) == 0;
    }
    if (ours) return file;
    ::close(file);
    errno = EWOULDBLOCK;
    return -1;
  }
  [[noreturn]] void fail() const {
    throw Error(path_, "to write", std::strerror(errno), "Free some space on the disk.");
  }
  std::string path_, target_, temporary_;
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

}  // namespace amq::io
