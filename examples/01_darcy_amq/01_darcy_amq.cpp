// Story 1: an adaptively quantized mesh solver for Darcy flow, from nothing to a table, a picture
// and a ParaView file. Data, float training, quantization-aware training at uniform and at adaptive
// bits, deployment in integers.

#include "../common/arguments.hpp"

#include <amq/core/thread_pool.hpp>
#include <amq/io/vtu.hpp>
#include <amq/train.hpp>
#include <amq_lab/draw/raster.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

namespace {

// Bits are types: what every row of the rivals has, and what the adaptive solver chooses from, at
// the same mean.
constexpr int bits = 3;
using amq::Activations, amq::Weights;
using Usual = amq::Scheme<Weights<8>, Activations<bits>, amq::Static>;
using Uniform = amq::Scheme<Weights<8>, Activations<bits>>;
using Adaptive = amq::Scheme<Weights<8>, Activations<1, 2, 3, 4, 5, 6, 8>>;

const char* const usage =
    "01_darcy_amq: trains and deploys an adaptively quantized solver for Darcy flow\n"
    "  --training N       samples to train on (300)    --test N    to test on (40)\n"
    "  --nodes N          nodes of a mesh, +-30 % (700)\n"
    "  --hidden N         channels (48)                --layers N  message passing (4)\n"
    "  --float-epochs N   (10)   --qat-epochs N  (3)   --seed N  (0)\n"
    "  --threads N        (2)    --out DIR       table, darcy.png, darcy.vtu, "
    "darcy.safetensors (out)\n"
    "A run that was stopped goes on where it was, from what lies in DIR.\n";

void show(const amq::training::Progress& p) {
  std::fprintf(stderr, "\r%-24s %5lld / %lld  %5.0f s left  loss %.4f  ", p.what.c_str(),
               static_cast<long long>(p.done), static_cast<long long>(p.total), p.seconds_left,
               p.loss);
  if (p.done == p.total) std::fprintf(stderr, "\n");
}

/// Each with the coefficient and its mean about the node as given channels, u as the solution.
std::vector<amq::Sample> solved(double nodes, std::size_t n, amq::Executor& executor) {
  amq::lab::DarcyOptions d;
  d.least_nodes = static_cast<amq::Index>(nodes * 5 / 7);
  d.most_nodes = static_cast<amq::Index>(nodes * 9 / 7);
  const amq::lab::DarcySampler sampler(d);
  std::vector<amq::Sample> all(n);
  executor.parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      const amq::lab::DarcySample s = sampler.sample(77, k);
      amq::Sample& to = all[k];
      to = {s.mesh, amq::Field(s.mesh.n_nodes(), 2), amq::Field(s.mesh.n_nodes(), 1)};
      for (amq::Index i = 0; i < s.mesh.n_nodes(); ++i) {
        const auto node = static_cast<std::size_t>(i);
        to.given.row(i) << static_cast<float>(s.a[node]), static_cast<float>(s.a_mean[node]);
        to.solution(i, 0) = static_cast<float>(s.u[node]);
      }
    }
  });
  return all;
}

/// Over unseen samples: means, and the median time of a solve on a mesh that is ready.
struct Row {
  double mean_bits = 0, bops = 0, bytes = 0, mse = 0, rel_l2 = 0;
  std::vector<double> ms;

  /// @param solve  solve() -> the field; is timed
  template <typename Solve>
  void add(const amq::Sample& s, double deviation, std::size_t n, const Solve& solve) {
    const auto start = std::chrono::steady_clock::now();
    const amq::Field u = solve();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    ms.push_back(took.count());
    const double wrong = static_cast<double>((u - s.solution).norm()),
                 share = 1.0 / static_cast<double>(n);
    mse += share * wrong * wrong / (deviation * deviation * static_cast<double>(u.size()));
    rel_l2 += share * wrong / static_cast<double>(s.solution.norm());
  }
  void print(const char* scheme) {
    std::sort(ms.begin(), ms.end());
    std::printf("%-28s %9.2f %12.3e %12.0f %12.5f %12.4f %10.2f\n", scheme, mean_bits, bops, bytes,
                mse, rel_l2, ms[ms.size() / 2]);
    std::fflush(stdout);
  }
};

template <typename Solver>
Row tested(const Solver& solver, const std::vector<amq::Sample>& unseen, double deviation) {
  Row r;
  const auto n = static_cast<double>(unseen.size());
  for (const amq::Sample& s : unseen) {
    const auto at = solver.prepare(s.mesh);
    amq::Solution made = at(s.given);  // the first takes its memory
    r.add(s, deviation, unseen.size(), [&] {
      at.solve(amq::view(s.given), made);
      return made.field;
    });
    const std::vector<float>& b = made.report.node_bits;
    r.mean_bits += std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size()) / n;
    r.bops += static_cast<double>(made.report.bops) / n;
  }
  r.bytes = solver.model_bytes();
  return r;
}

}  // namespace

int main(int argc, char** argv) try {
  amq::TrainOptions how;
  how.epochs = 10;
  how.quantized_epochs = 3;
  amq::MpPde::Config sizes;
  sizes.hidden = 48;
  sizes.layers = 4;
  std::size_t training = 300, test = 40, threads = 2;
  std::string out = "out";
  double nodes = 700;
  int status = 0;
  using study::argument;
  if (!study::read_arguments(
          argc, argv,
          {argument("--training", training), argument("--test", test), argument("--nodes", nodes),
           argument("--hidden", sizes.hidden), argument("--layers", sizes.layers),
           argument("--float-epochs", how.epochs), argument("--qat-epochs", how.quantized_epochs),
           argument("--seed", how.seed), argument("--threads", threads), argument("--out", out)},
          usage, status))
    return status;
  amq::ThreadPool pool(threads);
  how.folder = out + "/darcy_demo";
  how.progress = show;
  how.executor = &pool;
  how.adaptive.mean_bits = {bits};
  amq::TrainOptions usually = how;
  usually.folder += "/static";
  usually.ranges = amq::training::RangeRule::percentile;
  std::filesystem::create_directories(usually.folder);

  std::vector<amq::Sample> samples = solved(nodes, training + test, pool);
  const std::vector<amq::Sample> unseen(samples.begin() + static_cast<std::ptrdiff_t>(training),
                                        samples.end());
  samples.resize(training);

  // [train]
  const auto net = amq::train<amq::MpPde>(samples, how, sizes);
  const auto usual = amq::train_uniform<Usual>(net, samples, usually);
  const auto uniform = amq::train_uniform<Uniform>(net, samples, how);
  const auto adaptive = amq::train_adaptive<Adaptive>(net, samples, how);
  amq::save(out + "/darcy.safetensors", adaptive);
  // [train]

  const auto deviation = static_cast<double>(net.encoding.output_deviation[0]);
  Row f;
  amq::arithmetics::Float32 floats(net.net->layout, net.net->parameters);
  for (const amq::Sample& s : unseen) {
    amq::models::GraphSample g = net.encoding.encode(s.mesh, amq::view(s.given));
    prepare_sample(net.net->model, g);
    f.add(s, deviation, unseen.size(),
          [&] { return net.encoding.decode(forward(net.net->model, floats, g).view()); });
    f.bops += static_cast<double>(adaptive(s.mesh, s.given).report.float_bops) /
              static_cast<double>(unseen.size());
  }
  f.mean_bits = 32;
  for (const auto& w : net.net->layout.weights())
    f.bytes += 4.0 * static_cast<double>(w.out * (w.in + 1));
  Row s = tested(usual.solver, unseen, deviation), u = tested(uniform.solver, unseen, deviation),
      a = tested(adaptive.solver, unseen, deviation);

  std::printf(
      "\nDarcy flow on unstructured meshes, %zu unseen samples; every row but the first ran in "
      "integers.\n"
      "BOPs, time and bytes of the adaptive solver include its auxiliary model and the "
      "allocation.\n\n"
      "%-28s %9s %12s %12s %12s %12s %10s\n",
      unseen.size(), "scheme", "mean bits", "BOPs", "model bytes", "test MSE", "relative L2",
      "ms / solve");
  f.print("float32");
  s.print("uniform, static per tensor");
  u.print("uniform, rows by range");
  a.print("adaptive (AMQ)");
  std::printf(
      "\nadaptive against uniform bits: MSE %+.1f %%; against static ranges: MSE %+.1f %%\n",
      100 * (a.mse / u.mse - 1), 100 * (a.mse / s.mse - 1));

  const amq::Sample& shown = unseen.front();
  const amq::Solution solution = adaptive(shown.mesh, shown.given);
  const auto channel = [](const amq::Field& field) {
    std::vector<float> v(static_cast<std::size_t>(field.rows()));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = field(static_cast<amq::Index>(i), 0);
    return v;
  };
  const std::vector<float> a0 = channel(shown.given), u0 = channel(solution.field),
                           error = channel((solution.field - shown.solution).cwiseAbs());
  amq::lab::raster::Figure figure;
  figure.add({.title = "coefficient a", .mesh = &shown.mesh, .values = a0});
  figure.add({.title = "solution u", .mesh = &shown.mesh, .values = u0});
  figure.add({.title = "error", .mesh = &shown.mesh, .values = error, .colors = amq::lab::magma});
  figure.add(
      {.title = "mean bits per node", .mesh = &shown.mesh, .values = solution.report.node_bits});
  figure.write(out + "/darcy.png");
  amq::io::vtu::Grid grid(shown.mesh);
  grid.point("a", a0).point("u", u0).point("error", error).point("bits", solution.report.node_bits);
  grid.write(out + "/darcy.vtu");
  std::printf("wrote %s/darcy.png, %s/darcy.vtu, %s/darcy.safetensors\n", out.c_str(), out.c_str(),
              out.c_str());
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
