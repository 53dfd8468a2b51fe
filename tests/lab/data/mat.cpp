#include <amq_lab/data/mat.hpp>

#include "../../io/scratch.hpp"

namespace test_mat {

using namespace amq;
using namespace amq::lab;

namespace {

/// Writes the format by its specification, uncompressed.
struct MatFile {
  std::string text = std::string("MATLAB 5.0 MAT-file, by hand");
  MatFile() {
    text.resize(124, ' ');
    text += std::string("\x00\x01IM", 4);
  }
  static std::string word(std::uint32_t x) {
    std::string s;
    for (int k = 0; k < 4; ++k) s += static_cast<char>(x >> (8 * k) & 255);
    return s;
  }
  static std::string element(std::uint32_t type, std::string data) {
    std::string s = word(type) + word(static_cast<std::uint32_t>(data.size())) + data;
    s.resize((s.size() + 7) / 8 * 8, '\0');
    return s;
  }
  static std::string small(std::uint32_t type, std::string data) {
    std::string s = word(type | static_cast<std::uint32_t>(data.size()) << 16) + data;
    s.resize(8, '\0');
    return s;
  }
  void add(std::uint32_t flags, std::initializer_list<std::uint32_t> shape, const std::string& name,
           std::uint32_t type, const std::string& data) {
    std::string extents;
    for (const auto n : shape) extents += word(n);
    std::string m = element(6, word(flags) + word(0)) + element(5, extents);
    m += name.size() <= 4 ? small(1, name) : element(1, name);
    m += data.size() <= 4 ? small(type, data) : element(type, data);
    text += element(14, m);
  }
};
mat::Arrays parse(const std::string& text) {
  const std::string path = "hand.mat";
  return mat::detail::Parser(path, nullptr).file(as_bytes(text));
}

}  // namespace

TEST_CASE("columns become rows, small integers their class, and text is passed over") {
  MatFile f;
  f.add(6, {2, 3}, "m", 2, std::string("\1\2\3\4\5\6", 6));   // doubles kept as bytes
  f.add(4, {1, 2}, "label", 4, std::string("h\0i\0", 4));     // char
  f.add(12, {1, 1}, "count", 3, std::string("\xfe\xff", 2));  // int32 kept as int16
  f.add(6 | 0x200, {1, 2}, "flag", 2, std::string("\0\1", 2));
  const auto a = parse(f.text);
  CHECK(a.size() == 3);
  CHECK(a.at("m").dtype == DType::f64);
  CHECK(a.at("m").shape == Extents{2, 3});
  CHECK(a.at("m").as<double>() == std::vector<double>{1, 3, 5, 2, 4, 6});
  CHECK(a.at("count").dtype == DType::i32);
  CHECK(a.at("count").as<int>()[0] == -2);
  CHECK(a.at("flag").dtype == DType::boolean);
}

TEST_CASE("what cannot be read is refused, naming file and variable") {
  MatFile complex_numbers;
  complex_numbers.add(6 | 0x800, {1, 1}, "zzzzz", 2, "1");
  AMQ_REFUSES(parse(complex_numbers.text), "hand.mat: zzzzz");
  MatFile few;
  few.add(6, {2, 2}, "m", 2, "123");
  AMQ_REFUSES(parse(few.text), "4 bytes for (2, 2)");
  MatFile huge;
  huge.add(6, {0x7fffffff, 0x7fffffff, 0x7fffffff}, "m", 2, "123");
  AMQ_REFUSES(parse(huge.text), "can exist");
  MatFile negative;
  negative.add(6, {0xffffffff, 1}, "m", 2, "123");
  AMQ_REFUSES(parse(negative.text), "0 or more");
  MatFile lossy;
  lossy.add(8, {1, 1}, "m", 2, "\xff");  // int8 kept as uint8 255
  AMQ_REFUSES(parse(lossy.text), "255");
  AMQ_REFUSES(parse("MATLAB 7.3 MAT-file" + std::string(200, ' ')), "hdf5.hpp");
  AMQ_REFUSES(parse("short"), "5 bytes");
  AMQ_REFUSES(parse(std::string(200, 'x')), "another header");
}

TEST_CASE("five thousand mutated files are read or refused, nothing else") {
  MatFile f;
  f.add(6, {2, 3}, "matrix", 2, std::string("\1\2\3\4\5\6", 6));
  f.add(7, {3}, "u", 7, std::string(12, 'a'));
  Random r(10);
  int refused = 0;
  for (int k = 0; k < 5000; ++k) {
    const auto b = as_bytes(f.text);
    Bytes damaged = test::mutate({b.begin() + 128, b.end()}, r);
    damaged.insert(damaged.begin(), b.begin(), b.begin() + 128);
    try {
      for (const auto& [name, a] : parse(std::string(as_text(damaged)))) {
        if (a.bytes.size() != count_of(a.shape, 1, "m") * size_of(a.dtype)) FAIL(name);
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(refused < 5000);
}

}  // namespace test_mat
