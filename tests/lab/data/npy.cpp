#include <amq_lab/data/npy.hpp>

#include "../../io/scratch.hpp"

namespace test_npy {

using namespace amq;
using namespace amq::lab;

namespace {

Array ramp(DType t, Extents shape) {
  Array a(t, std::move(shape));
  Random r(7);
  for (auto& b : a.bytes) b = std::byte(r.index(t == DType::boolean ? 2 : 256));
  return a;
}
Bytes with_header(const std::string& dictionary, std::size_t n_bytes) {
  std::string s("\x93NUMPY\x01\x00", 8);
  s += static_cast<char>(dictionary.size() & 255);
  s += static_cast<char>(dictionary.size() >> 8);
  s += dictionary + std::string(n_bytes, 'x');
  const auto b = as_bytes(s);
  return {b.begin(), b.end()};
}

}  // namespace

TEST_CASE("every type, order, byte order and version reads back as it was written") {
  int cases = 0;
  for (const auto& code : npy::detail::codes) {
    for (const Extents& shape :
         {Extents{}, Extents{0}, Extents{5}, Extents{3, 0}, Extents{2, 3, 4}, Extents{1, 7}}) {
      for (int form = 0; form < 12; ++form) {
        const npy::Form f{(form & 1) != 0, (form & 2) != 0, 1 + form / 4};
        const Array a = ramp(code.dtype, shape);
        const Bytes file = npy::encode(a, f);
        CHECK((npy::header(file, "t").data % 64) == 0);
        if (npy::decode(file, "t") != a) FAIL(name_of(code.dtype), text_of(shape), form);
        ++cases;
      }
    }
  }
  CHECK(cases == 14 * 6 * 12);
}

TEST_CASE("a file numpy wrote is understood") {
  // numpy.save of numpy.array([[1, 2, 3], [4, 5, 6]], dtype='>i2', order='F'), numpy 1.24
  Bytes file = with_header(
      "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }                              \n",
      0);
  for (const int b : {0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6}) file.push_back(std::byte(b));
  CHECK(npy::decode(file, "golden").as<int>() == std::vector<int>{1, 2, 3, 4, 5, 6});
  const Array a = Array::of(std::vector<float>{1}, {1, 1});
  const std::string expected = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }";
  CHECK(as_text(npy::encode(a)).substr(10, expected.size()) == expected);
}

TEST_CASE("headers other programs write are read as well") {
  const auto shape_of = [](const std::string& h, std::size_t n) {
    return npy::decode(with_header(h, n), "t").shape;
  };
  CHECK(shape_of("{\"shape\":(2,),\"descr\":\"|u1\",\"fortran_order\":False}", 2) == Extents{2});
  CHECK(shape_of("{'descr':'=f4','fortran_order':False,'shape':(2L, 1L)}\n", 8) == Extents{2, 1});
}

TEST_CASE("damaged and hostile files are refused by name") {
  const auto refused = [](const std::string& h, std::size_t n, const char* why) {
    AMQ_REFUSES(npy::decode(with_header(h, n), "file.npy"), why);
    AMQ_REFUSES(npy::decode(with_header(h, n), "file.npy"), "file.npy");
  };
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, "8 bytes");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, "8 bytes");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 8,
          "can exist");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999999,), }", 8,
          "extents");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 8, "extents");
  refused("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8, "numeric element type");
  refused("{'descr': '<U5', 'fortran_order': False, 'shape': (2,), }", 8, "numeric element type");
  refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "quoted");
  refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", 8, "True or False");
  refused("{'descr': '<f4', 'descr': '<f4', 'shape': (2,), }", 8, "once each");
  refused("{'descr': '<f4', 'shape': (2,), }", 8, "fortran_order");
  refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", 8, "end of the header");
  AMQ_REFUSES(npy::decode(Bytes(3), "f"), ".npy file");
  AMQ_REFUSES(npy::encode(Array(DType::bf16, {1})), "bfloat16");
}

TEST_CASE("ten thousand mutated files are read or refused, nothing else") {
  Random r(1);
  const Bytes good = npy::encode(ramp(DType::i32, {3, 4}), {.fortran = true});
  int refused = 0;
  for (int k = 0; k < 10000; ++k) {
    try {
      const Array a = npy::decode(test::mutate(good, r, 80), "m");
      if (a.bytes.size() != count_of(a.shape, 1, "m") * size_of(a.dtype)) FAIL("bytes and shape");
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 5000);
  CHECK(refused < 10000);
}

}  // namespace test_npy
