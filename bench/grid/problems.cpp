#include "grid_study.hpp"

#include <amq_lab/data/grid_set.hpp>
#include <amq_lab/problems/burgers.hpp>
#include <amq_lab/problems/darcy_grid.hpp>
#include <amq_lab/problems/diffusion_sorption.hpp>
#include <amq_lab/problems/navier_stokes.hpp>
#include <amq_lab/problems/resample.hpp>

#include <algorithm>
#include <filesystem>
#include <numbers>

namespace grid_study {

namespace {
template <typename Problem>
Task task_of(std::string name, const Problem& p, std::vector<Index> points) {
  Task t;
  t.name = t.data = std::move(name);
  t.describe = [p, points] {
    const GridSet s = p.describe();
    return s.u.points == points ? s : resample(s, points);
  };
  t.make = [p, points](Index n, std::uint64_t seed, const GenerateProgress& progress) {
    GridSet all = p.describe();
    all = all.u.points == points ? all : resample(all, points);
    std::vector<GridSample> samples;
    constexpr Index chunk = 20;  // fine samples are not all kept at once
    for (Index first = 0; first < n; first += chunk) {
      const Index count = std::min(chunk, n - first);
      const auto made =
          generate(p, seed, static_cast<std::uint64_t>(first), static_cast<std::size_t>(count),
                   serial_executor(), [&](std::size_t done, std::size_t) {
                     progress(static_cast<std::size_t>(first) + done, static_cast<std::size_t>(n));
                   });
      if (!made.failures.empty())
        throw Error("grid study", "every sample solved", made.failures[0].reason, "Another seed.");
      GridSet part = p.describe();
      part.assign(made.samples);
      if (part.u.points != points) part = resample(part, points);
      for (Index i = 0; i < count; ++i) {
        const auto a = part.input.empty() ? std::span<const float>() : part.input.sample(i);
        const auto u = part.u.sample(i);
        samples.push_back({{a.begin(), a.end()}, {u.begin(), u.end()}});
      }
    }
    all.assign(samples);
    return all;
  };
  return t;
}

GridSet load_set(const Options& o, const Task& t) {
  const Index n = t.training + t.test;
  const std::string path = o.folder + "/" + t.data + "_n" + std::to_string(n) + "_s" +
                           std::to_string(o.data_seed) + ".npz";
  if (std::filesystem::exists(path)) return read_grid_set(path);
  const Stopwatch watch;
  const GridSet set = t.make(n, o.data_seed, [&](std::size_t done, std::size_t total) {
    if (o.progress)
      o.progress(
          {t.name + ", samples", static_cast<std::int64_t>(done), static_cast<std::int64_t>(total),
           watch.seconds(),
           watch.seconds_left(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total)),
           0});
  });
  std::filesystem::create_directories(o.folder);
  write_grid_set(path, set);
  return set;
}

}  // namespace

std::vector<Task> tasks(const Options& o) {
  std::vector<Task> all;
  all.push_back(task_of("diffusion_sorption", DiffusionSorption{}, {256}));
  Burgers burgers;
  burgers.nu = 0.01 / std::numbers::pi;
  all.push_back(task_of("burgers", burgers, {256}));
  all.push_back(task_of("navier_stokes", NavierStokes::published(1e-3), {64, 64}));
  PdebenchDarcy darcy;
  darcy.n = 64;
  darcy.refine = 4;
  all.push_back(task_of("darcy", darcy, {64, 64}));
  for (Task& t : all) {
    const bool line = t.name == "diffusion_sorption" || t.name == "burgers";
    const bool steady = t.name == "darcy";
    t.mapping = steady ? GridMapping{} : GridMapping{10, 10, 5};
    t.test_mapping = steady ? GridMapping{} : GridMapping{10, 10, 3};
    const double n = line ? 300 : steady ? 600 : 120;
    t.training = std::max<Index>(4, static_cast<Index>(n * o.data_scale));
    t.test = std::max<Index>(2, static_cast<Index>((line ? 40 : steady ? 60 : 20) * o.data_scale));
    t.passes = static_cast<Index>((line ? 12000 : 1200) * o.scale);
  }
  Task change = all[0];
  change.name += "_change";
  change.mapping.change = change.test_mapping.change = true;
  all.push_back(std::move(change));
  return all;
}

Data make_data(const Options& o, const Task& t, Index factor) {
  Data d;
  d.task = &t;
  d.factor = factor;
  d.full = load_set(o, t);
  std::vector<Index> points;
  for (const Index p : d.full.u.points) points.push_back(coarsened(p, factor, d.full.layout));
  d.coarse = factor == 1 ? d.full : resample(d.full, points);
  d.encoding = GridEncoding::of(d.coarse, t.mapping, t.training);
  d.training = d.encoding.encode_all(d.coarse, t.mapping, 0, t.training);
  d.grid = d.training.front().grid;
  d.x = d.training.front().x;
  GridMapping m = t.test_mapping;
  m.change = false;  // solutions are compared whole
  for (Index i = t.training; i < t.training + t.test; ++i)
    for (Index w = 0; w < m.count(d.full); ++w) {
      const GridField& from = m.past > 0 ? d.full.u : d.full.input;
      Data::Problem p;
      p.given = GridField(1, std::max<Index>(1, m.past), from.points, from.n_channels);
      std::ranges::copy(GridEncoding::seen(d.full, m, i, w), p.given.values.begin());
      const std::vector<float> y = GridEncoding::sought(d.full, m, i, w);
      p.solution = Eigen::Map<const Matrix>(y.data(), d.full.u.n_points(), d.full.u.n_channels);
      d.test.push_back(std::move(p));
    }
  d.full.u.values.clear();  // kept in `test`
  d.full.input.values.clear();
  d.coarse.u.values.clear();
  d.coarse.input.values.clear();
  return d;
}

}  // namespace grid_study
