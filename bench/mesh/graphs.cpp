// Question: what do graphs and orders of 100,000 nodes cost, and does a tree or a grid of bins find
// neighbours quicker, on an even cloud and on a graded one?
// Contender: uniform bins of two points on average, rings searched until the k-th is safe.
// Times are of this thread's processor. Usage: graphs [nodes]
#include <amq/mesh.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

template <typename F>
double milliseconds(const F& run) {
  const auto start = std::clock();
  run();
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Sum of squared distances to the k nearest, so that nothing is optimised away.
double bins_knn(const std::vector<double>& p, std::size_t k) {
  const std::size_t n = p.size() / 2;
  const int m = std::max(1, static_cast<int>(std::sqrt(static_cast<double>(n) / 2)));
  std::vector<std::vector<std::int32_t>> bin(static_cast<std::size_t>(m * m));
  const auto cell = [&](double x) { return std::min(m - 1, static_cast<int>(x * m)); };
  const auto at = [&](int i, int j) -> auto& {
    return bin[static_cast<std::size_t>(j * m + i)];
  };
  for (std::size_t i = 0; i < n; ++i)
    at(cell(p[2 * i]), cell(p[2 * i + 1])).push_back(static_cast<std::int32_t>(i));
  double sum = 0;
  std::vector<double> d2;
  for (std::size_t i = 0; i < n; ++i) {
    d2.clear();
    const int ci = cell(p[2 * i]), cj = cell(p[2 * i + 1]);
    for (int ring = 0; ring <= m; ++ring) {
      for (int b = std::max(0, cj - ring); b <= std::min(m - 1, cj + ring); ++b) {
        const bool whole = std::abs(b - cj) == ring;
        for (int a = ci - ring; a <= ci + ring; a += whole || ring == 0 ? 1 : 2 * ring) {
          if (a < 0 || a >= m) continue;
          for (const auto j : at(a, b)) {
            const auto q = static_cast<std::size_t>(j);
            if (q != i)
              d2.push_back(std::pow(p[2 * q] - p[2 * i], 2) +
                           std::pow(p[2 * q + 1] - p[2 * i + 1], 2));
          }
        }
      }
      if (d2.size() < k) continue;
      std::nth_element(d2.begin(), d2.begin() + static_cast<std::ptrdiff_t>(k) - 1, d2.end());
      const double safe = static_cast<double>(ring) / m;
      if (d2[k - 1] <= safe * safe) break;
    }
    for (std::size_t j = 0; j < k; ++j) sum += d2[j];
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const amq::Index n = argc > 1 ? std::atol(argv[1]) : 100'000;
  amq::core::Random random(1);
  std::vector<double> even, graded;
  const amq::Index n_cloud = n / 5;  // the bins take minutes for all of a graded cloud
  for (amq::Index i = 0; i < n_cloud; ++i) {
    const double r = std::pow(10, -random.uniform(0, 5)), t = random.uniform(0, 1.5707963);
    even.insert(even.end(), {random.uniform(), random.uniform()});
    graded.insert(graded.end(), {r * std::cos(t), r * std::sin(t)});
  }
  for (const auto* cloud : {&even, &graded}) {
    amq::Graph g;
    double check = 0, sum = 0;
    const double tree = milliseconds([&] { g = amq::mesh::knn_edges(*cloud, 2, 6); });
    for (std::size_t e = 0; e < g.sender.size(); ++e) {
      const auto i = static_cast<std::size_t>(g.sender[e]),
                 j = static_cast<std::size_t>(g.receiver[e]);
      check += std::pow((*cloud)[2 * i] - (*cloud)[2 * j], 2) +
               std::pow((*cloud)[2 * i + 1] - (*cloud)[2 * j + 1], 2);
    }
    const double bins = milliseconds([&] { sum = bins_knn(*cloud, 6); });
    std::printf("6 nearest of %td nodes, %s: tree %.0f ms, bins %.0f ms%s\n", n_cloud,
                cloud == &even ? "even" : "graded 1 : 100,000", tree, bins,
                std::abs(sum - check) < 1e-6 * check ? "" : "  THEY DISAGREE");
  }
  amq::mesh::RandomSquare options;
  options.size_ratio = 200;
  amq::Mesh mesh;
  std::printf("random_refined_square, %td nodes: %.0f ms\n", n,
              milliseconds([&] { mesh = amq::mesh::random_refined_square(random, n, options); }));
  amq::Graph g;
  std::printf("cell_edges: %.0f ms\n", milliseconds([&] { g = amq::mesh::cell_edges(mesh); }));
  amq::mesh::NodeOrder shuffled(static_cast<std::size_t>(mesh.n_nodes())), hilbert, rcm;
  for (std::size_t i = 0; i < shuffled.size(); ++i) shuffled[i] = static_cast<std::int32_t>(i);
  random.shuffle(shuffled);
  mesh = amq::mesh::renumber(mesh, shuffled);
  g = amq::mesh::renumber(g, shuffled);
  std::printf("hilbert_order: %.0f ms\n",
              milliseconds([&] { hilbert = amq::mesh::hilbert_order(mesh.points, 2); }));
  std::printf("rcm_order: %.0f ms\n", milliseconds([&] { rcm = amq::mesh::rcm_order(g); }));
  // What it is for: a gather and sum of 128 channels over incoming edges.
  const std::vector<float> h(static_cast<std::size_t>(mesh.n_nodes() * 128), 1.0f);
  std::vector<float> out(h.size());
  for (const auto& [name, graph] :
       {std::pair("shuffled", g), std::pair("hilbert", amq::mesh::renumber(g, hilbert)),
        std::pair("rcm", amq::mesh::renumber(g, rcm))}) {
    const double ms = milliseconds([&, &graph = graph] {
      for (int repeat = 0; repeat < 4; ++repeat) {
        for (std::size_t e = 0; e < graph.sender.size(); ++e) {
          const float* from = h.data() + 128 * static_cast<std::size_t>(graph.sender[e]);
          float* to = out.data() + 128 * static_cast<std::size_t>(graph.receiver[e]);
          for (int c = 0; c < 128; ++c) to[c] += from[c];
        }
      }
    });
    std::printf("sum of 128 channels over edges, %s: %.1f ms (bandwidth %td, mean |i - j| %.0f)\n",
                name, ms / 4, amq::mesh::bandwidth(graph), amq::mesh::mean_edge_length(graph));
  }
  return 0;
}
