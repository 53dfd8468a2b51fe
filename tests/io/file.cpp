#include <amq/io/file.hpp>

#include "scratch.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace amq;

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
