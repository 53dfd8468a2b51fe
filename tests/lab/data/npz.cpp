#include <amq_lab/data/npz.hpp>

#include "../../io/scratch.hpp"

#include <filesystem>

namespace test_npz {

using namespace amq;
using namespace amq::lab;

TEST_CASE("the two checksums give their published check values") {
  CHECK(crc32(as_bytes("123456789")) == 0xcbf43926u);
  CHECK(crc32<crc_castagnoli>(as_bytes("123456789")) == 0xe3069283u);
  const std::string long_text = "a text of more than eight bytes, cut at every place";
  for (std::size_t k = 0; k < long_text.size(); ++k) {
    const auto head = crc32(as_bytes(long_text).subspan(0, k));
    CHECK(crc32(as_bytes(long_text).subspan(k), head) == crc32(as_bytes(long_text)));
  }
}

TEST_CASE("an archive gives back its arrays, wide headers or not") {
  const test::Scratch dir("npz");
  const npz::Arrays arrays{{"points", Array::of(std::vector<double>{0, 1, 2, 3}, {2, 2})},
                           {"cells", Array::of(std::vector<std::int32_t>{0, 1, 2}, {1, 3})},
                           {"empty", Array(DType::f32, {0, 3})},
                           {"time", Array::scalar(0.5)}};
  npz::write(dir.path("a.npz"), arrays);
  CHECK(npz::read(dir.path("a.npz")) == arrays);
  zip::Writer wide(dir.path("wide.npz"), 0);
  for (const auto& [name, a] : arrays) wide.add(name + ".npy", npy::encode(a));
  wide.commit();
  CHECK(npz::read(dir.path("wide.npz")) == arrays);
  npz::write(dir.path("none.npz"), {});
  CHECK(npz::read(dir.path("none.npz")).empty());
  CHECK(dir.n_files() == 3);
}

TEST_CASE("equal content gives equal files") {
  const test::Scratch dir("npz");
  const npz::Arrays arrays{{"u", Array::scalar(1.0f)}};
  npz::write(dir.path("a.npz"), arrays);
  npz::write(dir.path("b.npz"), arrays);
  CHECK(read_file(dir.path("a.npz")) == read_file(dir.path("b.npz")));
}

TEST_CASE("a name that is not there is answered with those that are") {
  const test::Scratch dir("npz");
  npz::write(dir.path("a.npz"), {{"u", Array::scalar(1)}, {"v", Array::scalar(2)}});
  npz::Reader in(dir.path("a.npz"));
  CHECK(in.contains("u"));
  CHECK(in.read("v").as<int>()[0] == 2);
  AMQ_REFUSES(in.read("w"), "only: u, v");
  AMQ_REFUSES(npz::at(npz::read(dir.path("a.npz")), "w"), "only: u, v");
}

TEST_CASE("a changed byte of an array is found by its checksum, naming file and entry") {
  const test::Scratch dir("npz");
  npz::write(dir.path("a.npz"), {{"u", Array(DType::f32, {100})}});
  Bytes b = read_file(dir.path("a.npz"));
  b[300] ^= std::byte{1};
  write_file(dir.path("a.npz"), b);
  AMQ_REFUSES(npz::read(dir.path("a.npz")), "CRC-32");
  AMQ_REFUSES(npz::read(dir.path("a.npz")), "a.npz: u.npy");
}

TEST_CASE("an archive cut anywhere is refused") {
  const test::Scratch dir("npz");
  npz::write(dir.path("a.npz"), {{"u", Array(DType::f32, {20})}, {"v", Array(DType::i8, {3})}});
  const Bytes b = read_file(dir.path("a.npz"));
  for (std::size_t n = 0; n < b.size(); ++n) {
    write_file(dir.path("cut.npz"), std::span(b).subspan(0, n));
    AMQ_REFUSES(npz::read(dir.path("cut.npz")), "cut.npz");
  }
}

TEST_CASE("entries that share their bytes are refused") {
  const test::Scratch dir("npz");
  npz::write(dir.path("a.npz"), {{"u", Array(DType::f32, {20})}, {"v", Array(DType::f32, {20})}});
  Bytes b = read_file(dir.path("a.npz"));
  // The second directory entry is made to point where the first does.
  const std::size_t second = b.size() - 22 - 51 + 42;
  for (std::size_t k = 0; k < 4; ++k) b[second + k] = std::byte{0};
  write_file(dir.path("a.npz"), b);
  AMQ_REFUSES(npz::read(dir.path("a.npz")), "own bytes");
}

TEST_CASE("a thousand mutated archives are read or refused, nothing else") {
  const test::Scratch dir("npz");
  const npz::Arrays arrays{{"u", Array(DType::f32, {2, 2})}, {"v", Array(DType::i8, {3})}};
  npz::write(dir.path("a.npz"), arrays);
  const Bytes good = read_file(dir.path("a.npz"));
  Random r(2);
  int refused = 0;
  for (int k = 0; k < 1000; ++k) {
    write_file(dir.path("m.npz"), test::mutate(good, r));
    try {
      for (const auto& [name, a] : npz::read(dir.path("m.npz"))) {
        if (a.bytes.size() != count_of(a.shape, 1, "m") * size_of(a.dtype)) FAIL("bytes and shape");
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("without a decompressor a deflated entry is refused with the mend") {
  const std::string path = std::string(AMQ_SHARED_DATA) + "/darcy/unstructured/sample_000.npz";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no ", path);
    return;
  }
  AMQ_REFUSES(npz::read(path), "npz_zlib.hpp");
}

}  // namespace test_npz
