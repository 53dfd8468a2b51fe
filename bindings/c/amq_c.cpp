// The C interface: handles, arrays and errors around any_solver.hpp. What the functions promise is
// said in amq.h.
#include "amq.h"

#include "any_solver.hpp"

#include <amq/core/float_environment.hpp>
#include <amq/core/text.hpp>
#include <amq/mesh/boundary_distance.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/simd/arch.hpp>
#include <amq/solver/examine.hpp>
#include <amq/solver/workspaces.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace amq;
using namespace amq::solver;

// ---- Errors

/// An Error of a call that is itself wrong.
struct Refused {
  int status;
  Error why;
};
[[nodiscard]] Refused argument(const char* where, std::string expected, std::string found,
                               const char* mend) {
  return {AMQ_ARGUMENT, Error(where, std::move(expected), std::move(found), mend)};
}

/// A callback of the host said no, threw, or did not do its work.
struct HostFailed {
  std::string what;
};

/// No memory is taken to tell that there is none.
struct LastError {
  char text[4096] = "";
  void set(std::string_view s) noexcept {
    const std::size_t n = std::min(s.size(), sizeof text - 1);
    if (n > 0) std::memcpy(text, s.data(), n);
    text[n] = 0;
    if (n < s.size()) std::memcpy(text + n - 3, "...", 3);
  }
};
thread_local constinit LastError last_error;

/// Every call goes through here: amq's floating-point environment, nothing thrown.
template <typename F>
int guarded(int of_errors, const F& f) noexcept {
  const FloatEnvironment own;
  last_error.text[0] = 0;
  try {
    f();
    return AMQ_OK;
  } catch (const Refused& r) {
    last_error.set(r.why.what());
    return r.status;
  } catch (const HostFailed& h) {
    last_error.set(h.what);
    return AMQ_HOST;
  } catch (const Error& e) {
    last_error.set(e.what());
    return of_errors;
  } catch (const std::bad_alloc&) {
    last_error.set("amq: out of memory");
    return AMQ_MEMORY;
  } catch (const std::exception& e) {
    last_error.set(e.what());
    return AMQ_INTERNAL;
  } catch (...) {
    last_error.set("amq: an exception of no known kind");
    return AMQ_INTERNAL;
  }
}

void want(const void* p, const char* where, const char* what) {
  if (!p) throw argument(where, what, "NULL", "Pass an address.");
}

// ---- The host's threads

struct Loop {
  const Executor::Body* body;
  std::size_t n;
  std::atomic<std::size_t> done{0};
  std::atomic<bool> beyond{false};
  std::mutex mutex;
  std::exception_ptr error;
};

extern "C" void run_part(void* work, std::size_t begin, std::size_t end) noexcept {
  Loop& loop = *static_cast<Loop*>(work);
  if (begin > end || end > loop.n) {
    loop.beyond = true;
    return;
  }
  try {
    (*loop.body)(begin, end);
  } catch (...) {
    const std::lock_guard lock(loop.mutex);
    if (!loop.error) loop.error = std::current_exception();
  }
  loop.done += end - begin;
}

class HostExecutor final : public Executor {
 public:
  explicit HostExecutor(const amq_executor& host) : host_(host) {}
  void parallel_for(std::size_t n, std::size_t grain, const Body& body) override {
    if (n == 0) return;
    Loop loop{&body, n, {}, {}, {}, {}};
    int rc = 0;
    try {
      rc = host_.parallel_for(host_.host, n, std::max<std::size_t>(grain, 1), &run_part, &loop);
    } catch (const std::exception& e) {
      throw HostFailed{std::string("amq_executor.parallel_for threw: ") + e.what()};
    } catch (...) {
      throw HostFailed{"amq_executor.parallel_for threw"};
    }
    if (rc != 0) throw HostFailed{"amq_executor.parallel_for returned " + std::to_string(rc)};
    if (loop.error) std::rethrow_exception(loop.error);
    if (loop.beyond || loop.done != n)
      throw HostFailed{
          "amq_executor.parallel_for: expected ranges that cover 0 to " + std::to_string(n) +
          ", found " +
          (loop.beyond ? "one outside" : std::to_string(loop.done) + " of them, or some twice") +
          ". Cover every index once."};
  }
  [[nodiscard]] std::size_t threads() const noexcept override { return host_.threads; }

 private:
  amq_executor host_;
};

// ---- Handles

/// A solver, and who uses it: what changes it waits for solves, and solves for it.
struct OpenSolver {
  std::unique_ptr<Executor> executor;
  std::unique_ptr<any::Solver> solver;
  any::Facts facts;
  mutable std::shared_mutex in_use;
};
/// What a solve writes to before it is the caller's.
struct Scratch {
  std::vector<float> given;
  Solution solution;
};
struct OpenMesh {
  std::shared_ptr<OpenSolver> of;
  std::unique_ptr<any::Place> place;
  mutable Workspaces<Scratch> scratch;
};
struct OpenRollout {
  std::shared_ptr<OpenMesh> at;
  std::unique_ptr<any::Steps> steps;
  std::atomic<bool> busy{false};
};

static_assert(sizeof(void*) == 8, "amq's handles are numbers of 64 bits");

/// Handles are numbers, not addresses: kind, place in a table, how often the place was given away.
/// So one that was closed is told from one that is open, and nothing is ever read through it.
template <typename T, std::uintptr_t kind>
class Table {
 public:
  [[nodiscard]] std::uintptr_t add(std::shared_ptr<T> what) {
    const std::unique_lock lock(mutex_);
    std::size_t at = slots_.size();
    if (free_.empty()) {
      slots_.emplace_back();
      free_.reserve(slots_.size());  // so that closing takes no memory
    } else {
      at = free_.back();
      free_.pop_back();
    }
    Slot& s = slots_[at];
    s.what = std::move(what);
    return (static_cast<std::uintptr_t>(++s.given) << 32) | ((at + 1) << 3) | kind;
  }
  [[nodiscard]] std::shared_ptr<T> get(const void* handle, const char* name) const {
    const auto h = reinterpret_cast<std::uintptr_t>(handle);
    if (!handle) throw argument(name, "a handle", "NULL", "Open or make what it stands for first.");
    const std::shared_lock lock(mutex_);
    const Slot* s = slot(h);
    if (!s) throw closed(h, name);
    return s->what;
  }
  /// What was there, so that it ends outside of the lock.
  std::shared_ptr<T> remove(const void* handle, const char* name) {
    const auto h = reinterpret_cast<std::uintptr_t>(handle);
    const std::unique_lock lock(mutex_);
    const Slot* s = slot(h);
    if (!s) throw closed(h, name);
    const std::size_t at = ((h & 0xffffffffu) >> 3) - 1;
    free_.push_back(at);
    return std::exchange(slots_[at].what, nullptr);
  }

 private:
  struct Slot {
    std::shared_ptr<T> what;
    std::uint32_t given = 0;
  };
  [[nodiscard]] const Slot* slot(std::uintptr_t h) const noexcept {
    const std::size_t at = (h & 0xffffffffu) >> 3;
    if ((h & 7) != kind || at == 0 || at > slots_.size()) return nullptr;
    const Slot& s = slots_[at - 1];
    return s.what && s.given == h >> 32 ? &s : nullptr;
  }
  [[nodiscard]] static Refused closed(std::uintptr_t h, const char* name) {
    const bool other = (h & 7) != kind && (h & 7) >= 1 && (h & 7) <= 3 && h >> 32 < 0x10000;
    return {AMQ_CLOSED,
            Error(name, "an open handle",
                  other ? "one of another kind, or none" : "one that was closed, or none",
                  "Use handles until they are closed, and no longer.")};
  }
  mutable std::shared_mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;
};

// Never destroyed: a host's thread may still close handles while the program ends.
Table<OpenSolver, 1>& solvers() {
  static auto* const t = new Table<OpenSolver, 1>;
  return *t;
}
Table<OpenMesh, 2>& meshes() {
  static auto* const t = new Table<OpenMesh, 2>;
  return *t;
}
Table<OpenRollout, 3>& rollouts() {
  static auto* const t = new Table<OpenRollout, 3>;
  return *t;
}
template <typename T>
[[nodiscard]] T* as_handle(std::uintptr_t h) noexcept {
  return reinterpret_cast<T*>(h);
}

// ---- Structs that begin with their size

/// @param least  the bytes that the first version of the struct had
template <typename T>
void check_size(const T* s, std::size_t least, const char* where) {
  if (s->size < least)
    throw argument(where, "a size of " + std::to_string(sizeof(T)), std::to_string(s->size),
                   "Begin with the struct's _init function.");
}
template <typename T>
[[nodiscard]] T read_struct(const T* from, const char* where) {
  check_size(from, sizeof(T), where);
  T t{};
  std::memcpy(&t, from, std::min(from->size, sizeof(T)));
  return t;
}
template <typename T>
void write_struct(T* to, T from) noexcept {
  from.size = to->size;
  std::memcpy(to, &from, std::min(to->size, sizeof(T)));
}

// ---- Arrays of the caller

struct Strides {
  Index row, channel;
};
[[nodiscard]] Strides check_array(const amq_array* a, const char* where, Index rows,
                                  Index channels) {
  want(a, where, "an amq_array");
  const auto text = [](auto x) { return std::to_string(x); };
  if (a->type != AMQ_FLOAT32 && a->type != AMQ_FLOAT64)
    throw argument(where, "type AMQ_FLOAT32 or AMQ_FLOAT64", text(a->type),
                   "Begin with amq_array_f32 or amq_array_f64.");
  if (a->rows != rows || a->channels != channels)
    throw argument(where, text(rows) + " rows and " + text(channels) + " channels",
                   text(a->rows) + " and " + text(a->channels),
                   a->rows == channels && a->channels == rows
                       ? "Turn it: by its strides, channels_first of Fortran, .T of numpy."
                       : "Ask amq_rows and amq_inspect for them.");
  want(a->data, where, "data");
  const bool own = a->row_stride != 0 || a->channel_stride != 0;
  Strides s{own ? static_cast<Index>(a->row_stride) : channels,
            own ? static_cast<Index>(a->channel_stride) : 1};
  if ((s.row == 0 && rows > 1) || (s.channel == 0 && channels > 1))
    throw argument(where, "strides other than 0, or both 0",
                   text(a->row_stride) + " and " + text(a->channel_stride),
                   "Say how many numbers lie from row to row and from channel to channel.");
  constexpr Index most = std::numeric_limits<std::int32_t>::max();  // so that no place overflows
  for (const Index stride : {s.row, s.channel})
    if (stride > most || stride < -most)
      throw argument(where, "strides of at most " + text(most) + " numbers", text(stride),
                     "Say how many numbers lie from row to row and from channel to channel.");
  return s;
}
template <typename T>
void copy_in(const amq_array* a, Strides s, float* to) noexcept {
  const T* from = static_cast<const T*>(a->data);
  for (Index i = 0; i < a->rows; ++i)
    for (Index c = 0; c < a->channels; ++c)
      *to++ = static_cast<float>(from[i * s.row + c * s.channel]);
}
template <typename T>
void copy_out(const Field& from, const amq_array* a, Strides s) noexcept {
  T* to = static_cast<T*>(a->data);
  for (Index i = 0; i < a->rows; ++i)
    for (Index c = 0; c < a->channels; ++c)
      to[i * s.row + c * s.channel] = static_cast<T>(from(i, c));
}
/// Row after row in float: the caller's own memory where it is so.
[[nodiscard]] MatrixView<const float> given_view(const amq_array* a, Strides s,
                                                 std::vector<float>& scratch) {
  const auto rows = static_cast<Index>(a->rows), channels = static_cast<Index>(a->channels);
  if (a->type == AMQ_FLOAT32 && s.channel == 1 && s.row >= channels)
    return {static_cast<const float*>(a->data), rows, channels, s.row};
  scratch.resize(static_cast<std::size_t>(rows * channels));
  a->type == AMQ_FLOAT32 ? copy_in<float>(a, s, scratch.data())
                         : copy_in<double>(a, s, scratch.data());
  return {scratch.data(), rows, channels};
}
void give(const Field& from, const amq_array* a, Strides s) noexcept {
  a->type == AMQ_FLOAT32 ? copy_out<float>(from, a, s) : copy_out<double>(from, a, s);
}

[[nodiscard]] any::Wishes wishes_of(const amq_options* given) {
  any::Wishes w;
  if (!given) return w;
  const amq_options o = read_struct(given, "amq_options");
  if (o.unit < AMQ_DEFAULT || o.unit > AMQ_RELATIVE_L2)
    throw argument("amq_options.unit", "AMQ_DEFAULT to AMQ_RELATIVE_L2", std::to_string(o.unit),
                   "See amq.h.");
  w.unit = static_cast<any::Unit>(o.unit);
  w.budget = o.budget;
  if (o.n_variables < 0 || o.n_variables > 1'000'000)
    throw argument("amq_options.n_variables", "0 or more", std::to_string(o.n_variables),
                   "Give as many as amq_info.variables.");
  if (o.n_variables > 0) {
    want(o.variables, "amq_options.variables", "variables");
    w.variables.assign(o.variables, o.variables + o.n_variables);
  }
  return w;
}

using Clock = std::chrono::steady_clock;
[[nodiscard]] double milliseconds_since(Clock::time_point t) {
  return std::chrono::duration<double, std::milli>(Clock::now() - t).count();
}

/// Before anything is solved. @throws Refused for a report without room
void check_report(const amq_report* r, Index rows) {
  if (!r) return;
  check_size(r, offsetof(amq_report, saturated), "amq_report");
  if (r->node_bits && r->n_node_bits < rows)
    throw argument("amq_report.node_bits", "room for " + std::to_string(rows) + " numbers",
                   std::to_string(r->n_node_bits), "Ask amq_rows, or set node_bits to NULL.");
}
void fill(amq_report* to, const SolveReport& s, double bits, double milliseconds) {
  if (!to) return;
  amq_report r{};
  r.mean_bits = bits;
  r.bops = static_cast<double>(s.bops);
  r.bops_allowed = static_cast<double>(s.budget);
  r.bops_of_choosing = static_cast<double>(s.auxiliary_bops);
  r.bops_of_float = static_cast<double>(s.float_bops);
  r.milliseconds = milliseconds;
  r.milliseconds_planned = 1e-9 * static_cast<double>(s.picoseconds);
  r.milliseconds_allowed = 1e-9 * static_cast<double>(s.picosecond_budget);
  r.outside = s.outside.largest();
  r.outside_box = s.outside.box;
  r.outside_nodes = s.outside.nodes;
  r.outside_edges = s.outside.edges;
  r.outside_given = s.outside.given;
  r.outside_channel = s.outside.given_channel;
  r.inverted_cells = s.mesh.inverted_cells;
  r.flat_cells = s.mesh.flat_cells;
  r.doubled_cells = s.mesh.doubled_cells;
  r.bodies = s.mesh.bodies;
  r.unmarked_boundary_nodes = s.mesh.unmarked_boundary_nodes;
  r.saturated = s.saturated;
  r.cut_share = s.cut_share;
  r.n_node_bits = to->n_node_bits;
  r.node_bits = to->node_bits;
  if (to->node_bits) std::copy(s.node_bits.begin(), s.node_bits.end(), to->node_bits);
  write_struct(to, r);
}

/// Cut to the room there is. A text of no bytes may have no address, which memcpy wants.
void put(char* to, std::size_t n, std::string_view from) noexcept {
  if (!to || n == 0) return;
  const std::size_t m = std::min(from.size(), n - 1);
  if (m > 0) std::memcpy(to, from.data(), m);
  to[m] = 0;
}
template <std::size_t n>
void put(char (&to)[n], std::string_view from) noexcept {
  put(to, n, from);
}

int open(const amq_executor* executor, amq_solver** out, const auto& read) noexcept {
  return guarded(AMQ_FILE, [&] {
    want(out, "amq_open, solver", "where the handle goes");
    *out = nullptr;
    auto open = std::make_shared<OpenSolver>();
    if (executor) {
      if (!executor->parallel_for || executor->threads < 1)
        throw argument("amq_open, executor", "parallel_for and 1 or more threads",
                       executor->parallel_for ? "no threads" : "no parallel_for",
                       "Pass NULL to solve on the thread that calls.");
      open->executor = std::make_unique<HostExecutor>(*executor);
    }
    open->solver = any::load(read(), executor ? *open->executor : serial_executor());
    open->facts = open->solver->facts();
    *out = as_handle<amq_solver>(solvers().add(std::move(open)));
  });
}

/// @param where  names the data in errors
[[nodiscard]] Mesh mesh_of(const amq_mesh_data* given, const char* where) {
  want(given, where, "an amq_mesh_data");
  const amq_mesh_data d = read_struct(given, "amq_mesh_data");
  const auto text = [](auto x) { return std::to_string(x); };
  const auto refuse = [](const char* what, const std::string& expected, const std::string& found) {
    return argument(what, expected, found, "See amq_mesh_data in amq.h.");
  };
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (d.dim < 1 || d.dim > 3) throw refuse("amq_mesh_data.dim", "1 to 3", text(d.dim));
  if (d.n_nodes < 1 || d.n_nodes > most)
    throw refuse("amq_mesh_data.n_nodes", "1 to " + text(most), text(d.n_nodes));
  if (d.n_cells < 0 || d.n_cells > most)
    throw refuse("amq_mesh_data.n_cells", "0 to " + text(most), text(d.n_cells));
  if (d.first_id != 0 && d.first_id != 1)
    throw refuse("amq_mesh_data.first_id", "0 or 1", text(d.first_id));
  if (d.point_stride != 0 && (d.point_stride < d.dim || d.point_stride > most))
    throw refuse("amq_mesh_data.point_stride", "0, or dim to " + text(most), text(d.point_stride));
  if (d.n_cells > 0 && (d.nodes_per_cell < 2 || d.nodes_per_cell > 64))
    throw refuse("amq_mesh_data.nodes_per_cell", "2 to 64", text(d.nodes_per_cell));
  want(d.points, "amq_mesh_data.points", "points");
  if (d.n_cells > 0) want(d.cells, "amq_mesh_data.cells", "cells");
  Mesh m;
  m.dim = d.dim;
  m.nodes_per_cell = std::max(d.nodes_per_cell, 2);
  m.cell_dim = d.cell_dim;
  const std::int64_t stride = d.point_stride ? d.point_stride : d.dim;
  m.points.reserve(static_cast<std::size_t>(d.n_nodes * d.dim));
  for (std::int64_t i = 0; i < d.n_nodes; ++i)
    m.points.insert(m.points.end(), d.points + i * stride, d.points + i * stride + d.dim);
  m.cells.assign(d.cells, d.cells + d.n_cells * m.nodes_per_cell);
  if (d.first_id == 1)
    for (std::int32_t& id : m.cells) {
      if (id < 1 || id > d.n_nodes)
        throw refuse("amq_mesh_data.cells", "ids from 1 to " + text(d.n_nodes), text(id));
      --id;
    }
  if (d.mark_boundary) {
    mark_boundary(m);
  } else if (d.node_type) {
    for (std::int64_t i = 0; i < d.n_nodes; ++i)
      m.node_type.push_back(static_cast<NodeType>(d.node_type[i]));
  }
  return m;
}

/// One thread at a time.
class Turn {
 public:
  explicit Turn(OpenRollout& r) : busy_(&r.busy) {
    if (busy_->exchange(true)) {
      busy_ = nullptr;
      throw argument("rollout", "one thread at a time", "two", "Give each thread its own rollout.");
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { *busy_ = false; }

 private:
  std::atomic<bool>* busy_;
};

}  // namespace

extern "C" {

const char* amq_version(void) {
  return AMQ_VERSION;
}
int amq_interface(void) {
  return AMQ_INTERFACE;
}
const char* amq_instruction_set(void) {
  return simd::Native::name;
}
const char* amq_network_name(int k) {
  const auto all = any::networks();
  return k >= 0 && static_cast<std::size_t>(k) < all.size()
             ? all[static_cast<std::size_t>(k)].name.data()
             : nullptr;
}
const char* amq_status_text(int status) {
  switch (status) {
    case AMQ_OK:
      return "done";
    case AMQ_ARGUMENT:
      return "the call is wrong";
    case AMQ_CLOSED:
      return "the handle is closed";
    case AMQ_FILE:
      return "the model file is refused";
    case AMQ_INPUT:
      return "the input is refused";
    case AMQ_MEMORY:
      return "out of memory";
    case AMQ_HOST:
      return "a callback of the host failed";
    case AMQ_INTERNAL:
      return "a fault of amq";
  }
  return "no status of amq";
}
const char* amq_last_error(void) {
  return last_error.text;
}

int amq_open(const char* path, const amq_executor* executor, amq_solver** solver) {
  return open(executor, solver, [&] {
    want(path, "amq_open, path", "a path");
    return safetensors::read(path);
  });
}
int amq_open_memory(const void* bytes, size_t size, const char* name, const amq_executor* executor,
                    amq_solver** solver) {
  return open(executor, solver, [&] {
    want(bytes, "amq_open_memory, bytes", "bytes");
    return safetensors::decode({static_cast<const std::byte*>(bytes), size},
                               name ? name : "model in memory");
  });
}
int amq_close(amq_solver* solver) {
  return guarded(AMQ_INTERNAL, [&] {
    if (solver) solvers().remove(solver, "amq_close");
  });
}

int amq_inspect(amq_solver* solver, amq_info* info) {
  return guarded(AMQ_INPUT, [&] {
    const auto of = solvers().get(solver, "amq_inspect");
    want(info, "amq_inspect, info", "an amq_info");
    check_size(info, offsetof(amq_info, held_out), "amq_info");
    const any::Facts& f = of->facts;
    amq_info i{};
    put(i.network, f.network);
    put(i.scheme, f.scheme);
    i.on_grid = f.on_grid;
    i.dim = f.dim;
    i.adaptive = f.adaptive;
    i.marks_boundary = f.marks_boundary;
    i.rolls_out = f.rolls_out;
    i.n_levels =
        std::min<std::int32_t>(static_cast<std::int32_t>(f.levels.size()), AMQ_MOST_LEVELS);
    std::copy_n(f.levels.begin(), i.n_levels, i.levels);
    i.given = f.given;
    i.solution = f.solution;
    i.variables = f.variables;
    i.parameters = f.parameters;
    i.bytes = f.bytes;
    if (!f.seen.nodes.empty()) {
      i.least_nodes = f.seen.nodes.low;
      i.most_nodes = f.seen.nodes.high;
    }
    i.budget = f.budget;
    i.held_out = static_cast<std::int64_t>(f.seen.errors.size());
    write_struct(info, i);
  });
}

int amq_held_out_error(amq_solver* solver, int64_t k, double* mean_bits, double* relative_l2) {
  return guarded(AMQ_INPUT, [&] {
    const auto of = solvers().get(solver, "amq_held_out_error");
    const auto& all = of->facts.seen.errors;
    if (all.empty())
      throw argument("amq_held_out_error", "errors on samples held out of training",
                     "none in this file", "Train with a validation share.");
    if (k < 0 || k >= static_cast<std::int64_t>(all.size()))
      throw argument("amq_held_out_error", "a budget from 0 to " + std::to_string(all.size() - 1),
                     std::to_string(k), "Ask amq_inspect how many there are.");
    const HeldOutError& e = all[static_cast<std::size_t>(k)];
    if (mean_bits) *mean_bits = e.mean_bits;
    if (relative_l2) *relative_l2 = e.relative_l2;
  });
}

int amq_channel(amq_solver* solver, int of_solution, int64_t channel, char* name, size_t name_size,
                char* unit, size_t unit_size) {
  return guarded(AMQ_INPUT, [&] {
    const auto of = solvers().get(solver, "amq_channel");
    const any::Facts& f = of->facts;
    const Index channels = of_solution ? f.solution : f.given;
    if (channel < 0 || channel >= channels)
      throw argument("amq_channel", "a channel from 0 to " + std::to_string(channels - 1),
                     std::to_string(channel), "Ask amq_inspect how many there are.");
    const auto text = [&](const std::vector<std::string>& all) -> std::string_view {
      const auto k = static_cast<std::size_t>(channel);
      return k < all.size() ? std::string_view(all[k]) : std::string_view();
    };
    put(name, name_size, text(of_solution ? f.seen.solution_names : f.seen.given_names));
    put(unit, unit_size, text(of_solution ? f.seen.solution_units : f.seen.given_units));
  });
}

int amq_out_of_range(amq_solver* solver, int policy, double tolerance) {
  return guarded(AMQ_INPUT, [&] {
    const auto of = solvers().get(solver, "amq_out_of_range");
    if (policy < AMQ_IGNORE || policy > AMQ_REFUSE)
      throw argument("amq_out_of_range, policy", "AMQ_IGNORE, AMQ_REPORT or AMQ_REFUSE",
                     std::to_string(policy), "See amq.h.");
    if (!(tolerance >= 0))
      throw argument("amq_out_of_range, tolerance", "0 or more", std::to_string(tolerance),
                     "0 refuses whatever lies outside.");
    const std::unique_lock lock(of->in_use);
    of->solver->out_of_range(static_cast<OutOfRange>(policy), tolerance);
  });
}

int amq_mesh_new(amq_solver* solver, const amq_mesh_data* data, amq_mesh** mesh) {
  return guarded(AMQ_INPUT, [&] {
    want(mesh, "amq_mesh_new, mesh", "where the handle goes");
    *mesh = nullptr;
    auto made = std::make_shared<OpenMesh>();
    made->of = solvers().get(solver, "amq_mesh_new");
    const Mesh m = mesh_of(data, "amq_mesh_new, data");
    const std::shared_lock lock(made->of->in_use);
    made->place = made->of->solver->on(m);
    *mesh = as_handle<amq_mesh>(meshes().add(std::move(made)));
  });
}
int amq_boundary_distance(const amq_mesh_data* data, const amq_array* distance) {
  return guarded(AMQ_INPUT, [&] {
    const char* where = "amq_boundary_distance, data";
    const Mesh m = mesh_of(data, where);
    if (m.cells.empty())
      throw argument(where, "cells, whose sides make the boundary", "none", "Give cells.");
    const Strides out = check_array(distance, "amq_boundary_distance, distance", m.n_nodes(), 1);
    static_cast<void>(examine(m, true));
    const std::vector<double> all = mesh::boundary_distance(m);
    for (Index i = 0; i < m.n_nodes(); ++i) {
      const double x = all[static_cast<std::size_t>(i)];
      if (distance->type == AMQ_FLOAT32)
        static_cast<float*>(distance->data)[i * out.row] = static_cast<float>(x);
      else
        static_cast<double*>(distance->data)[i * out.row] = x;
    }
  });
}
int amq_grid_new(amq_solver* solver, int dims, const int64_t* points, const double* const* axes,
                 amq_mesh** mesh) {
  return guarded(AMQ_INPUT, [&] {
    want(mesh, "amq_grid_new, mesh", "where the handle goes");
    *mesh = nullptr;
    auto made = std::make_shared<OpenMesh>();
    made->of = solvers().get(solver, "amq_grid_new");
    if (dims < 1 || dims > 3)
      throw argument("amq_grid_new, dims", "1 to 3", std::to_string(dims), "See amq.h.");
    want(points, "amq_grid_new, points", "the number of points of every axis");
    want(axes, "amq_grid_new, axes", "the coordinates of every axis");
    std::vector<std::vector<double>> all;
    for (int d = 0; d < dims; ++d) {
      if (points[d] < 1 || points[d] > std::numeric_limits<std::int32_t>::max())
        throw argument("amq_grid_new, points", "1 or more", std::to_string(points[d]),
                       "Give the number of points of every axis.");
      want(axes[d], "amq_grid_new, axes", "coordinates of every axis");
      all.emplace_back(axes[d], axes[d] + points[d]);
      for (const double x : all.back())
        if (!std::isfinite(x))
          throw argument("amq_grid_new, axes", "finite coordinates", std::to_string(x),
                         "Repair the axis.");
    }
    const std::shared_lock lock(made->of->in_use);
    made->place = made->of->solver->on(all);
    *mesh = as_handle<amq_mesh>(meshes().add(std::move(made)));
  });
}
int amq_mesh_close(amq_mesh* mesh) {
  return guarded(AMQ_INTERNAL, [&] {
    if (mesh) meshes().remove(mesh, "amq_mesh_close");
  });
}
int amq_rows(amq_mesh* mesh, int64_t* rows) {
  return guarded(AMQ_INPUT, [&] {
    const auto at = meshes().get(mesh, "amq_rows");
    want(rows, "amq_rows, rows", "where the number goes");
    *rows = at->place->rows();
  });
}
int amq_measure(amq_mesh* mesh) {
  return guarded(AMQ_INPUT, [&] {
    const auto at = meshes().get(mesh, "amq_measure");
    const std::unique_lock lock(at->of->in_use);
    at->place->measure();
  });
}

int amq_solve(amq_mesh* mesh, const amq_array* given, const amq_array* solution,
              const amq_options* options, amq_report* report) {
  return guarded(AMQ_INPUT, [&] {
    const auto begun = Clock::now();
    const auto at = meshes().get(mesh, "amq_solve");
    const any::Facts& f = at->of->facts;
    const Index rows = at->place->rows();
    const Strides in = check_array(given, "amq_solve, given", rows, f.given),
                  out = check_array(solution, "amq_solve, solution", rows, f.solution);
    check_report(report, rows);
    const any::Wishes w = wishes_of(options);
    const auto scratch = at->scratch.borrow([] { return std::make_unique<Scratch>(); });
    const std::shared_lock lock(at->of->in_use);
    const double bits =
        at->place->solve(given_view(given, in, scratch->given), w, scratch->solution);
    give(scratch->solution.field, solution, out);
    fill(report, scratch->solution.report, bits, milliseconds_since(begun));
  });
}

int amq_rollout_new(amq_mesh* mesh, const amq_array* start, const amq_options* options,
                    amq_rollout** rollout) {
  return guarded(AMQ_INPUT, [&] {
    want(rollout, "amq_rollout_new, rollout", "where the handle goes");
    *rollout = nullptr;
    auto made = std::make_shared<OpenRollout>();
    made->at = meshes().get(mesh, "amq_rollout_new");
    const Strides in = check_array(start, "amq_rollout_new, start", made->at->place->rows(),
                                   made->at->of->facts.given);
    const any::Wishes w = wishes_of(options);
    std::vector<float> scratch;
    const auto v = given_view(start, in, scratch);
    Field field(v.rows, v.cols);
    for (Index i = 0; i < v.rows; ++i) std::copy_n(v.row(i), v.cols, field.data() + i * v.cols);
    const std::shared_lock lock(made->at->of->in_use);
    made->steps = made->at->place->roll_out(std::move(field), w);
    *rollout = as_handle<amq_rollout>(rollouts().add(std::move(made)));
  });
}
int amq_rollout_close(amq_rollout* rollout) {
  return guarded(AMQ_INTERNAL, [&] {
    if (rollout) rollouts().remove(rollout, "amq_rollout_close");
  });
}
int amq_rollout_allocate_every(amq_rollout* rollout, int64_t n) {
  return guarded(AMQ_INPUT, [&] {
    const auto r = rollouts().get(rollout, "amq_rollout_allocate_every");
    const Turn turn(*r);
    r->steps->allocate_every(static_cast<Index>(n));
  });
}
int amq_rollout_step(amq_rollout* rollout, amq_boundary boundary, void* host, amq_report* report) {
  return guarded(AMQ_INPUT, [&] {
    const auto begun = Clock::now();
    const auto r = rollouts().get(rollout, "amq_rollout_step");
    const Turn turn(*r);
    check_report(report, r->at->place->rows());
    const std::shared_lock lock(r->at->of->in_use);
    r->steps->step([&](Field& state) {
      if (!boundary) return;
      int rc = 0;
      try {
        rc = boundary(host, state.data(), state.rows(), state.cols());
      } catch (const std::exception& e) {
        throw HostFailed{std::string("amq_rollout_step: the boundary threw: ") + e.what()};
      } catch (...) {
        throw HostFailed{"amq_rollout_step: the boundary threw"};
      }
      if (rc != 0)
        throw HostFailed{"amq_rollout_step: the boundary returned " + std::to_string(rc)};
    });
    fill(report, r->steps->report(), r->steps->mean_bits(), milliseconds_since(begun));
  });
}
int amq_rollout_state(amq_rollout* rollout, const amq_array* state) {
  return guarded(AMQ_INPUT, [&] {
    const auto r = rollouts().get(rollout, "amq_rollout_state");
    const Turn turn(*r);
    const Field& s = r->steps->state();
    const Strides out = check_array(state, "amq_rollout_state, state", s.rows(), s.cols());
    give(s, state, out);
  });
}

}  // extern "C"
