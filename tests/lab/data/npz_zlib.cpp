#include <amq_lab/data/npz_zlib.hpp>

#include <amq_lab/data/mat.hpp>
#include <amq_lab/data/npz.hpp>

#include "../../io/scratch.hpp"

#include <filesystem>

namespace test_npz_zlib {

using namespace amq;
using namespace amq::lab;

namespace {
Bytes deflated(const Bytes& in) {
  Bytes out(compressBound(static_cast<uLong>(in.size())));
  auto n = static_cast<uLongf>(out.size());
  REQUIRE(compress2(reinterpret_cast<Bytef*>(out.data()), &n,
                    reinterpret_cast<const Bytef*>(in.data()), static_cast<uLong>(in.size()),
                    9) == Z_OK);
  out.resize(n);
  return out;
}
}  // namespace

TEST_CASE("zlib gives back what it compressed, and not a byte beyond the limit") {
  Random r(3);
  for (const std::size_t n : {0u, 1u, 100u, 5000u, 300000u}) {
    for (const bool zeros : {true, false}) {
      Bytes in(n);
      if (!zeros) {
        for (auto& b : in) b = std::byte(r.index(7));
      }
      const Bytes packed = deflated(in);
      CHECK(zlib_inflate(packed, Deflated::zlib, n) == in);
      CHECK(zlib_inflate(packed, Deflated::zlib, n + 1000) == in);
      const auto raw = std::span(packed).subspan(2, packed.size() - 6);
      CHECK(zlib_inflate(raw, Deflated::raw, n) == in);
      if (n > 0) AMQ_REFUSES(zlib_inflate(packed, Deflated::zlib, n - 1), "more than");
      AMQ_REFUSES(zlib_inflate(std::span(packed).first(packed.size() - 1), Deflated::zlib, n),
                  "cut short");
    }
  }
}

TEST_CASE("mutated deflate streams are refused or bounded") {
  Random r(4);
  Bytes in(2000);
  for (auto& b : in) b = std::byte(r.index(5));
  const Bytes good = deflated(in);
  int refused = 0;
  for (int k = 0; k < 2000; ++k) {
    try {
      if (zlib_inflate(test::mutate(good, r), Deflated::zlib, 5000).size() > 5000)
        FAIL("unbounded");
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("the reference Darcy samples have consistent shapes and finite values") {
  const std::string path = std::string(AMQ_SHARED_DATA) + "/darcy/unstructured/sample_000.npz";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no ", path);
    return;
  }
  const auto a = npz::read(path, zlib_inflate);
  const Index n = npz::at(a, "u").shape.at(0);
  expect_shape(npz::at(a, "points"), {n, 2}, "points");
  expect_shape(npz::at(a, "cells"), {-1, 3}, "cells");
  expect_finite(npz::at(a, "u"), "u");
  for (const int i : npz::at(a, "cells").as<int>()) CHECK_MESSAGE((0 <= i && i < n), i);
}

TEST_CASE("the reference .mat files have the published shapes and zeros at the rim") {
  const std::string path = std::string(AMQ_SHARED_DATA) + "/darcy/piececonst_r141_N16_ref.mat";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: no ", path);
    return;
  }
  const auto a = mat::read(path, zlib_inflate);
  const Index n = a.at("coeff").shape.at(0);
  CHECK(a.at("sol").shape == Extents{n, 141, 141});
  for (const float c : a.at("coeff").as<float>()) {
    if (c != 3 && c != 12) FAIL(c);
  }
  // u vanishes on the boundary: the axes are not mixed up.
  const auto u = a.at("sol").as<float>();
  for (std::size_t i = 0; i < 141; ++i) CHECK(u[i] == 0);
  CHECK(u[141 * 70 + 70] > 0);
  AMQ_REFUSES(mat::read(path), "npz_zlib.hpp");
}

}  // namespace test_npz_zlib
