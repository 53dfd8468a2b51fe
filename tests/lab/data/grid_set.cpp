#include <amq_lab/data/grid_set.hpp>

#include "../../io/scratch.hpp"

#include <cmath>
#include <vector>

namespace test_grid_set {

using namespace amq;
using namespace amq::lab;

namespace {
Array numbered(Extents shape) {
  Array a(DType::f32, std::move(shape));
  auto s = a.span<float>();
  for (std::size_t k = 0; k < s.size(); ++k) s[k] = static_cast<float>(k);
  return a;
}
}  // namespace

TEST_CASE("FNO's Darcy arrays become nodes, every fifth from wall to wall") {
  const npz::Arrays arrays{{"coeff", numbered({3, 11, 11})}, {"sol", numbered({3, 11, 11})}};
  const auto set = fno_darcy(arrays, {.first = 1, .count = 2, .stride = 5});
  CHECK(set.u.points == std::vector<Index>{3, 3});
  CHECK(set.u.values == std::vector<float>{121, 126, 131, 176, 181, 186, 231, 236, 241,  //
                                           242, 247, 252, 297, 302, 307, 352, 357, 362});
  CHECK(set.input.values == set.u.values);
  CHECK(set.axes[1] == std::vector<double>{0, 0.5, 1});
  CHECK(set.layout == GridPoints::nodes);
  AMQ_REFUSES(fno_darcy(arrays, {.stride = 3}), "divides 10");
  AMQ_REFUSES(fno_darcy(arrays, {.first = 2, .count = 2}), "within 0 to 3");
  AMQ_REFUSES(fno_darcy({{"coeff", numbered({3, 11, 11})}}), "'sol'");
  AMQ_REFUSES(fno_darcy({{"coeff", numbered({3, 11})}, {"sol", numbered({3, 11})}}), "(N, n, n)");
  AMQ_REFUSES(fno_darcy({{"coeff", numbered({2, 11, 11})}, {"sol", numbered({3, 11, 11})}}),
              "one for one");
}

TEST_CASE("FNO's Navier-Stokes arrays have time last and come out with time second") {
  const auto set = fno_navier_stokes({{"u", numbered({2, 4, 4, 3})}}, {.stride = 2});
  CHECK(set.u.n_times == 3);
  CHECK(set.t == std::vector<double>{1, 2, 3});
  CHECK(set.input.empty());
  // sample 1, time 2, point (1, 0) is stored point (2, 0).
  CHECK(set.u.frame(1, 2)[2] == static_cast<float>(((1 * 4 + 2) * 4 + 0) * 3 + 2));
  CHECK(fno_navier_stokes({{"u", numbered({2, 4, 4, 3})}, {"a", numbered({2, 4, 4})}})
            .input.sample(1)[0] == 16);
  auto broken = numbered({1, 4, 4, 1});
  broken.span<float>()[7] = std::nanf("");
  AMQ_REFUSES(fno_navier_stokes({{"u", broken}}), "finite");
}

TEST_CASE("FNO's Burgers arrays, and neuraloperator's, are told apart by name") {
  const auto set = fno_burgers({{"a", numbered({2, 8})}, {"u", numbered({2, 8})}}, {.stride = 4});
  CHECK(set.u.values == std::vector<float>{0, 4, 8, 12});
  CHECK(set.layout == GridPoints::periodic);
  const npz::Arrays arrays{{"x_test", numbered({2, 4, 4})}, {"y_test", numbered({2, 4, 4})}};
  CHECK(neuraloperator_darcy(arrays, "test").u.n_samples == 2);
  AMQ_REFUSES(neuraloperator_darcy(arrays, "train"), "'x_train'");
}

TEST_CASE("a set comes back from its file as it was, and a damaged file is refused") {
  const test::Scratch dir("grid_set");
  GridSet set;
  set.input = GridField(2, 1, {3, 2}, 2);
  set.u = GridField(2, 4, {3, 2}, 1);
  for (std::size_t k = 0; k < set.u.values.size(); ++k) set.u.values[k] = static_cast<float>(k) / 3;
  for (std::size_t k = 0; k < set.input.values.size(); ++k)
    set.input.values[k] = -static_cast<float>(k);
  set.t = {0, 0.5, 1, 1.5};
  set.axes = {{0.1, 0.5, 0.9}, {0.25, 0.75}};
  set.layout = GridPoints::centres;
  write_grid_set(dir.path("set.npz"), set);
  CHECK(dir.n_files() == 1);
  const auto back = read_grid_set(dir.path("set.npz"));
  CHECK(back.u.values == set.u.values);
  CHECK(back.input.values == set.input.values);
  CHECK(back.input.n_channels == 2);
  CHECK(back.u.n_times == 4);
  CHECK(back.t == set.t);
  CHECK(back.axes == set.axes);
  CHECK(back.layout == set.layout);

  auto arrays = npz::read(dir.path("set.npz"));
  arrays.at("axis0") = Array::of(std::vector<double>{0, 1});
  npz::write(dir.path("bad.npz"), arrays);
  AMQ_REFUSES(read_grid_set(dir.path("bad.npz")), "axis0");
  arrays.erase("u");
  npz::write(dir.path("worse.npz"), arrays);
  AMQ_REFUSES(read_grid_set(dir.path("worse.npz")), "'u'");
}

TEST_CASE("a time-dependent set without input keeps its sizes") {
  const test::Scratch dir("grid_set_no_input");
  GridSet set;
  set.input = GridField(3, 0, {4});
  set.u = GridField(3, 2, {4});
  set.t = {0, 1};
  set.axes = {{0, 1, 2, 3}};
  write_grid_set(dir.path("set.npz"), set);
  const auto back = read_grid_set(dir.path("set.npz"));
  CHECK(back.input.empty());
  CHECK(back.u.n_samples == 3);
}

}  // namespace test_grid_set
