// The C interface: bytes say what is called, in any order, with what handles, sizes and addresses,
// as a host may get them wrong. Memory is as large as the sizes say, so that whoever reads beyond
// them is seen; what is said to be elsewhere than it is, no library can know.
#include "targets.hpp"

#include "amq.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace fuzz {

namespace {

/// Calls until this, then a model file.
constexpr unsigned char between[] = {0, 'a', 'm', 'q'};

class Script {
 public:
  explicit Script(std::span<const std::byte> bytes) : left_(bytes) {}
  [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
  /// 0 where there are no more.
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto b = static_cast<std::uint8_t>(left_[0]);
    left_ = left_.subspan(1);
    return b;
  }
  /// Small numbers for most bytes, and those that overflow.
  std::int64_t number() {
    const auto b = static_cast<std::int8_t>(byte());
    switch (b) {
      case 127:
        return std::numeric_limits<std::int64_t>::max();
      case -128:
        return std::numeric_limits<std::int64_t>::min();
      case 126:
        return std::numeric_limits<std::int32_t>::max();
      case 125:
        return std::int64_t{1} << 32;
      default:
        return b;
    }
  }
  double real() {
    const std::uint8_t b = byte();
    switch (b) {
      case 255:
        return std::numeric_limits<double>::quiet_NaN();
      case 254:
        return std::numeric_limits<double>::infinity();
      case 253:
        return 1e300;
      case 252:
        return -1e-310;
      default:
        return (b - 128) / 16.0;
    }
  }

 private:
  std::span<const std::byte> left_;
};

/// What a host asks of all it was given: a status it knows, and words for each but the first.
int told(int status) {
  const std::size_t words = std::strlen(amq_last_error());
  if (status < AMQ_OK || status >= AMQ_INTERNAL || (status == AMQ_OK) != (words == 0)) {
    std::fprintf(stderr, "status %d: '%s'\n", status, amq_last_error());
    std::abort();
  }
  return status;
}

/// Open, closed and never opened ones.
template <typename T>
struct Handles {
  std::vector<T*> all{nullptr};
  T* pick(std::uint8_t k) {
    // A number that no table has given away, and one of another kind's.
    static constexpr std::uintptr_t wild[] = {1, 0xfffffffffffffff9u, (1u << 3) | 5};
    if (k >= 253) return reinterpret_cast<T*>(wild[k - 253]);
    return all[k % all.size()];
  }
};

int run(void* host, size_t n, size_t grain, amq_body body, void* work) {
  const int how = *static_cast<int*>(host);
  if (how == 1) return 1;
  if (how == 2) throw std::runtime_error("the host's pool is gone");
  if (how == 3) return 0;  // nothing was run
  if (how == 4) body(work, 0, n + 1);
  for (size_t i = 0; i < n; i += grain) body(work, i, std::min(n, i + grain));
  if (how == 5) body(work, 0, std::min(n, grain));
  return 0;
}
int boundary(void* host, float* state, std::int64_t rows, std::int64_t channels) {
  const int how = *static_cast<int*>(host);
  for (std::int64_t i = 0; i < rows * channels; ++i)
    state[i] = how == 6 ? std::numeric_limits<float>::quiet_NaN() : state[i] / 2;
  if (how == 2) throw std::runtime_error("the host's boundary is gone");
  return how == 1;
}

/// One whose memory there is, or one that no memory has.
std::int64_t stride(Script& s) {
  const std::int64_t n = s.number();
  return n == std::numeric_limits<std::int32_t>::max() ? 0 : n;
}

/// A field of a caller with strides of any sign: as much memory as they reach, on both sides.
struct Array {
  std::vector<double> memory;
  amq_array a{};
  amq_array* address = nullptr;

  Array(Script& s, std::int64_t rows, std::int64_t channels) {
    const std::uint8_t how = s.byte();
    if (how == 255) return;  // NULL
    address = &a;
    a.type = how % 8 == 7 ? static_cast<int>(s.number()) : 1 + how % 2;
    a.rows = how % 16 == 15 ? s.number() : rows;
    a.channels = how % 32 == 31 ? s.number() : channels;
    if (how & 64) a.row_stride = stride(s), a.channel_stride = stride(s);
    const auto reach = [](std::int64_t n, std::int64_t stride) {
      return std::min<std::int64_t>(std::max<std::int64_t>(n, 1), 4096) *
             std::min<std::int64_t>(std::abs(std::max(stride, -4096l)), 4096);
    };
    const bool strided = a.row_stride != 0 || a.channel_stride != 0;
    const std::int64_t span =
        strided ? reach(rows, a.row_stride) + reach(channels, a.channel_stride) : rows * channels;
    memory.resize(static_cast<std::size_t>(strided ? 2 * span + 1 : span));
    // Bits of both types, so that neither kind is all 0.
    for (std::size_t k = 0; k < memory.size(); ++k)
      memory[k] = a.type == AMQ_FLOAT32 ? 0.0 : static_cast<double>(k % 9) / 4 - 1;
    if (how & 128 && !memory.empty()) memory[memory.size() / 2] = s.real();
    a.data = how % 64 == 62 ? nullptr : memory.data() + (strided ? span : 0);
    if (a.type == AMQ_FLOAT32 && !strided && a.data)
      for (std::size_t k = 0; k < memory.size(); ++k)
        static_cast<float*>(a.data)[k] = static_cast<float>(k % 9) / 4 - 1;
  }
};

struct Options {
  std::vector<double> variables;
  amq_options o = amq_options_init();
  amq_options* address = nullptr;

  explicit Options(Script& s) {
    const std::uint8_t how = s.byte();
    if (how % 4 == 0) return;  // NULL
    address = &o;
    if (how & 4) o.unit = static_cast<int>(s.number());
    if (how & 8) o.budget = s.real();
    if (how & 16) o.size = s.byte();
    if (how & 32) {
      variables.assign(s.byte() % 8, s.real());
      o.variables = how & 64 ? nullptr : variables.data();
      o.n_variables = how & 128 ? std::min<std::int64_t>(s.number(), 0)
                                : static_cast<std::int64_t>(variables.size());
    }
  }
};

struct Report {
  std::vector<float> node_bits;
  amq_report r = amq_report_init();
  amq_report* address = nullptr;

  Report(Script& s, std::int64_t rows) {
    const std::uint8_t how = s.byte();
    if (how % 4 == 0) return;
    address = &r;
    if (how & 4) r.size = s.byte();
    if (how & 8) {
      node_bits.resize(static_cast<std::size_t>(how & 16 ? rows : s.byte() % 64));
      r.node_bits = node_bits.data();
      r.n_node_bits = how & 32 ? std::min<std::int64_t>(s.number(), 0)
                               : static_cast<std::int64_t>(node_bits.size());
    }
  }
};

/// Points and cells, of which some are wrong.
struct Mesh {
  std::vector<double> points;
  std::vector<std::int32_t> cells;
  std::vector<std::uint8_t> types;
  std::int64_t nodes = 0;  ///< that there is memory for
  amq_mesh_data d = amq_mesh_data_init();
  const amq_mesh_data* address = nullptr;

  explicit Mesh(Script& s);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
};
Mesh::Mesh(Script& s) {
  const std::uint8_t how = s.byte(), side = 1 + s.byte() % 7;
  const bool any = how & 1;  // else a square of triangles
  d.dim = any ? static_cast<std::int32_t>(s.number()) : 2;
  const int dim = std::clamp(d.dim, 1, 3);
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j)
      for (int k = 0; k < dim; ++k) points.push_back((k == 0 ? i : j) / 4.0);
  if (side > 1 && !any)
    for (int i = 0; i + 1 < side; ++i)
      for (int j = 0; j + 1 < side; ++j) {
        const int a = i * side + j, b = a + side;
        for (const int v : {a, b, a + 1, b, b + 1, a + 1}) cells.push_back(v);
      }
  d.n_nodes = nodes = side * side;
  if (any) {
    d.nodes_per_cell = static_cast<std::int32_t>(s.number());
    d.cell_dim = static_cast<std::int32_t>(s.number());
    const int per = std::clamp(d.nodes_per_cell, 2, 64);
    d.n_cells = s.byte() % 32;
    for (std::int64_t k = 0; k < d.n_cells * per; ++k)
      cells.push_back(static_cast<std::int32_t>(s.number()));
  } else {
    d.n_cells = static_cast<std::int64_t>(cells.size() / 3);
  }
  if (how & 2) points[s.byte() % points.size()] = s.real();
  if ((how & 4) && !cells.empty())
    cells[s.byte() % cells.size()] = static_cast<std::int32_t>(s.number());
  if (how & 8) d.first_id = static_cast<std::int32_t>(s.number());
  if (how & 16) d.mark_boundary = 1;
  types.assign(static_cast<std::size_t>(d.n_nodes), 0);
  if (how & 32) {
    d.node_type = types.data();
    types[s.byte() % types.size()] = s.byte();
  }
  // Counts that are refused before anything is read through them.
  if (how & 64) switch (s.byte() % 6) {
      case 0:
        d.n_nodes = std::min<std::int64_t>(s.number(), 0);
        break;
      case 1:
        d.n_cells = std::min<std::int64_t>(s.number(), 0);
        break;
      case 2:
        d.size = s.byte();
        break;
      case 3:
        d.point_stride = std::min<std::int64_t>(s.number(), d.dim);
        break;
      case 4:
        d.point_stride = std::numeric_limits<std::int64_t>::max() - s.byte();
        break;
      default:
        d.n_nodes = std::numeric_limits<std::int64_t>::max() - s.byte();
    }
  d.points = how & 128 && s.byte() % 2 ? nullptr : points.data();
  d.cells = how & 128 && s.byte() % 2 ? nullptr : cells.data();
  if (how != 255) address = &d;
}
void new_mesh(Script& s, amq_solver* solver, amq_mesh** into) {
  const Mesh m(s);
  told(amq_mesh_new(solver, m.address, into));
}
/// Of a mesh that needs no solver, into a column of a field.
void boundary_distance(Script& s) {
  const Mesh m(s);
  const Array distance(s, m.nodes, 1);
  told(amq_boundary_distance(m.address, distance.address));
}
/// What answers by a text, whatever it is asked.
void texts(Script& s) {
  const auto k = static_cast<int>(s.number());
  for (const char* text : {amq_version(), amq_instruction_set(), amq_status_text(k)})
    if (std::strlen(text) == 0) std::abort();
  const char* network = amq_network_name(k);
  if ((network != nullptr) != (k >= 0 && k < 2) || amq_interface() != AMQ_INTERFACE) std::abort();
}

void new_grid(Script& s, amq_solver* solver, amq_mesh** into) {
  const std::uint8_t axes_said = s.byte();
  const int dims = axes_said % 8 == 7 ? static_cast<int>(s.number()) : 1 + axes_said % 3;
  std::array<std::int64_t, 3> points{};
  std::array<std::vector<double>, 3> values;
  std::array<const double*, 3> axes{};
  for (std::size_t d = 0; d < 3; ++d) {
    const std::uint8_t how = s.byte();
    points[d] = how == 255 ? std::min<std::int64_t>(s.number(), 0) : how % 17;
    for (std::int64_t k = 0; k < points[d]; ++k) values[d].push_back(static_cast<double>(k) / 8);
    if (how == 254 && !values[d].empty()) values[d].back() = s.real();
    axes[d] = how == 253 ? nullptr : values[d].data();
  }
  told(amq_grid_new(solver, dims, points.data(), axes.data(), into));
}

}  // namespace

void target_c_interface(std::span<const std::byte> b) {
  const auto at =
      std::search(b.begin(), b.end(), std::begin(between), std::end(between),
                  [](std::byte x, unsigned char y) { return static_cast<unsigned char>(x) == y; });
  Script s(std::span(b.begin(), at));
  const std::span<const std::byte> model =
      at == b.end() ? std::span<const std::byte>() : std::span(at + sizeof between, b.end());
  Handles<amq_solver> solvers;
  Handles<amq_mesh> meshes;
  Handles<amq_rollout> rollouts;
  std::array<int, 8> hosts{0, 1, 2, 3, 4, 5, 6, 7};
  int opened = 0;
  bool measured = false;
  for (int calls = 0; !s.empty() && calls < 64; ++calls) {
    const std::uint8_t call = s.byte() % 20, which = s.byte();
    amq_solver* const solver = solvers.pick(which);
    amq_mesh* const mesh = meshes.pick(which);
    amq_rollout* const rollout = rollouts.pick(which);
    std::int64_t rows = 0;
    amq_info info = amq_info_init();
    const auto shape = [&] {  // as a host asks for it before it solves
      static_cast<void>(amq_rows(mesh, &rows));
      static_cast<void>(amq_inspect(solvers.pick(s.byte()), &info));
    };
    switch (call) {
      case 0:
      case 1: {
        if (++opened > 8 || solvers.all.size() > 3) break;  // a load solves its self-test
        amq_executor host{1 + which % 3u, run, &hosts[which / 4 % 8]};
        if (which == 251) host.threads = 0;
        if (which == 252) host.parallel_for = nullptr;
        amq_solver* made = reinterpret_cast<amq_solver*>(1);
        const File file(model);
        const int status =
            call == 0
                ? amq_open_memory(which == 250 ? nullptr : model.data(), model.size(),
                                  which % 2 ? "model" : nullptr, which < 128 ? nullptr : &host,
                                  which == 249 ? nullptr : &made)
                : amq_open(which == 250   ? nullptr
                           : which == 248 ? "/nowhere"
                                          : file.path().c_str(),
                           which < 128 ? nullptr : &host, which == 249 ? nullptr : &made);
        if (told(status) == AMQ_OK)
          solvers.all.push_back(made);
        else if (which != 249 && made != nullptr)
          std::abort();  // no handle of what failed
        break;
      }
      case 2:
        told(amq_close(solver));
        break;
      case 3: {
        if (which % 8 == 7) info.size = s.byte();
        const int status = told(amq_inspect(solver, which % 16 == 9 ? nullptr : &info));
        if (status == AMQ_OK && info.size == sizeof info &&
            (info.n_levels < 1 || info.n_levels > AMQ_MOST_LEVELS || info.given < 1 ||
             info.solution < 1))
          std::abort();
        break;
      }
      case 4: {
        double x, y;
        told(amq_held_out_error(solver, s.number(), which % 3 ? &x : nullptr,
                                which % 5 ? &y : nullptr));
        break;
      }
      case 5: {
        std::vector<char> name(s.byte() % 32), unit(s.byte() % 32);
        told(amq_channel(solver, which % 2, s.number(), which % 3 ? name.data() : nullptr,
                         name.size(), which % 5 ? unit.data() : nullptr, unit.size()));
        break;
      }
      case 6: {
        const auto policy = static_cast<int>(s.number());
        told(amq_out_of_range(solver, policy, s.real()));
        break;
      }
      case 7:
      case 8: {
        amq_mesh* made = nullptr;
        amq_mesh** into = which % 32 == 29 ? nullptr : &made;
        if (call == 7)
          new_mesh(s, solver, into);
        else
          new_grid(s, solver, into);
        if (made) meshes.all.push_back(made);
        break;
      }
      case 9:
        told(amq_mesh_close(mesh));
        break;
      case 10:
        told(amq_rows(mesh, which % 16 == 9 ? nullptr : &rows));
        break;
      case 11: {
        shape();
        Array given(s, rows, info.given), solution(s, rows, info.solution);
        if (which % 16 == 11 && given.address && solution.address &&
            info.given == info.solution)  // in place
          solution.a = given.a;
        const Options options(s);
        Report report(s, rows);
        told(amq_solve(mesh, given.address, solution.address, options.address, report.address));
        break;
      }
      case 12: {
        shape();
        const Array start(s, rows, info.given);
        const Options options(s);
        amq_rollout* made = nullptr;
        told(amq_rollout_new(mesh, start.address, options.address,
                             which % 32 == 29 ? nullptr : &made));
        if (made) rollouts.all.push_back(made);
        break;
      }
      case 13: {
        const std::uint8_t how = s.byte();
        static_cast<void>(amq_rows(meshes.pick(s.byte()), &rows));
        Report report(s, rows);
        told(amq_rollout_step(rollout, how % 2 ? boundary : nullptr, &hosts[how / 2 % 8],
                              report.address));
        break;
      }
      case 14: {
        static_cast<void>(amq_rows(meshes.pick(s.byte()), &rows));
        static_cast<void>(amq_inspect(solvers.pick(s.byte()), &info));
        const Array state(s, rows, info.given);
        told(amq_rollout_state(rollout, state.address));
        break;
      }
      case 15:
        told(amq_rollout_allocate_every(rollout, s.number()));
        break;
      case 16:
        told(amq_rollout_close(rollout));
        break;
      case 17:
        texts(s);
        break;
      case 18: {
        // A good one is measured for a second: once, and for one byte of all.
        const bool may_be_good = which < 253 && mesh != nullptr;
        if (may_be_good && (measured || which != 9)) break;
        measured = measured || may_be_good;
        told(amq_measure(mesh));
        break;
      }
      default:
        boundary_distance(s);
    }
  }
  // In any order: what is closed already is refused, what was forgotten is not.
  for (amq_solver* h : solvers.all) told(amq_close(h));
  for (amq_rollout* h : rollouts.all) told(amq_rollout_close(h));
  for (amq_mesh* h : meshes.all) told(amq_mesh_close(h));
  for (amq_mesh* h : meshes.all)
    if (h && amq_mesh_close(h) != AMQ_CLOSED) std::abort();
}

}  // namespace fuzz
