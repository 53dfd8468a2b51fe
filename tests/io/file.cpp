#include <amq/io/file.hpp>

#include "scratch.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace test_file {

using namespace amq;
using namespace amq::io;

TEST_CASE("a file reads back as it was written, also when empty") {
  const test::Scratch dir("file");
  for (const std::string text : {"", "x", "two\0three"}) {
    write_file(dir.path("a"), text);
    CHECK(as_text(read_file(dir.path("a"))) == text);
  }
  CHECK(dir.n_files() == 1);
}

TEST_CASE("an uncommitted file leaves the old one and no temporary") {
  const test::Scratch dir("file");
  write_file(dir.path("a"), "old");
  {
    AtomicFile out(dir.path("a"));
    out.write("new and longer");
    CHECK(dir.n_files() == 2);
    CHECK(as_text(read_file(dir.path("a"))) == "old");
  }
  CHECK(dir.n_files() == 1);
  CHECK(as_text(read_file(dir.path("a"))) == "old");
}

TEST_CASE("two writers of one file do not share a temporary") {
  const test::Scratch dir("file");
  AtomicFile a(dir.path("x")), b(dir.path("x"));
  a.write("a");
  b.write("bb");
  a.commit();
  CHECK(as_text(read_file(dir.path("x"))) == "a");
  b.commit();
  CHECK(as_text(read_file(dir.path("x"))) == "bb");
  CHECK(dir.n_files() == 1);
}

TEST_CASE("what a killed writer has left is taken over, not stepped around") {
  const test::Scratch dir("file");
  std::ofstream(dir.path("a.part0")) << "half of a file, much longer than what follows";
  write_file(dir.path("a"), "whole");
  CHECK(as_text(read_file(dir.path("a"))) == "whole");
  CHECK(dir.n_files() == 1);
}

TEST_CASE("a link is followed, also to a file that is not there yet, and rights are kept") {
  namespace fs = std::filesystem;
  const test::Scratch dir("file");
  fs::create_directories(dir.path("run"));
  write_file(dir.path("run/model"), "old");
  fs::permissions(dir.path("run/model"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("run/model", dir.path("latest"));
  fs::create_symlink(dir.path("latest"), dir.path("of a link"));
  write_file(dir.path("of a link"), "new");
  CHECK(fs::is_symlink(dir.path("latest")));
  CHECK(as_text(read_file(dir.path("run/model"))) == "new");
  CHECK(fs::status(dir.path("run/model")).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  fs::create_symlink("run/next", dir.path("next"));
  write_file(dir.path("next"), "first");
  CHECK(as_text(read_file(dir.path("run/next"))) == "first");
}

TEST_CASE("a device is not replaced by a file") {
  AMQ_REFUSES(write_file("/dev/null", "x"), "a regular file, or none yet");
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("what is no file is refused by its kind, behind links and open descriptors, too") {
  const test::Scratch dir("file");
  AMQ_REFUSES(write_file(dir.path(""), "x"), "found a folder");
  REQUIRE(::mkfifo(dir.path("pipe").c_str(), 0600) == 0);
  AMQ_REFUSES(write_file(dir.path("pipe"), "x"), "found a pipe");
  std::filesystem::create_symlink("pipe", dir.path("link"));
  AMQ_REFUSES(write_file(dir.path("link"), "x"), "found a pipe");
  // Nobody writes into it: reading would wait for ever.
  AMQ_REFUSES(static_cast<void>(read_file(dir.path("link"))), "found a pipe");
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  AMQ_REFUSES(write_file("/dev/fd/" + std::to_string(ends[1]), "x"), "found a pipe");
  AMQ_REFUSES(write_file("/proc/self/fd/" + std::to_string(ends[1]), "x"), "found a pipe");
  AMQ_REFUSES(static_cast<void>(read_file("/dev/fd/" + std::to_string(ends[0]))), "found a pipe");
  ::close(ends[0]);
  ::close(ends[1]);
  AMQ_REFUSES(write_file("/dev/full", "x"), "found a device");

  // An open file is the file it was opened as, as long as that has a name.
  write_file(dir.path("open"), "old");
  const int file = ::open(dir.path("open").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const std::string by_number = "/dev/fd/" + std::to_string(file);
  write_file(by_number, "new");
  CHECK(as_text(read_file(dir.path("open"))) == "new");
  AMQ_REFUSES(write_file(by_number, "x"), "an open file that has no name");
  ::close(file);
  CHECK(dir.n_files() == 3);
}

TEST_CASE("a rename that fails leaves no temporary") {
  const test::Scratch dir("file");
  std::filesystem::create_directories(dir.path("folder/inside"));
  AMQ_REFUSES(write_file(dir.path("folder"), "x"), "");
  CHECK(dir.n_files() == 1);
}

TEST_CASE("what cannot be read is refused by name") {
  const test::Scratch dir("file");
  write_file(dir.path("ten"), "0123456789");
  AMQ_REFUSES(read_file(dir.path("none")), "none");
  AMQ_REFUSES(read_file(dir.path("")), "regular file");
  AMQ_REFUSES(read_file(dir.path("ten"), 9), "at most 9 bytes");
  AMQ_REFUSES(write_file(dir.path("no/such"), "x"), "folder");
  InputFile in(dir.path("ten"));
  CHECK(as_text(in.read_at(8, 2, "tail")) == "89");
  AMQ_REFUSES(in.read_at(8, 3, "the tail"), "the tail");
  AMQ_REFUSES(in.read_at(8, ~std::uint64_t{0}, "tail"), "");
  AMQ_REFUSES(in.read_at(~std::uint64_t{0}, 2, "tail"), "");
}

}  // namespace test_file
