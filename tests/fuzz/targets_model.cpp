// A deployed solver's file: metadata, tensors and the self-test that is solved on load. What the C
// interface needs of the network is here, too, since it takes a minute to compile.
#include "targets.hpp"

#include "mesh_network.hpp"

#include <amq/models/mp_pde.hpp>
#include <amq/solver/model_file.hpp>

#include <cmath>
#include <cstdlib>

using namespace amq;
using namespace amq::io;

namespace amq::any {

extern const Network grid_network;

std::span<const Network> networks() {
  static const Network all[] = {{MpPde::name, &load_one<MpPde>}, grid_network};
  return all;
}

}  // namespace amq::any

namespace fuzz {

void target_model(std::span<const std::byte> b) {
  const safetensors::File f = safetensors::decode(b, "input");
  const MeshSolver<MpPde> solver = load<MpPde>(f);
  // What loads has solved its self-test to the bit, so it solves that mesh again, to finite
  // numbers.
  const auto given = f.at("self_test.a").as<float>();
  const MatrixView<const float> a(given.data(), f.at("self_test.a").shape[0],
                                  f.at("self_test.a").shape[1]);
  const Mesh mesh = solver::detail::self_test_mesh(f, solver.net().model.config().channels().dim);
  if (!solver(mesh, a).field.allFinite()) std::abort();
}

}  // namespace fuzz
