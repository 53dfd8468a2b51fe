// Rows of static ranges that are cut are looked for by a sample, and reported.
#include <amq/solver.hpp>

#include <amq/core/random.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/kernels/quantize.hpp>
#include <amq/train/calibrate.hpp>

#include "noise_on_square.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

namespace test_cut_rows {

using namespace amq;
using namespace amq::solver;

namespace {

using OfTraining = Scheme<Weights<8>, Activations<4, 8>, Static>;

struct Task : solver_tests::NoiseOnSquare {
  Task() : NoiseOnSquare(200) {}
  /// An untrained network, calibrated on the field.
  [[nodiscard]] MeshSolver<MpPde, OfTraining> solver(Executor& executor) const {
    MpPdeConfig c;
    c.hidden = 16;
    c.layers = 2;
    c.inputs = encoding.inputs();
    auto net = std::make_unique<Network<MpPde>>(c, SchemeInfo::of<OfTraining>(), 3);
    GraphSample s = encoding.encode(mesh, view(a));
    prepare_sample(net->model, s);
    training::calibrate(*net, std::vector{s});
    return {std::move(net), nullptr, encoding, {}, {}, executor};
  }
};

/// What a kernel counts of these rows, and what plain loops do.
template <typename Arch>
void check_count(int bits, Index rows, Index cols, std::size_t threads, bool relu = false) {
  Random random(static_cast<std::uint64_t>(bits * 100 + cols));
  Matrix x(rows, cols);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.normal());
  // Half of the first numbers are 0 then.
  if (relu)
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = std::max(0.0f, x.data()[i]);
  RowsCut found;
  const quant::BasicRowCoder<Static> c{
      {}, bits, 3.0f / static_cast<float>(1 << bits), 0.25f, &found};
  ThreadPool pool(threads);
  quant::RowMemory memory;
  const quant::MixedRows to(&memory, rows, cols, bits);
  kernels::quantize_rows<Arch>(view(std::as_const(x)), c, to.span(0), pool);
  std::int64_t looked = 0, cut = 0;
  for (Index i = 0; i < rows; ++i) {
    const auto bits_of = [&](Index k) { return std::bit_cast<std::uint32_t>(x(i, k)); };
    const std::uint32_t mixed = bits_of(0) ^ 3u * bits_of(cols / 2) ^ 5u * bits_of(cols - 1);
    if (mixed * 0x9E3779B1u >> 26 != 1) continue;
    ++looked;
    const double low = 0.25 + c.a * (c.lowest() - 0.5), high = 0.25 + c.a * (c.highest() + 0.5);
    bool any = false;
    for (Index k = 0; k < cols; ++k)
      any = any || static_cast<double>(x(i, k)) < low || static_cast<double>(x(i, k)) > high;
    cut += any;
  }
  CHECK(looked > rows / 128);
  CHECK(looked < rows / 32);
  CHECK(found.looked == looked);
  CHECK(found.cut == cut);
}

}  // namespace

TEST_CASE("of rows of static ranges a sample is counted: those with a number beyond, on any rung") {
  for (const int bits : {1, 2, 4, 8})
    for (const Index cols : {1, 16, 65})
      for (const std::size_t threads : {1u, 3u}) {
        CAPTURE(bits);
        CAPTURE(cols);
        check_count<simd::Scalar>(bits, 3001, cols, threads);
        check_count<simd::Native>(bits, 3001, cols, threads);
        if (cols > 1) check_count<simd::Native>(bits, 3001, cols, threads, true);
      }
}

TEST_CASE("a solve reports what share of its static rows was cut, the same for any threads") {
  const Task p;
  const auto plain = p.solver(serial_executor());
  const double usual = plain(p.mesh, p.a).report.cut_share;
  CHECK(usual < 0.5);
  CAPTURE(usual);
  for (const float times : {10.0f, 1000.0f}) {
    const Field far = times * p.a;
    const double share = plain(p.mesh, far).report.cut_share;
    CHECK(share > usual);
    CHECK(share <= 1);
    for (const std::size_t threads : {2u, 7u}) {
      ThreadPool pool(threads);
      CHECK(p.solver(pool)(p.mesh, far).report.cut_share == share);
    }
    // It says nothing of being outside: training cuts some rows, too.
    CHECK(plain(p.mesh, far).report.outside.saturated == 0);
  }
  // The count begins anew with each solve.
  CHECK(plain(p.mesh, p.a).report.cut_share == usual);
}

TEST_CASE("where the policy ignores what is out of range, rows that are cut are not looked for") {
  const Task p;
  auto solver = p.solver(serial_executor());
  const Field far = 1000 * p.a;
  const Solution looked = solver(p.mesh, far);
  CHECK(looked.report.cut_share > 0);
  solver.out_of_range(OutOfRange::ignore);
  const Solution blind = solver(p.mesh, far);
  CHECK(blind.report.cut_share == 0);
  CHECK(blind.field == looked.field);
}

}  // namespace test_cut_rows
