#pragma once
/// @file
/// Who works at a place is alone there, among threads and processes.

#include <amq/core/error.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace amq::io {

/// Holds a file that is there while the lock is held. It dies with its process, however that ends:
/// what a killed one has left is no obstacle. Where the file system knows no locks, there is none.
class FileLock {
 public:
  /// @throws amq::Error where another thread or process holds it, or the folder cannot be written
  explicit FileLock(std::string path) : path_(std::move(path)) {
    for (int tries = 0; tries < 100; ++tries) {
      file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (file_ < 0)
        throw Error(path_, "a folder to write into", std::strerror(errno),
                    "Create the folder and check its rights.");
      if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return;
        ::close(file_);
        break;
      }
      // The one before may have removed the file between our opening and our locking it.
      struct stat by_name {
      }, by_file{};
      if (::stat(path_.c_str(), &by_name) == 0 && ::fstat(file_, &by_file) == 0 &&
          by_name.st_ino == by_file.st_ino && by_name.st_dev == by_file.st_dev)
        return;
      ::close(file_);
    }
    throw Error(path_, "to be alone here", "another process or thread that holds the lock",
                "Wait until it has ended, or work in another folder.");
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    ::unlink(path_.c_str());
    ::close(file_);
  }

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace amq::io
