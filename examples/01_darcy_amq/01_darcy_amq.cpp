// Story 1: an adaptively quantized mesh solver for Darcy flow, from nothing to a table, a picture
// and a ParaView file. Data, float training, quantization-aware training at uniform and at adaptive
// bits, deployment in integers.

#include "../common/arguments.hpp"
#include "../common/darcy_study.hpp"

#include <amq/io/vtu.hpp>
#include <amq_lab/draw/raster.hpp>

#include <iostream>
#include <string>

using namespace study;

namespace {

const char* const usage =
    "01_darcy_amq: trains and deploys an adaptively quantized solver for Darcy flow\n"
    "  --bits B           mean bits of a pass, 1 to 8, whole for the uniform rival   (3)\n"
    "  --training N       samples to train on (300)    --test N    to test on (40)\n"
    "  --nodes N          nodes of a mesh, +-30 % (700)\n"
    "  --hidden N         channels (48)                --layers N  message passing (4)\n"
    "  --float-epochs N   (10)   --qat-epochs N  (3)   --seed N  (0)\n"
    "  --threads N        (2)    --out DIR       table, darcy.png, darcy.vtu, "
    "darcy.safetensors (out)\n";

void show(const Progress& p) {
  const int width = 24,
            full = static_cast<int>(static_cast<double>(width) * static_cast<double>(p.done) /
                                    static_cast<double>(std::max<std::int64_t>(1, p.total)));
  std::fprintf(stderr, "\r%-20s [%s%s] %5lld / %lld  %5.0f s left  ", p.what.c_str(),
               std::string(static_cast<std::size_t>(full), '#').c_str(),
               std::string(static_cast<std::size_t>(width - full), '.').c_str(),
               static_cast<long long>(p.done), static_cast<long long>(p.total), p.seconds_left);
  if (p.loss > 0) std::fprintf(stderr, "loss %.4f  ", p.loss);
  if (p.done == p.total) std::fprintf(stderr, "\n");
}

void row(const char* scheme, const Result& r) {
  std::printf("%-28s %9.2f %12.3e %12.0f %12.5f %12.4f %10.2f\n", scheme, r.mean_bits, r.bops,
              r.bytes, r.mse, r.rel_l2, r.ms);
  std::fflush(stdout);
}

std::vector<float> channel(const Field& f, Index c) {
  std::vector<float> v(static_cast<std::size_t>(f.rows()));
  for (Index i = 0; i < f.rows(); ++i) v[static_cast<std::size_t>(i)] = f(i, c);
  return v;
}

}  // namespace

int main(int argc, char** argv) try {
  Options o;
  o.training = 300;
  o.test = 40;
  o.float_epochs = 10;
  o.qat_epochs = 3;
  double bits = 3;
  std::string out = "out";
  double nodes = 700;
  int status = 0;
  if (!read_arguments(
          argc, argv,
          {argument("--bits", bits), argument("--training", o.training), argument("--test", o.test),
           argument("--nodes", nodes), argument("--hidden", o.hidden),
           argument("--layers", o.layers), argument("--float-epochs", o.float_epochs),
           argument("--qat-epochs", o.qat_epochs), argument("--seed", o.seed),
           argument("--threads", o.threads), argument("--out", out)},
          usage, status))
    return status;
  o.least_nodes = static_cast<Index>(nodes * 5 / 7);
  o.most_nodes = static_cast<Index>(nodes * 9 / 7);
  o.folder = out + "/darcy_demo";
  o.progress = show;
  std::filesystem::create_directories(o.folder);
  ThreadPool pool(o.threads);

  const Data data = make_data(o, pool);
  const auto reference = float_network(o, data, pool, true);
  const Result f = evaluate_float(data, *reference);
  auto usual = uniform_solver(o, data, pool, {static_cast<int>(bits)}, RowRule::fixed,
                              RangeRule::percentile);
  const Result s = evaluate_solver(data, *usual);
  auto uniform = uniform_solver(o, data, pool, {static_cast<int>(bits)});
  const Result u = evaluate_solver(data, *uniform);
  Adaptive how;
  how.mean_bits = {bits};
  auto adaptive = adaptive_solver(o, data, pool, how);
  const Result a = evaluate_solver(data, *adaptive);

  std::printf(
      "\nDarcy flow on unstructured meshes, %zu test samples; every row but the first ran in "
      "integers.\n"
      "BOPs, time and bytes of the adaptive solver include its auxiliary model and the "
      "allocation.\n\n"
      "%-28s %9s %12s %12s %12s %12s %10s\n",
      data.test.size(), "scheme", "mean bits", "BOPs", "model bytes", "test MSE", "relative L2",
      "ms / solve");
  row("float32", f);
  row("uniform, static per tensor", s);
  row("uniform, rows by min-max", u);
  row("adaptive (AMQ)", a);
  std::printf(
      "\nadaptive against uniform bits: MSE %+.1f %%, gap to float closed %.0f %%; against "
      "static ranges: MSE %+.1f %%\n",
      100 * (a.mse / u.mse - 1), 100 * (u.mse - a.mse) / (u.mse - f.mse),
      100 * (a.mse / s.mse - 1));

  const Mesh& mesh = data.test_mesh[0];
  const Field& given = data.test_given[0];
  const Solution solved = (*adaptive)(mesh, given);
  const Field& solution = solved.field;
  const std::vector<float> a0 = channel(given, 0), u0 = channel(solution, 0),
                           node_bits = solved.report.node_bits;
  std::vector<float> error;
  for (Index i = 0; i < solution.rows(); ++i)
    error.push_back(std::abs(solution(i, 0) - data.test_solution[0](i, 0)));
  raster::Figure figure;
  figure.add({.title = "coefficient a", .mesh = &mesh, .values = a0});
  figure.add({.title = "solution u", .mesh = &mesh, .values = u0});
  figure.add({.title = "error", .mesh = &mesh, .values = error, .colors = magma});
  figure.add({.title = "mean bits per node", .mesh = &mesh, .values = node_bits});
  figure.write(out + "/darcy.png");
  vtu::Grid grid(mesh);
  grid.point("a", a0);
  grid.point("u", u0);
  grid.point("error", error);
  grid.point("bits", node_bits);
  grid.write(out + "/darcy.vtu");
  save(out + "/darcy.safetensors", *adaptive, {mesh, given, {bits}});
  std::printf("wrote %s/darcy.png, %s/darcy.vtu, %s/darcy.safetensors\n", out.c_str(), out.c_str(),
              out.c_str());
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
