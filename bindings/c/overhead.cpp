// Question: what does a call through the C interface cost beside the solve it asks for, and how
// long does a model take to load? Times are of this thread alone, medians of alternating runs.
//   overhead MODEL [RUNS] [--check=MS]
// With --check it ends with 1 unless one of five attempts loads within so many milliseconds and a
// call pays less than a hundredth: what runs beside can only add.
#include <amq.h>

#include "any_solver.hpp"

#include <amq/mesh/random_square.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <time.h>

namespace {

double microseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return 1e6 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_nsec);
}
template <typename Call>
double taken(const Call& call) {
  const double begun = microseconds();
  call();
  return microseconds() - begun;
}
double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "darcy.safetensors";
  const std::string last = argv[argc - 1];
  const bool checks = last.starts_with("--check=");
  const double most = checks ? 1e3 * std::stod(last.substr(8)) : 0;  // microseconds
  const int runs = argc - checks > 2 ? std::stoi(argv[2]) : 40;
  amq::core::Random random(5);
  amq::Mesh mesh = amq::mesh::random_refined_square(random, 1000);
  const auto n = static_cast<std::int64_t>(mesh.n_nodes());
  std::vector<std::uint8_t> types;
  for (const auto t : mesh.node_type) types.push_back(static_cast<std::uint8_t>(t));
  amq_mesh_data d = amq_mesh_data_init();
  d.n_nodes = n;
  d.n_cells = mesh.n_cells();
  d.points = mesh.points.data();
  d.cells = mesh.cells.data();
  d.node_type = types.data();
  amq_solver* solver = nullptr;
  amq_open(path, nullptr, &solver);
  amq_mesh* at = nullptr;
  if (amq_mesh_new(solver, &d, &at) != AMQ_OK) {
    std::fprintf(stderr, "%s\n", amq_last_error());
    return 1;
  }
  const auto own = amq::any::load(amq::io::safetensors::read(path), amq::core::serial_executor());
  const auto place = own->on(mesh);
  std::vector<double> a(static_cast<std::size_t>(2 * n), 7.5), u(static_cast<std::size_t>(n));
  std::vector<float> b(a.begin(), a.end());
  const amq_array given = amq_array_f64(a.data(), n, 2), out = amq_array_f64(u.data(), n, 1);
  amq_options o = amq_options_init();
  o.unit = AMQ_MEAN_BITS;
  o.budget = 3;
  amq_report r = amq_report_init();
  amq::Solution s;
  bool good = false;
  for (int attempt = 0; attempt < (checks ? 5 : 1) && !good; ++attempt) {
    std::vector<double> load, direct, through;
    for (int k = 0; k < std::min(runs, 9); ++k) {
      amq_solver* again = nullptr;
      load.push_back(taken([&] { amq_open(path, nullptr, &again); }));
      amq_close(again);
    }
    for (int k = 0; k < runs; ++k) {
      direct.push_back(taken([&] {
        place->solve({b.data(), static_cast<amq::Index>(n), 2}, {amq::any::Unit::mean_bits, 3}, s);
      }));
      through.push_back(taken([&] { amq_solve(at, &given, &out, &o, &r); }));
    }
    constexpr int calls = 100'000;
    std::int64_t rows = 0;
    const double door = taken([&] {
                          for (int k = 0; k < calls; ++k) amq_rows(at, &rows);
                        }) /
                        calls;
    const double more = median(through) / median(direct) - 1;
    good = median(load) < most && more < 0.01;
    std::printf(
        "load %.1f ms; %lld nodes: %.3f ms in C++, %.3f ms through C, doubles in and out "
        "(%+.2f %%); a call without work %.3f us\n",
        1e-3 * median(load), static_cast<long long>(n), 1e-3 * median(direct),
        1e-3 * median(through), 100 * more, door);
  }
  amq_mesh_close(at);
  amq_close(solver);
  return checks && !good ? 1 : 0;
}
