#include <amq_lab/data/geo_fno.hpp>

#include "../../io/scratch.hpp"

#include <cmath>
#include <filesystem>

namespace test_geo_fno {

using namespace amq;
using namespace amq::lab;

namespace {
struct Files {
  test::Scratch dir{"geo_fno"};
  std::vector<double> xy{0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15}, sigma{1, 2, 3, 4, 5, 6},
      rr{7, 8, 9, 10};
  void write(const std::string& name, const Array& a) const {
    npy::write(dir.path("Random_UnitCell_" + name + "_10.npy"), a);
  }
  Files() {
    write("XY", Array::of(xy, {3, 2, 2}));
    write("sigma", Array::of(sigma, {3, 2}));
    write("rr", Array::of(rr, {2, 2}));
  }
};
}  // namespace

TEST_CASE("a sample gathers its column of each file") {
  const Files f;
  const geo_fno::Elasticity set(f.dir.path(""));
  CHECK(set.size() == 2);
  CHECK(set.n_nodes() == 3);
  CHECK(set.sample(0).mesh.points == std::vector<double>{0, 1, 2, 3, 4, 5});
  CHECK(set.sample(1).mesh.points == std::vector<double>{10, 11, 12, 13, 14, 15});
  CHECK(set.sample(1).node.at("stress") == std::vector<float>{2, 4, 6});
  CHECK(set.radii(1) == std::vector<float>{8, 10});
  AMQ_REFUSES(set.sample(2), "0 to 1");
  AMQ_REFUSES(set.sample(-1), "0 to 1");
}

TEST_CASE("files that disagree or hold NaN are refused by name") {
  Files f;
  f.write("sigma", Array::of(f.sigma, {2, 3}));
  AMQ_REFUSES(geo_fno::Elasticity(f.dir.path("")),
              "Random_UnitCell_sigma_10.npy: expected shape (3, 2)");
  f.sigma[4] = std::nan("");
  f.write("sigma", Array::of(f.sigma, {3, 2}));
  AMQ_REFUSES(geo_fno::Elasticity(f.dir.path("")), "finite");
  AMQ_REFUSES(geo_fno::Elasticity(f.dir.path(""), "20"), "Random_UnitCell_XY_20.npy");
}

TEST_CASE("the reference set has 972 nodes and stress round its hole") {
  const std::string folder = std::string(AMQ_SHARED_DATA) + "/elasticity";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no ", folder);
    return;
  }
  const geo_fno::Elasticity set(folder);
  CHECK(set.n_nodes() == 972);
  CHECK(set.radii(0).size() == 42);
  const auto s = set.sample(set.size() - 1);
  for (Index i = 0; i < 972; ++i) {
    const double* p = s.mesh.point(i);
    CHECK((p[0] > -0.001 && p[0] < 1.001 && p[1] > -0.001 && p[1] < 1.001));
    CHECK(std::hypot(p[0] - 0.5, p[1] - 0.5) > 0.19);  // the void's radius is at least 0.2
  }
  const auto& stress = s.node.at("stress");
  CHECK(*std::max_element(stress.begin(), stress.end()) > 100);
  CHECK(*std::min_element(stress.begin(), stress.end()) >= 0);
  CHECK(geo_fno::Elasticity(folder, "10_t1e5").size() == 8);
}

}  // namespace test_geo_fno
