// Prints what decides a solver's graph: neighbours, hubs, orders, on points whose
// distances tie. Every compiler, level of optimization and instruction set must print the same.
#include <amq/core/rounded.hpp>
#include <amq/mesh/multi_mesh.hpp>
#include <amq/mesh/neighbours.hpp>
#include <amq/mesh/node_order.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace {
std::uint64_t hash = 14695981039346656037u;
template <typename T>
void add(const std::vector<T>& values) {
  for (const T v : values) hash = (hash ^ static_cast<std::uint64_t>(v)) * 1099511628211u;
}
void report(const char* what) {
  std::printf("%s %016llx\n", what, static_cast<unsigned long long>(hash));
}
}  // namespace

int main() {
  for (const int n : {20, 21, 33, 50}) {
    // A lattice whose spacing no double holds, and one turned by an angle that none holds either.
    for (const double turn : {0.0, 0.3}) {
      std::vector<double> points;
      for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) {
          const double a = amq::core::rounded(i / static_cast<double>(n - 1)),
                       b = amq::core::rounded(j / static_cast<double>(n - 1));
          points.push_back(a + amq::core::rounded(turn * b));
          points.push_back(b - amq::core::rounded(turn * a));
        }
      for (const int neighbours : {3, 6, 8}) {
        const amq::Graph g = amq::mesh::knn_edges(points, 2, neighbours);
        add(g.sender);
        const int lattices[] = {3, 4, 8};
        add(amq::mesh::multi_mesh_edges(g, points, 2, lattices).sender);
      }
      add(amq::mesh::hilbert_order(points, 2));
      report("graph");
    }
  }
}
