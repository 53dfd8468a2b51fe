#include <amq_lab/data/grid_set_hdf5.hpp>

#include "../../io/scratch.hpp"

#include <vector>

namespace test_grid_set_hdf5 {

using namespace amq;
using namespace amq::lab;

namespace {
Array numbered(Extents shape, float from = 0) {
  Array a(DType::f32, std::move(shape));
  auto s = a.span<float>();
  for (std::size_t k = 0; k < s.size(); ++k) s[k] = from + static_cast<float>(k);
  return a;
}
}  // namespace

TEST_CASE("PDEBench's Burgers, Darcy and diffusion-sorption files become sets") {
  const test::Scratch dir("grid_set_hdf5");
  {
    hdf5::Writer out(dir.path("burgers.h5"));
    out.write("tensor", numbered({3, 5, 8}));
    out.write("x-coordinate", Array::of(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}));
    out.write("t-coordinate", Array::of(std::vector<double>{0, 1, 2, 3, 4, 5}));  // one too many
    out.commit();
    const auto set = pdebench_set(dir.path("burgers.h5"), {.first = 1, .count = 2, .stride = 4}, 2);
    CHECK(set.u.n_samples == 2);
    CHECK(set.u.points == std::vector<Index>{2});
    CHECK(set.t == std::vector<double>{0, 2, 4});
    CHECK(set.axes[0] == std::vector<double>{0, 4});
    CHECK(set.input.empty());
    CHECK(set.u.sample(0)[0] == 40);
    CHECK(set.u.frame(1, 2)[1] == 80 + 4 * 8 + 4);
    CHECK(set.layout == GridPoints::periodic);
    AMQ_REFUSES(pdebench_set(dir.path("burgers.h5"), {.first = 2, .count = 2}), "within 0 to 3");
  }
  {
    hdf5::Writer out(dir.path("darcy.h5"));
    out.write("tensor", numbered({2, 1, 4, 4}));
    out.write("nu", numbered({2, 4, 4}, 100));
    for (const char* axis : {"x-coordinate", "y-coordinate"})
      out.write(axis, Array::of(std::vector<double>{0.1, 0.4, 0.6, 0.9}));
    out.commit();
    const auto set = pdebench_set(dir.path("darcy.h5"));
    CHECK(set.u.sample(1)[5] == 21);
    CHECK(set.input.sample(1)[5] == 121);
    CHECK(set.t.empty());
    CHECK(set.axes.size() == 2);
    CHECK(set.layout == GridPoints::centres);
  }
  {
    hdf5::Writer out(dir.path("sorption.h5"));
    for (const char* group : {"0000", "0001"}) {
      out.write(std::string(group) + "/data", numbered({3, 4, 1}, group[3] == '1' ? 50 : 0));
      out.write(std::string(group) + "/grid/x", Array::of(std::vector<double>{1, 2, 3, 4}));
      out.write(std::string(group) + "/grid/t", Array::of(std::vector<double>{0, 5, 10}));
    }
    out.commit();
    const auto set = pdebench_set(dir.path("sorption.h5"));
    CHECK(set.u.n_samples == 2);
    CHECK(set.u.n_times == 3);
    CHECK(set.u.frame(1, 2)[3] == 61);
    CHECK(set.t[1] == 5);
  }
}

TEST_CASE("MATLAB 7.3 arrays come out with MATLAB's axes") {
  const test::Scratch dir("mat73");
  // MATLAB's u (N = 2, 3, 3, T = 4) lies in HDF5 as (4, 3, 3, 2).
  hdf5::Writer out(dir.path("u.mat"));
  out.write("u", numbered({4, 3, 3, 2}));
  out.write("text", numbered({1, 3}));
  out.attribute("text", "MATLAB_class", std::string("char"));
  out.write("none", Array::of(std::vector<double>{0, 0}));
  out.attribute("none", "MATLAB_empty", Array::scalar(std::uint8_t{1}));
  out.commit();
  const auto arrays = read_mat73(dir.path("u.mat"), {"u"});
  CHECK(arrays.at("u").shape == Extents{2, 3, 3, 4});
  const auto set = fno_navier_stokes(arrays);
  for (Index n = 0; n < 2; ++n)
    for (Index i = 0; i < 3; ++i)
      for (Index j = 0; j < 3; ++j)
        for (Index t = 0; t < 4; ++t)
          CHECK(set.u.frame(n, t)[static_cast<std::size_t>(i * 3 + j)] ==
                static_cast<float>(((t * 3 + j) * 3 + i) * 2 + n));
  AMQ_REFUSES(read_mat73(dir.path("u.mat"), {"w"}), "w");
  AMQ_REFUSES(read_mat73(dir.path("u.mat"), {"text"}), "MATLAB's class char");
  AMQ_REFUSES(read_mat73(dir.path("u.mat"), {"none"}), "an empty array of MATLAB");
}

}  // namespace test_grid_set_hdf5
