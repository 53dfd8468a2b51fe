#include <amq/io/qtensor.hpp>

#include "scratch.hpp"

#include <amq/kernels/gemm.hpp>
#include <amq/quant/weights.hpp>

namespace test_qtensor {

using namespace amq;
using namespace amq::io;

namespace {

std::vector<float> field(Index n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = static_cast<float>(0.5 + random.normal());
  return x;
}
safetensors::File through_disk(const safetensors::File& f) {
  const test::Scratch scratch("qtensor");
  safetensors::write(scratch.path("t.safetensors"), f);
  return safetensors::read(scratch.path("t.safetensors"));
}
template <typename T>
std::vector<float> floats(const T& t) {
  std::vector<float> x(static_cast<std::size_t>(t.rows() * t.cols()));
  t.decode({x.data(), t.rows(), t.cols()});
  return x;
}
/// Rows as Fixed makes them: sorted by bits, in memory from a pool, written by kernels.
MixedRows coded(RowMemory& memory, const std::vector<float>& x, Index rows, Index cols) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < bits.size(); ++i)
    bits[i] = std::array<std::uint8_t, 6>{0, 2, 3, 4, 8, 16}[i * 7 % 6];
  MixedRows t(&memory, std::make_shared<const RowOrder>(sort_rows(bits)), cols);
  for (std::size_t k = 0; k < t.buckets().size(); ++k)
    kernels::quantize_rows({x.data(), rows, cols}, RowCoder{RowRule::min_max, t.bits(k), 0.9f, 0},
                           t.span(k));
  return t;
}

}  // namespace

TEST_CASE_TEMPLATE("a quantized tensor comes back from a file as it was", T,
                   QTensor<2, PerTensor, dynamic, dynamic>, QTensor<3, PerRow, dynamic, dynamic>,
                   QTensor<4, Pow2<-2>, 6, 11>, QTensor<8, PerRow, dynamic, 11>,
                   QTensor<16, PerTensor, dynamic, dynamic>, BasicQTensor<Affine<1>, Shape<6, 11>>,
                   BasicQTensor<Affine<5>, Shape<dynamic, dynamic>>) {
  using Q = typename T::Quantizer;
  Q q{};
  if constexpr (requires { q.grid; }) q.grid = {0.4f, 0.25f};
  if constexpr (std::is_same_v<decltype(q.step(0, 0)), float> && requires { q.scale.value; }) {
    if constexpr (requires { q.scale.value.assign(6, 0.5f); })
      for (int i = 0; i < 6; ++i) q.scale.value.push_back(0.1f + 0.1f * static_cast<float>(i));
    else
      q.scale.value = 0.3f;
  }
  T t = [&] {
    if constexpr (std::is_constructible_v<T, Q, Index, Index>)
      return T(q, 6, 11);
    else
      return T(q);
  }();
  const auto x = field(66, T::bits);
  t.encode({x.data(), 6, 11});
  safetensors::File f;
  safetensors::put(f, "a.b", t);
  const auto back = safetensors::get<T>(through_disk(f), "a.b");
  CHECK(std::ranges::equal(back.words(), t.words()));
  CHECK(floats(back) == floats(t));
  CHECK(f.at("a.b.codes").size() == static_cast<std::size_t>(6 * packed_bytes(11, T::container)));
}

TEST_CASE("rows of mixed bits come back from a file, and products of them do not change") {
  RowMemory memory;
  const Index n = 41, k = 70;
  const auto x = field(n * k, 1), w = field(19 * k, 2);
  const MixedRows rows = coded(memory, x, n, k);
  const WeightTensor weight = encode_weights({w.data(), 19, k}, 4);
  // Weights lie in files as narrow as their codes are.
  using Narrow = QTensor<4, PerRow, dynamic, dynamic>;
  Narrow narrow({weight.quantizer().scale}, 19, k);
  narrow.copy_codes(weight);
  safetensors::File f;
  safetensors::put(f, "rows", rows);
  safetensors::put(f, "weight", narrow);
  const auto g = through_disk(f);
  const auto rows_read = safetensors::get<MixedQTensor<AnyLevels>>(g, "rows");
  const auto narrow_read = safetensors::get<Narrow>(g, "weight");
  CHECK(floats(rows_read) == floats(rows));
  CHECK(rows_read.bytes() == rows.bytes());
  CHECK(g.at("weight.codes").size() == static_cast<std::size_t>(19 * k / 2));
  WeightTensor weight_read({narrow_read.quantizer().scale}, 19, k);
  weight_read.copy_codes(narrow_read);
  const std::vector<float> bias(19, 0.25f);
  std::vector<float> y(static_cast<std::size_t>(n * 19)), z(y);
  kernels::linear(rows, kernels::PackedWeights(weight, 4, bias), Activation::none,
                  {y.data(), n, 19});
  kernels::linear(rows_read, kernels::PackedWeights(weight_read, 4, bias), Activation::none,
                  {z.data(), n, 19});
  CHECK(y == z);
  // And they are what the decoded numbers give, but for rounding.
  const auto a = floats(rows_read), b = floats(weight_read);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < 19; ++j) {
      double sum = 0.25;
      for (Index c = 0; c < k; ++c)
        sum += static_cast<double>(a[static_cast<std::size_t>(i * k + c)]) *
               static_cast<double>(b[static_cast<std::size_t>(j * k + c)]);
      CHECK(static_cast<double>(z[static_cast<std::size_t>(i * 19 + j)]) ==
            doctest::Approx(sum).epsilon(1e-4).scale(10));
    }
}

TEST_CASE("what kernels and plain loops make of the same rows is one tensor") {
  RowMemory memory;
  const auto x = field(41 * 70, 5);
  const MixedRows rows = coded(memory, x, 41, 70);
  std::vector<std::uint8_t> bits(41);
  for (std::size_t k = 0; k < rows.buckets().size(); ++k)
    for (Index i = 0; i < rows.buckets()[k].rows; ++i)
      bits[static_cast<std::size_t>(rows.buckets()[k].target(i))] =
          static_cast<std::uint8_t>(rows.bits(k));
  auto coders = default_coders<AnyLevels, ByRange>();
  for (auto& c : coders) c.a = 0.9f;
  const MixedQTensor<AnyLevels, RowMinMax> plain({x.data(), 41, 70}, RowBits(bits), coders);
  safetensors::File a, b;
  safetensors::put(a, "rows", rows);
  safetensors::put(b, "rows", plain);
  CHECK(a == b);
}

TEST_CASE("a file of another tensor, or a damaged one, is refused by name") {
  const auto x = field(40, 3);
  using T = QTensor<3, PerRow, dynamic, dynamic>;
  T t({{{1, 1, 1, 1, 1}}}, 5, 8);
  t.encode({x.data(), 5, 8});
  safetensors::File f;
  safetensors::put(f, "t", t);
  AMQ_REFUSES(safetensors::get<T>(f, "u"), "u.shape");
  AMQ_REFUSES((safetensors::get<QTensor<4, PerRow, dynamic, dynamic>>(f, "t")), "4 bits");
  AMQ_REFUSES((safetensors::get<QTensor<3, PerRow, dynamic, 9>>(f, "t")), "extent 9");
  AMQ_REFUSES((safetensors::get<QTensor<3, PerTensor, dynamic, dynamic>>(f, "t")), "1 numbers");
  AMQ_REFUSES((safetensors::get<QTensor<3, PerRow, 4, 8>>(f, "t")), "4 x 8");
  auto bad = f;
  bad.tensors["t.codes"].bytes[0] = std::byte{0x07};  // 7 is none of 3 bits
  AMQ_REFUSES(safetensors::get<T>(bad, "t"), "codes -3 .. 3");
  bad = f;
  bad.tensors["t.codes"].bytes.pop_back();
  bad.tensors["t.codes"].shape[0] -= 1;
  AMQ_REFUSES(safetensors::get<T>(bad, "t"), "20 bytes");
  bad = f;
  bad.tensors["t.step"] = Array::of(std::vector<float>{1, 1, NAN, 1, 1});
  AMQ_REFUSES(safetensors::get<T>(bad, "t"), "finite steps");
  bad = f;
  bad.tensors["t.shape"] = Array::of(std::vector<std::int64_t>{3, -5, 8});
  AMQ_REFUSES(safetensors::get<T>(bad, "t"), "extents that can be");

  const MixedQTensor<Levels<2, 8>> rows({x.data(), 5, 8}, RowBits({2, 8, 2, 8, 8}));
  safetensors::File m;
  safetensors::put(m, "rows", rows);
  AMQ_REFUSES((safetensors::get<MixedQTensor<Levels<2, 4>>>(m, "rows")), "3 rows of 8 bits");
  bad = m;
  bad.tensors["rows.bits"].bytes[0] = std::byte{17};
  AMQ_REFUSES(safetensors::get<MixedQTensor<AnyLevels>>(bad, "rows"), "0 to 16 bits");
  bad = m;
  bad.tensors["rows.bits"].bytes[0] = std::byte{8};
  AMQ_REFUSES(safetensors::get<MixedQTensor<AnyLevels>>(bad, "rows"), "bytes");
}

TEST_CASE("a tensor whose members are mutated is refused, or has codes of its bits") {
  const auto x = field(40, 4);
  QTensor<3, PerRow, dynamic, dynamic> t({{{1, 2, 3, 4, 5}}}, 5, 8);
  t.encode({x.data(), 5, 8});
  safetensors::File good;
  safetensors::put(good, "t", t);
  safetensors::put(good, "m", MixedQTensor<AnyLevels>({x.data(), 5, 8}, RowBits({0, 3, 16, 8, 3})));
  Random r(11);
  int refusals = 0;
  for (int k = 0; k < 4000; ++k) {
    auto f = good;
    for (auto& [name, a] : f.tensors)
      if (r.index(3) == 0) {
        a.bytes = test::mutate(a.bytes, r);
        const std::size_t n = a.bytes.size() / size_of(a.dtype);
        a.bytes.resize(n * size_of(a.dtype));
        a.shape = {static_cast<Index>(n)};
      }
    try {
      const auto q = safetensors::get<decltype(t)>(f, "t");
      for (Index i = 0; i < q.rows(); ++i)
        for (Index j = 0; j < q.cols(); ++j) REQUIRE(std::abs(q.code(i, j)) <= 3);
      const auto m = safetensors::get<MixedQTensor<AnyLevels>>(f, "m");
      for (const float v : floats(m)) REQUIRE(!std::isnan(v));
    } catch (const Error&) {
      ++refusals;
    }
  }
  CHECK(refusals > 2000);
  CHECK(refusals < 4000);
}

TEST_CASE("rows of 0 bits are read at once, however long the file says they are") {
  constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
  safetensors::File f;
  f.tensors["t.shape"] = Array::of(std::vector<std::int64_t>{64, longest});
  f.tensors["t.bits"] = Array::of(std::vector<std::uint8_t>(64, 0));
  f.tensors["t.codes"] = Array::of(std::vector<std::uint8_t>());
  f.tensors["t.step"] = Array::of(std::vector<float>(64, 1.0f));
  f.tensors["t.offset"] = Array::of(std::vector<float>(64, 0.0f));
  // Looking at every code of them would take minutes.
  CHECK(safetensors::get<MixedQTensor<AnyLevels>>(f, "t").cols() == longest);
}

}  // namespace test_qtensor
