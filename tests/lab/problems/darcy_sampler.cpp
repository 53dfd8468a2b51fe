#include <amq_lab/problems/darcy_sampler.hpp>

#include <amq/core/thread_pool.hpp>
#include <amq/mesh/validate.hpp>
#include <amq_lab/data/mesh_set.hpp>
#include <amq_lab/problems/generate.hpp>

#include "../../io/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace test_darcy_sampler {

static_assert(amq::lab::sampler<amq::lab::DarcySampler>);

namespace {

double relative(const std::vector<double>& u, const std::vector<double>& reference) {
  double top = 0, bottom = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    top += (u[i] - reference[i]) * (u[i] - reference[i]);
    bottom += reference[i] * reference[i];
  }
  return std::sqrt(top / bottom);
}

}  // namespace

TEST_CASE("a sample is whole: mesh and graph valid, fields of their sizes, a of two values") {
  const amq::lab::DarcySampler sampler;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto s = sampler.sample(1, i);
    amq::mesh::validate(s.mesh);
    amq::mesh::validate(s.graph);
    amq::mesh::require_connected(s.graph);
    const auto n = static_cast<std::size_t>(s.mesh.n_nodes());
    CHECK(n >= 1000);
    CHECK(n <= 4050);
    CHECK(s.graph.n_nodes() == s.mesh.n_nodes());
    CHECK((s.a.size() == n && s.u.size() == n && s.level.size() == n));
    CHECK(s.a_cell.size() == static_cast<std::size_t>(s.mesh.n_cells()));
    std::size_t high = 0;
    for (std::size_t k = 0; k < n; ++k) {
      REQUIRE(s.a[k] == (s.level[k] > 0 ? 12 : 3));
      high += s.level[k] > 0;
    }
    CHECK(high > 0);
    CHECK(high < n);
    for (const double a : s.a_cell) REQUIRE((a >= 3 && a <= 12));
    CHECK(s.label_nodes > s.mesh.n_nodes());
  }
}

TEST_CASE("sample i is the same for any number of threads, and others differ") {
  const amq::lab::DarcySampler sampler({.least_nodes = 200,
                                        .most_nodes = 300,
                                        .label_size = 1. / 20,
                                        .label_interface_size = 1. / 40});
  amq::ThreadPool pool(3);
  std::size_t calls = 0, last = 0;
  const auto one = amq::lab::generate(sampler, 8, 10, 6);
  const auto many =
      amq::lab::generate(sampler, 8, 10, 6, pool, [&](std::size_t done, std::size_t total) {
        ++calls;
        last = done;
        CHECK(total == 6);
      });
  CHECK(calls == 6);
  CHECK(last == 6);
  REQUIRE(many.samples.size() == 6);
  for (std::size_t k = 0; k < 6; ++k) {
    CHECK(one.samples[k].u == many.samples[k].u);
    CHECK(one.samples[k].mesh.points == many.samples[k].mesh.points);
    if (k > 0) CHECK(one.samples[k].u != one.samples[k - 1].u);
  }
  CHECK(sampler.sample(8, 13).u == one.samples[3].u);
  CHECK(sampler.sample(9, 13).u != one.samples[3].u);
}

TEST_CASE("the label's mesh begins with the sample's nodes and is as fine as was asked") {
  const amq::lab::DarcySampler sampler({.least_nodes = 300, .most_nodes = 300});
  const auto s = sampler.sample(2, 5);
  auto random = amq::core::Random::stream(2, 5);
  const amq::lab::GaussianField2 field(amq::lab::FieldBasis::cosine, {}, 32, random);
  const auto [fine, level] = amq::lab::darcy_label_mesh(s.mesh, field, 1. / 30, 1. / 90);
  CHECK(std::equal(s.mesh.points.begin(), s.mesh.points.end(), fine.points.begin()));
  for (std::size_t k = 0; k < s.level.size(); ++k) {
    REQUIRE(s.level[k] == doctest::Approx(level[k]));
  }
  amq::mesh::validate(fine);
  for (amq::Index c = 0; c < fine.n_cells(); ++c) {
    const auto* v = fine.cell(c);
    const auto sign = [v, &level = level](int k) {
      return level[static_cast<std::size_t>(v[k])] > 0;
    };
    const bool cut = sign(0) != sign(1) || sign(1) != sign(2);
    REQUIRE(std::sqrt(amq::mesh::cell_measure(fine, c)) <= (cut ? 1. / 90 : 1. / 30));
  }
}

TEST_CASE("labels are within 2e-3 of those of half the size, and direct ones are not") {
  for (std::uint64_t i = 0; i < 2; ++i) {
    amq::lab::DarcyOptions options;
    options.most_nodes = 1000;
    const auto label = amq::lab::DarcySampler(options).sample(3, i);
    options.label_size /= 2;
    options.label_interface_size /= 2;
    const auto finer = amq::lab::DarcySampler(options).sample(3, i);
    options.label = amq::lab::DarcyLabel::direct;
    const auto direct = amq::lab::DarcySampler(options).sample(3, i);
    CHECK(label.mesh.points == direct.mesh.points);
    CHECK(label.a == direct.a);
    CHECK(relative(label.u, finer.u) < 2e-3);
    CHECK(relative(direct.u, finer.u) > 5e-3);
    CHECK(relative(direct.u, finer.u) < 0.2);
  }
}

TEST_CASE("a cell's mean is that of many points in it, and a node's that of the cells around") {
  const auto s = amq::lab::DarcySampler({.least_nodes = 150, .most_nodes = 150}).sample(6, 1);
  auto random = amq::core::Random::stream(6, 1);
  const amq::lab::GaussianField2 field(amq::lab::FieldBasis::cosine, {}, 32, random);
  CHECK(s.mesh.cell_tag.empty());
  double interpolated = 0, sampled = 0;
  const auto rough = amq::lab::TwoPhase{}.cell_means(s.mesh, s.level);
  for (std::size_t c = 0; c < s.a_cell.size(); c += 3) {
    const auto* v = s.mesh.cell(static_cast<amq::Index>(c));
    const double *p = s.mesh.point(v[0]), *q = s.mesh.point(v[1]), *r = s.mesh.point(v[2]);
    std::vector<double> points;
    const int n = 24;
    for (int i = 0; i < n; ++i) {
      for (int j = 0; i + j < n; ++j) {
        const double x = (i + 1. / 3) / n, y = (j + 1. / 3) / n;
        for (int d = 0; d < 2; ++d) points.push_back(p[d] + x * (q[d] - p[d]) + y * (r[d] - p[d]));
      }
    }
    double mean = 0;
    const auto levels = field.at({points.data(), static_cast<amq::Index>(points.size() / 2), 2});
    for (const double g : levels) mean += (g > 0 ? 12. : 3.) / static_cast<double>(levels.size());
    CHECK(s.a_cell[c] == doctest::Approx(mean).epsilon(0.06));
    sampled += std::abs(s.a_cell[c] - mean);
    interpolated += std::abs(rough[c] - mean);
  }
  CHECK(sampled < 0.3 * interpolated);
  CHECK(s.a_mean == amq::mesh::cells_to_nodes(s.mesh, s.a_cell));
}

TEST_CASE("options that make no problem are refused") {
  CHECK_THROWS_AS(amq::lab::DarcySampler({.least_nodes = 10, .most_nodes = 5}), amq::Error);
  CHECK_THROWS_AS(amq::lab::DarcySampler({.medium = {.low = 0, .high = 1}}), amq::Error);
  CHECK_THROWS_AS(static_cast<void>(amq::lab::DarcySampler({.label_size = 0}).sample(0, 0)),
                  amq::Error);
  CHECK_THROWS_AS(
      static_cast<void>(amq::lab::DarcySampler({.least_nodes = 4, .most_nodes = 4}).sample(0, 0)),
      amq::Error);
}

TEST_CASE("a sample for a data set keeps mesh and fields; recipes differ where samples would") {
  const amq::lab::DarcySampler sampler(
      {.least_nodes = 200, .most_nodes = 200, .label_size = 1. / 20});
  const auto s = sampler.sample(1, 1);
  const auto kept = amq::lab::to_mesh_sample(s);
  CHECK(kept.mesh.cells == s.mesh.cells);
  const auto& u = amq::mesh::node_field(kept, "u");
  REQUIRE(u.size() == s.u.size());
  for (std::size_t i = 0; i < u.size(); ++i) CHECK(u[i] == static_cast<float>(s.u[i]));
  CHECK(kept.cell.at("a").size() == s.a_cell.size());
  CHECK_THROWS_WITH_AS(static_cast<void>(amq::mesh::node_field(kept, "w")),
                       doctest::Contains("only: a, a_mean, level, u"), amq::Error);

  amq::lab::DarcyOptions o;
  const auto recipe = amq::lab::darcy_recipe(o, 1);
  CHECK(recipe == amq::lab::darcy_recipe(amq::lab::DarcyOptions{}, 1));
  CHECK(recipe != amq::lab::darcy_recipe(o, 2));
  o.label_size *= 1.0000001;
  CHECK(recipe != amq::lab::darcy_recipe(o, 1));
  o = {};
  o.mesh.shake = 0.1;
  CHECK(recipe != amq::lab::darcy_recipe(o, 1));
}

TEST_CASE("the code of the chapter on problems makes a set and solves on a mesh of one's own") {
  const amq::test::Scratch scratch("darcy_chapter");
  const std::string folder = scratch.path("darcy");
  // [darcy_set]
  amq::lab::DarcyOptions options;
  options.least_nodes = 150;
  options.most_nodes = 300;
  const amq::lab::DarcySampler sampler(options);
  const std::uint64_t seed = 1;
  amq::ThreadPool pool(2);
  const auto report = amq::lab::make_mesh_set(
      {.folder = folder,
       .n_samples = 4,
       .per_shard = 2,
       .recipe = amq::lab::darcy_recipe(options, seed)},
      [&](std::uint64_t i) { return amq::lab::to_mesh_sample(sampler.sample(seed, i)); }, pool,
      [](std::size_t done, std::size_t total) { /* a progress bar */
                                                (void)done, (void)total;
      });
  const auto samples = amq::lab::read_mesh_set(folder);  // mesh; node fields a, a_mean, level, u
  // [darcy_set]
  CHECK(report.made == 4);
  REQUIRE(samples.size() == 4);
  CHECK(amq::mesh::node_field(samples[3], "u").size() ==
        static_cast<std::size_t>(samples[3].mesh.n_nodes()));

  // [darcy_solve]
  amq::core::Random random(3);
  const amq::Mesh mesh = amq::mesh::random_refined_square(random, 500);
  amq::lab::DarcySolver solver(mesh);  // pattern and elimination order, once
  const auto a = amq::lab::cell_means(
      mesh, [](double x, double y) { return x + y < 1 ? 3 : 12; }, 2);
  const std::vector<double> u = solver.solve(a, [](double x, double) { return 1 + x; });
  // [darcy_solve]
  CHECK(*std::max_element(u.begin(), u.end()) > 0);
}

}  // namespace test_darcy_sampler
