// A deployed solver's file: metadata, tensors and the self-test that is solved on load.
#include "targets.hpp"

#include <amq/models/mp_pde.hpp>
#include <amq/solver/model_file.hpp>

#include <cmath>
#include <cstdlib>

using namespace amq;
using namespace amq::io;

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
