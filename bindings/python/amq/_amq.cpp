// The C interface as numpy sees it. Arrays are read and written where they lie, at any strides; the
// interpreter's lock is free while amq computes. Everything else is said in __init__.pyi.
#include "any_quantizer.hpp"
#include "any_trainer.hpp"

#include <amq.h>

#include <amq/core/thread_pool.hpp>
#include <amq/io/state_dict.hpp>
#include <amq/mesh/boundary_distance.hpp>
#include <amq/mesh/cluster.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/models/mesh_inputs.hpp>
#include <amq/solver/encoding.hpp>
#include <amq/solver/examine.hpp>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

/// amq.Error, which Python code made.
py::object& error_type() {
  static auto* const t = new py::object;  // the interpreter may end first
  return *t;
}
[[noreturn]] void refuse(const std::string& text, int status) {
  py::object e = error_type()(text);
  e.attr("status") = status;
  PyErr_SetObject(error_type().ptr(), e.ptr());
  throw py::error_already_set();
}
[[noreturn]] void refuse(const std::string& where, const std::string& expected,
                         const std::string& found, const std::string& mend) {
  refuse("amq: " + where + ": expected " + expected + ", found " + found + ". " + mend,
         AMQ_ARGUMENT);
}

/// Runs without the interpreter's lock; its error is this thread's, so it is read before the lock
/// comes back and another thread calls.
template <typename Call>
void run(const Call& call) {
  int status = AMQ_OK;
  std::string text;
  {
    const py::gil_scoped_release free;
    status = call();
    if (status != AMQ_OK) text = amq_last_error();
  }
  if (status != AMQ_OK) refuse(text, status);
}

/// Fields are numpy arrays already: a list would be copied at every step unseen.
py::array an_array(const py::object& o, const char* where) {
  if (!py::isinstance<py::array>(o))
    refuse(where, "a numpy array", py::str(py::type::of(o).attr("__name__")),
           "Convert it: numpy.asarray(x, numpy.float32).");
  return py::reinterpret_borrow<py::array>(o);
}

std::string shape_text(const py::array& a) {
  std::string s = "(";
  for (py::ssize_t d = 0; d < a.ndim(); ++d) s += (d ? ", " : "") + std::to_string(a.shape(d));
  return s + (a.ndim() == 1 ? ",)" : ")");
}
std::string type_text(const py::array& a) {
  return py::str(a.dtype());
}

/// A float array of one or two axes as it lies. One axis: one channel.
amq_array as_array(const py::array& a, const char* where, bool writes) {
  const bool f32 = py::isinstance<py::array_t<float>>(a),
             f64 = py::isinstance<py::array_t<double>>(a);
  if (!f32 && !f64)
    refuse(where, "an array of float32 or float64", type_text(a),
           "Convert it: array.astype(numpy.float32).");
  if (a.ndim() < 1 || a.ndim() > 2)
    refuse(where, "an array (row, channel), or (row,) of one channel",
           "one of shape " + shape_text(a), "Reshape it.");
  if (writes && !a.writeable())
    refuse(where, "an array that can be written to", "one that is read only", "Copy it.");
  const py::ssize_t size = a.itemsize();
  amq_array out = f32 ? amq_array_f32(nullptr, 0, 0) : amq_array_f64(nullptr, 0, 0);
  out.data = const_cast<void*>(a.data());
  out.rows = a.shape(0);
  out.channels = a.ndim() == 2 ? a.shape(1) : 1;
  for (py::ssize_t d = 0; d < a.ndim(); ++d)
    if (a.strides(d) % size != 0 || (a.strides(d) == 0 && a.shape(d) > 1))
      refuse(where, "an array whose numbers lie whole steps apart",
             "strides of " + std::to_string(a.strides(d)) + " bytes", "Copy it: array.copy().");
  out.row_stride = a.strides(0) / size;
  out.channel_stride = a.ndim() == 2 ? a.strides(1) / size : 1;
  if (out.rows <= 1 && out.row_stride == 0) out.row_stride = out.channels;
  if (out.channels <= 1 && out.channel_stride == 0) out.channel_stride = 1;
  return out;
}

struct Options {
  amq_options o = amq_options_init();
  std::vector<double> variables;
};
std::unique_ptr<Options> as_options(std::optional<double> mean_bits, std::optional<double> bops,
                                    std::optional<double> milliseconds,
                                    std::optional<double> relative_l2,
                                    std::vector<double> variables) {
  auto all = std::make_unique<Options>();
  if (mean_bits.has_value() + bops.has_value() + milliseconds.has_value() +
          relative_l2.has_value() >
      1)
    refuse("budget", "one of mean_bits, bops, milliseconds and relative_l2", "more of them",
           "Give one.");
  const auto set = [&](std::optional<double> b, int unit) {
    if (!b) return;
    all->o.unit = unit;
    all->o.budget = *b;
  };
  set(mean_bits, AMQ_MEAN_BITS);
  set(bops, AMQ_BOPS);
  set(milliseconds, AMQ_MILLISECONDS);
  set(relative_l2, AMQ_RELATIVE_L2);
  all->variables = std::move(variables);
  all->o.variables = all->variables.data();
  all->o.n_variables = static_cast<std::int64_t>(all->variables.size());
  return all;
}

py::dict as_dict(const amq_report& r, const py::object& node_bits) {
  py::dict d;
  d["mean_bits"] = r.mean_bits;
  d["bops"] = r.bops;
  d["bops_allowed"] = r.bops_allowed;
  d["bops_of_choosing"] = r.bops_of_choosing;
  d["bops_of_float"] = r.bops_of_float;
  d["milliseconds"] = r.milliseconds;
  d["milliseconds_planned"] = r.milliseconds_planned;
  d["milliseconds_allowed"] = r.milliseconds_allowed;
  d["outside"] = r.outside;
  d["outside_box"] = r.outside_box;
  d["outside_nodes"] = r.outside_nodes;
  d["outside_edges"] = r.outside_edges;
  d["outside_given"] = r.outside_given;
  d["outside_channel"] = r.outside_channel;
  d["inverted_cells"] = r.inverted_cells;
  d["flat_cells"] = r.flat_cells;
  d["doubled_cells"] = r.doubled_cells;
  d["bodies"] = r.bodies;
  d["unmarked_boundary_nodes"] = r.unmarked_boundary_nodes;
  d["saturated"] = r.saturated;
  d["cut_share"] = r.cut_share;
  d["node_bits"] = node_bits;
  return d;
}

class Rollout {
 public:
  Rollout(amq_mesh* mesh, std::int64_t rows, std::int64_t channels, const py::object& start,
          const Options& o)
      : rows_(rows), channels_(channels) {
    const amq_array a = as_array(an_array(start, "rollout, start"), "rollout, start", false);
    run([&] { return amq_rollout_new(mesh, &a, &o.o, &handle_); });
  }
  Rollout(const Rollout&) = delete;
  Rollout& operator=(const Rollout&) = delete;
  ~Rollout() { amq_rollout_close(handle_); }

  void allocate_every(std::int64_t n) {
    run([&] { return amq_rollout_allocate_every(handle_, n); });
  }
  py::dict step(const py::object& boundary) {
    amq_report r = amq_report_init();
    struct Host {
      const py::object* call;
      std::exception_ptr error;
    } host{&boundary, nullptr};
    const amq_boundary f = [](void* h, float* state, std::int64_t rows, std::int64_t channels) {
      Host& here = *static_cast<Host*>(h);
      const py::gil_scoped_acquire held;
      try {
        // The state itself: it must not be kept after the call.
        const py::array_t<float> view({rows, channels}, state, py::capsule(state, [](void*) {}));
        (*here.call)(view);
        return 0;
      } catch (...) {
        here.error = std::current_exception();
        return 1;
      }
    };
    const auto go = [&] {
      return amq_rollout_step(handle_, boundary.is_none() ? nullptr : f, &host, &r);
    };
    int status = AMQ_OK;
    std::string text;
    {
      const py::gil_scoped_release free;
      status = go();
      if (status != AMQ_OK) text = amq_last_error();
    }
    if (host.error) std::rethrow_exception(host.error);
    if (status != AMQ_OK) refuse(text, status);
    return as_dict(r, py::none());
  }
  py::array_t<float> state() {
    py::array_t<float> out({rows_, channels_});
    const amq_array a = as_array(out, "rollout, state", true);
    run([&] { return amq_rollout_state(handle_, &a); });
    return out;
  }

 private:
  std::int64_t rows_, channels_;
  amq_rollout* handle_ = nullptr;
};

class Mesh {
 public:
  Mesh(amq_mesh* handle, const amq_info& info) : handle_(handle), info_(info) {
    run([&] { return amq_rows(handle_, &rows_); });
  }
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  ~Mesh() { amq_mesh_close(handle_); }

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  void measure() {
    run([&] { return amq_measure(handle_); });
  }
  py::object solve(const py::object& field, std::optional<double> mean_bits,
                   std::optional<double> bops, std::optional<double> milliseconds,
                   std::optional<double> relative_l2, std::vector<double> variables,
                   const py::object& out, bool report) {
    const py::array given = an_array(field, "solve, given");
    const amq_array a = as_array(given, "solve, given", false);
    const auto o = as_options(mean_bits, bops, milliseconds, relative_l2, std::move(variables));
    py::array into;
    if (out.is_none()) {
      std::vector<py::ssize_t> shape{rows_};
      if (given.ndim() == 2 || info_.solution > 1) shape.push_back(info_.solution);
      into = py::array(given.dtype(), shape);
    } else {
      into = an_array(out, "solve, out");
    }
    const amq_array u = as_array(into, "solve, out", true);
    amq_report r = amq_report_init();
    py::object bits = py::none();
    if (report && !info_.on_grid) {
      py::array_t<float> room(rows_);
      r.node_bits = room.mutable_data();
      r.n_node_bits = rows_;
      bits = room;
    }
    run([&] { return amq_solve(handle_, &a, &u, &o->o, &r); });
    if (!report) return into;
    return py::make_tuple(into, as_dict(r, bits));
  }
  std::unique_ptr<Rollout> rollout(const py::object& start, std::optional<double> mean_bits,
                                   std::optional<double> bops, std::optional<double> milliseconds,
                                   std::optional<double> relative_l2,
                                   std::vector<double> variables) {
    const auto o = as_options(mean_bits, bops, milliseconds, relative_l2, std::move(variables));
    return std::make_unique<Rollout>(handle_, rows_, info_.given, start, *o);
  }

 private:
  amq_mesh* handle_;
  amq_info info_;
  std::int64_t rows_ = 0;
};

class Solver {
 public:
  Solver(const py::object& file, int threads) {
    if (threads < 1) refuse("load, threads", "1 or more", std::to_string(threads), "Give 1.");
    amq_executor e{};
    if (threads > 1) {
      pool_ = std::make_unique<amq::ThreadPool>(static_cast<std::size_t>(threads));
      e.threads = static_cast<std::size_t>(threads);
      e.host = pool_.get();
      e.parallel_for = [](void* host, std::size_t n, std::size_t grain, amq_body body, void* w) {
        static_cast<amq::ThreadPool*>(host)->parallel_for(
            n, grain, [&](std::size_t b, std::size_t end) { body(w, b, end); });
        return 0;
      };
    }
    const amq_executor* executor = pool_ ? &e : nullptr;
    if (py::isinstance<py::bytes>(file)) {
      char* data = nullptr;
      py::ssize_t n = 0;
      PyBytes_AsStringAndSize(file.ptr(), &data, &n);
      run([&] {
        return amq_open_memory(data, static_cast<std::size_t>(n), nullptr, executor, &handle_);
      });
    } else {
      const py::object path = py::module_::import("os").attr("fspath")(file);
      const auto text = path.cast<std::string>();
      run([&] { return amq_open(text.c_str(), executor, &handle_); });
    }
    run([&] { return amq_inspect(handle_, &info_); });
  }
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;
  ~Solver() { amq_close(handle_); }

  std::unique_ptr<Mesh> mesh(const py::object& nodes, const py::object& corners,
                             const py::object& node_type, bool mark_boundary, int cell_dim) {
    using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;
    using Ids = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
    using Types = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;
    const auto kind = [](const py::array& a) { return a.dtype().kind(); };
    const py::array points = an_array(nodes, "mesh, points"),
                    cells = an_array(corners, "mesh, cells");
    if (points.ndim() != 2 || kind(points) != 'f')
      refuse("mesh, points", "floats (node, dim)", type_text(points) + " of " + shape_text(points),
             "Give one row per node.");
    if (cells.ndim() != 2 || (kind(cells) != 'i' && kind(cells) != 'u'))
      refuse("mesh, cells", "integers (cell, corner)",
             type_text(cells) + " of " + shape_text(cells),
             "Give the ids of each cell's nodes, from 0.");
    const Doubles p(points);
    const Ids c(cells);
    if (!py::bool_(py::module_::import("numpy").attr("array_equal")(c, cells)))
      refuse("mesh, cells", "ids of 32 bits", "larger ones", "Are the ids right?");
    Types types;
    amq_mesh_data d = amq_mesh_data_init();
    if (!node_type.is_none()) {
      const py::array given = py::array::ensure(node_type);
      if (!given || given.ndim() != 1 || given.shape(0) != p.shape(0) ||
          (kind(given) != 'i' && kind(given) != 'u'))
        refuse("mesh, node_type", "integers (" + std::to_string(p.shape(0)) + ",)",
               given ? type_text(given) + " of " + shape_text(given) : "no array",
               "Give a type for every node, see amq.NodeType.");
      types = Types(given);
      d.node_type = types.data();
    }
    d.dim = static_cast<std::int32_t>(p.shape(1));
    d.nodes_per_cell = static_cast<std::int32_t>(c.shape(1));
    d.cell_dim = cell_dim;
    d.mark_boundary = mark_boundary;
    d.n_nodes = p.shape(0);
    d.n_cells = c.shape(0);
    d.points = p.data();
    d.cells = c.data();
    amq_mesh* made = nullptr;
    run([&] { return amq_mesh_new(handle_, &d, &made); });
    return std::make_unique<Mesh>(made, info_);
  }
  std::unique_ptr<Mesh> grid(const py::args& axes) {
    std::vector<std::vector<double>> all;
    for (const auto& a : axes) all.push_back(py::cast<std::vector<double>>(a));
    std::vector<const double*> at;
    std::vector<std::int64_t> n;
    for (const auto& a : all) {
      at.push_back(a.data());
      n.push_back(static_cast<std::int64_t>(a.size()));
    }
    amq_mesh* made = nullptr;
    run([&] {
      return amq_grid_new(handle_, static_cast<int>(n.size()), n.data(), at.data(), &made);
    });
    return std::make_unique<Mesh>(made, info_);
  }
  void out_of_range(int policy, double tolerance) {
    run([&] { return amq_out_of_range(handle_, policy, tolerance); });
  }
  [[nodiscard]] py::dict info() const {
    py::dict d;
    d["network"] = info_.network;
    d["scheme"] = info_.scheme;
    d["on_grid"] = info_.on_grid != 0;
    d["adaptive"] = info_.adaptive != 0;
    d["marks_boundary"] = info_.marks_boundary != 0;
    d["rolls_out"] = info_.rolls_out != 0;
    d["dim"] = info_.dim;
    d["levels"] = std::vector<int>(info_.levels, info_.levels + info_.n_levels);
    d["given"] = channels(0, info_.given);
    d["solution"] = channels(1, info_.solution);
    d["variables"] = info_.variables;
    d["parameters"] = info_.parameters;
    d["bytes"] = info_.bytes;
    d["nodes"] = py::make_tuple(info_.least_nodes, info_.most_nodes);
    d["budget"] = info_.budget;
    d["errors"] = held_out();
    return d;
  }
  [[nodiscard]] std::string network() const { return info_.network; }
  py::object training = py::none();  ///< what train() says of it

 private:
  /// (mean bits, relative L2) of every budget.
  [[nodiscard]] std::vector<std::pair<double, double>> held_out() const {
    std::vector<std::pair<double, double>> all;
    for (std::int64_t k = 0; k < info_.held_out; ++k) {
      auto& e = all.emplace_back();
      run([&] { return amq_held_out_error(handle_, k, &e.first, &e.second); });
    }
    return all;
  }
  /// (name, unit) of every channel.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> channels(int of_solution,
                                                                          std::int64_t n) const {
    std::vector<std::pair<std::string, std::string>> all;
    for (std::int64_t k = 0; k < n; ++k) {
      char name[256] = "", unit[64] = "";
      run([&] {
        return amq_channel(handle_, of_solution, k, name, sizeof name, unit, sizeof unit);
      });
      all.emplace_back(name, unit);
    }
    return all;
  }
  std::unique_ptr<amq::ThreadPool> pool_;  // outlives what solves on it
  amq_solver* handle_ = nullptr;
  amq_info info_ = amq_info_init();
};

std::vector<std::string> networks() {
  std::vector<std::string> all;
  for (int k = 0; const char* name = amq_network_name(k); ++k) all.emplace_back(name);
  return all;
}

py::dict as_dict(const amq::training::QuantizeReport& r) {
  py::list layers;
  for (const amq::training::QuantizedLayer& l : r.layers) {
    py::dict d;
    d["weight"] = l.weight;
    d["point"] = l.point;
    d["weight_bits"] = l.weight_bits;
    d["row_bits"] = l.row_bits;
    d["bytes"] = l.bytes;
    d["bops"] = l.bops;
    d["of_weights"] = l.of_weights;
    d["of_rows"] = l.of_rows;
    d["share"] = l.share;
    d["milliseconds"] = l.milliseconds;
    layers.append(d);
  }
  py::dict d;
  d["layers"] = layers;
  d["error"] = r.error;
  d["bytes"] = r.bytes;
  d["bytes_of_float"] = r.float_bytes;
  d["bops"] = r.bops;
  d["bops_of_float"] = r.float_bops;
  d["milliseconds"] = r.milliseconds;
  d["scheme"] = r.scheme;
  d["float_difference"] = r.float_difference;
  return d;
}
/// What amq throws is raised, once the interpreter's lock is back.
template <typename Call>
void unlocked(const Call& call) {
  std::string refused;
  {
    const py::gil_scoped_release free;
    try {
      call();
    } catch (const amq::Error& e) {
      refused = e.what();
    }
  }
  if (!refused.empty()) refuse(refused, AMQ_ARGUMENT);
}

/// (error, bytes, bops, milliseconds)
using Bounds = std::array<double, 4>;
amq::training::QuantizeOptions quantize_options(const std::string& scheme, const Bounds& bounds) {
  amq::training::QuantizeOptions o;
  o.scheme = amq::arithmetics::SchemeInfo::named(scheme, "quantize, scheme");
  o.error = bounds[0];
  o.bytes = bounds[1];
  o.bops = bounds[2];
  o.milliseconds = bounds[3];
  return o;
}
/// See __init__.pyi. Samples are one array (sample, point..., channel) of float32.
py::dict quantize(const std::string& file, const py::array_t<float, py::array::c_style>& samples,
                  const std::string& to, const std::string& scheme, const Bounds& bounds) {
  amq::training::QuantizeReport r;
  const std::span<const float> values(samples.data(), static_cast<std::size_t>(samples.size()));
  const amq::io::Extents shape(samples.shape(), samples.shape() + samples.ndim());
  unlocked([&] {
    const auto o = quantize_options(scheme, bounds);
    for (const float x : values)
      if (!std::isfinite(x))
        throw amq::Error("quantize, samples", "finite numbers", std::to_string(x),
                         "Repair the fields, or leave them out.");
    amq::io::safetensors::File f = amq::io::safetensors::read(file);
    std::vector<amq::Field> few;
    // Who solves on meshes says so, whatever the shape.
    if (amq::any::quantizer_for(f).on_grid)
      amq::any::add_samples(f, values, shape, "quantize, samples", few);
    r = amq::any::quantize(std::move(f), few, to, o);
  });
  return as_dict(r);
}

/// (epoch) each.
py::dict as_arrays(const amq::training::LearningCurve& c) {
  py::dict d;
  const auto put = [&](const char* name, auto amq::training::LearningCurve::Row::*member) {
    using T = std::remove_cvref_t<decltype(c.back().*member)>;
    py::array_t<T> a(static_cast<py::ssize_t>(c.rows().size()));
    for (std::size_t k = 0; k < c.rows().size(); ++k)
      a.mutable_at(static_cast<py::ssize_t>(k)) = c.rows()[k].*member;
    d[name] = a;
  };
  put("epoch", &amq::training::LearningCurve::Row::epoch);
  put("updates", &amq::training::LearningCurve::Row::updates);
  put("seconds", &amq::training::LearningCurve::Row::seconds);
  put("lr", &amq::training::LearningCurve::Row::lr);
  put("training_loss", &amq::training::LearningCurve::Row::training);
  put("validation_loss", &amq::training::LearningCurve::Row::validation);
  return d;
}
py::dict as_dict(const amq::any::TrainingOutcome& r) {
  py::list budgets;
  for (const amq::any::HeldOut& h : r.budgets) {
    py::dict d;
    d["mean_bits"] = h.mean_bits;
    d["error"] = h.error;
    d["bops_of_float"] = h.bops_share;
    budgets.append(d);
  }
  py::dict d;
  d["network"] = r.network;
  d["scheme"] = r.scheme;
  d["parameters"] = r.parameters;
  d["bytes"] = r.bytes;
  d["training"] = r.training;
  d["validation"] = r.validation;
  d["float_error"] = r.float_error;
  d["mean_error"] = r.mean_error;
  d["budgets"] = budgets;
  d["float_curve"] = as_arrays(r.float_curve);
  d["curve"] = as_arrays(r.curve);
  return d;
}

/// A Python exception on its way through a training.
struct Raised {
  py::error_already_set error;
};
amq::training::ProgressCallback telling(const py::object& call) {
  if (call.is_none()) return {};
  return [&call](const amq::training::Progress& p) {
    const py::gil_scoped_acquire held;
    try {
      py::dict d;
      d["what"] = p.what;
      d["done"] = p.done;
      d["total"] = p.total;
      d["seconds"] = p.seconds;
      d["seconds_left"] = p.seconds_left;
      d["loss"] = p.loss;
      call(**d);
    } catch (py::error_already_set& e) {
      throw Raised{std::move(e)};
    }
  };
}
void look_for_signals() {
  const py::gil_scoped_acquire held;
  if (PyErr_CheckSignals() != 0) throw Raised{py::error_already_set()};
}

/// What _train.py has made of a sample: points (node, dim), cells (cell, corner), types (node) or
/// None, given and solution (node, channel), variables.
amq::Sample as_sample(const py::tuple& t, int cell_dim) {
  const auto points = t[0].cast<py::array_t<double, py::array::c_style>>();
  const auto cells = t[1].cast<py::array_t<std::int32_t, py::array::c_style>>();
  const auto field = [](const py::handle& h) {
    const auto a = h.cast<py::array_t<float, py::array::c_style>>();
    return amq::Field(Eigen::Map<const amq::Field>(a.data(), a.shape(0), a.shape(1)));
  };
  amq::Sample s{{}, field(t[3]), field(t[4]), t[5].cast<std::vector<double>>()};
  s.mesh.dim = static_cast<int>(points.shape(1));
  s.mesh.nodes_per_cell = static_cast<int>(cells.shape(1));
  s.mesh.cell_dim = cell_dim;
  s.mesh.points.assign(points.data(), points.data() + points.size());
  s.mesh.cells.assign(cells.data(), cells.data() + cells.size());
  if (!t[2].is_none()) {
    const auto types = t[2].cast<py::array_t<std::uint8_t, py::array::c_style>>();
    for (py::ssize_t i = 0; i < types.size(); ++i)
      s.mesh.node_type.push_back(static_cast<amq::NodeType>(types.at(i)));
  }
  return s;
}

/// Boundaries of samples without types become walls, where that is asked for.
void mark(std::vector<amq::Sample>& samples, bool boundary) {
  if (!boundary) return;
  for (amq::Sample& s : samples)
    if (s.mesh.node_type.empty()) amq::mesh::mark_boundary(s.mesh);
}
/// The same of a network on meshes. Samples as _mesh.py makes them.
py::dict quantize_meshes(const std::string& file, const py::list& samples, const std::string& to,
                         const std::string& scheme, const Bounds& bounds, bool mark_boundary,
                         int cell_dim) {
  std::vector<amq::Sample> few;
  for (const auto& s : samples) few.push_back(as_sample(s.cast<py::tuple>(), cell_dim));
  amq::training::QuantizeReport r;
  unlocked([&] {
    const auto o = quantize_options(scheme, bounds);
    mark(few, mark_boundary);
    r = amq::any::quantize(amq::io::safetensors::read(file), few, to, o);
  });
  return as_dict(r);
}
/// What a network reads of a sample under an encoding, as files keep it: u (node, input), x (node,
/// dim), sender and receiver (2, edge), relative positions (edge, dim + 1), variables (node,
/// variable), nodes of clusters (cluster, most) filled up with the number of nodes, types (node).
/// @param cluster_size  0: no clusters
py::tuple mesh_inputs(const py::tuple& sample, const std::string& encoding, bool mark_boundary,
                      int cell_dim, int cluster_size) {
  std::vector<amq::Sample> one{as_sample(sample, cell_dim)};
  amq::models::GraphSample s;
  amq::core::Matrix edges;
  amq::mesh::Clusters clusters;
  unlocked([&] {
    const auto e =
        amq::solver::stored::parsed<amq::solver::MeshEncoding>(encoding, {}, "mesh_inputs");
    e.check();
    mark(one, mark_boundary);
    const amq::Mesh& mesh = one.front().mesh;
    static_cast<void>(amq::solver::examine(mesh, e.neighbours == 0));
    s = e.encode(mesh, amq::view(one.front().given), one.front().variables);
    amq::mesh::ClusterOptions o;
    o.capacity = cluster_size;
    if (cluster_size > 0)
      clusters = amq::mesh::same_size_clusters(amq::view(std::as_const(s.x)), o);
    edges.resize(s.graph.n_edges(), s.x.cols() + 1);
    amq::models::relative_positions(amq::view(std::as_const(s.x)), s.graph, amq::view(edges));
  });
  const auto matrix = [](const amq::core::Matrix& m) {
    py::array_t<float> a({m.rows(), m.cols()});
    std::copy_n(m.data(), m.size(), a.mutable_data());
    return a;
  };
  py::array_t<std::int64_t> ends({static_cast<py::ssize_t>(2), s.graph.n_edges()});
  std::copy(s.graph.sender.begin(), s.graph.sender.end(), ends.mutable_data());
  std::copy(s.graph.receiver.begin(), s.graph.receiver.end(),
            ends.mutable_data() + s.graph.n_edges());
  const auto& types = one.front().mesh.node_type;
  py::array_t<std::uint8_t> type(static_cast<py::ssize_t>(types.size()));
  for (std::size_t i = 0; i < types.size(); ++i)
    type.mutable_at(static_cast<py::ssize_t>(i)) = static_cast<std::uint8_t>(types[i]);
  py::array_t<std::int64_t> members({clusters.n_clusters(), clusters.largest()});
  std::fill_n(members.mutable_data(), members.size(), static_cast<std::int64_t>(s.u.rows()));
  for (amq::Index c = 0; c < clusters.n_clusters(); ++c)
    std::copy(clusters.members(c).begin(), clusters.members(c).end(), members.mutable_data(c, 0));
  return py::make_tuple(matrix(s.u), matrix(s.x), ends, matrix(edges), matrix(s.v), members, type);
}

/// See __init__.py.
py::array_t<double> boundary_distance(const py::tuple& sample, int cell_dim) {
  const amq::Sample s = as_sample(sample, cell_dim);
  std::vector<double> all;
  unlocked([&] {
    static_cast<void>(amq::solver::examine(s.mesh, true));
    all = amq::mesh::boundary_distance(s.mesh);
  });
  return py::array_t<double>(static_cast<py::ssize_t>(all.size()), all.data());
}

/// See _train.py.
py::dict train(const py::list& samples, const std::string& network,
               const std::vector<amq::any::NamedOption>& options, const py::object& progress,
               const std::vector<std::string>& given, const std::vector<std::string>& solution,
               bool mark_boundary, int cell_dim, const std::string& to) {
  std::vector<amq::Sample> all;
  for (const auto& s : samples) all.push_back(as_sample(s.cast<py::tuple>(), cell_dim));
  amq::any::TrainingCall call;
  call.network = network;
  call.options = options;
  call.given_names = given;
  call.solution_names = solution;
  call.mark_boundary = mark_boundary;
  call.progress = telling(progress);
  call.interrupt = &look_for_signals;
  amq::any::TrainingOutcome r;
  std::string refused;
  {
    const py::gil_scoped_release free;
    try {
      r = amq::any::train(all, call, to);
    } catch (const amq::Error& e) {
      refused = e.what();
    } catch (Raised& e) {
      const py::gil_scoped_acquire held;
      throw py::error_already_set(std::move(e.error));
    }
  }
  if (!refused.empty()) refuse(refused, AMQ_ARGUMENT);
  return as_dict(r);
}
std::vector<std::string> trainable() {
  std::vector<std::string> all;
  for (const amq::any::Trainer& t : amq::any::trainers()) all.emplace_back(t.name);
  return all;
}

}  // namespace

PYBIND11_MODULE(_amq, m) {
#if PYBIND11_VERSION_HEX < 0x020C0000
  // Its arrays have the sizes that numpy 1 keeps elsewhere: they would be read as 0.
  const std::string numpy = py::str(py::module_::import("numpy").attr("__version__"));
  if (!numpy.starts_with("1."))
    throw py::import_error("amq: expected numpy 1, for which it was built with pybind11 " +
                           std::to_string(PYBIND11_VERSION_MAJOR) + "." +
                           std::to_string(PYBIND11_VERSION_MINOR) + ", found numpy " + numpy +
                           ". Build with pybind11 2.12 or newer: pip install .");
#endif
  error_type() = py::module_::import("amq._error").attr("Error");
  m.def("version", &amq_version);
  m.def("instruction_set", &amq_instruction_set);
  m.def("networks", &networks);
  using py::arg;
  const auto none = py::none();
  m.def("_quantize", &quantize);
  m.def("_quantize_meshes", &quantize_meshes);
  m.def("_mesh_inputs", &mesh_inputs);
  m.def("_boundary_distance", &boundary_distance);
  m.def("_train", &train);
  // (theirs, amq's) beginnings of names, and (parameter, order of blocks of columns).
  m.def("_pyg_names", [](amq::Index layers, int hidden_layers) {
    const auto names = amq::io::pyg_names(layers, hidden_layers);
    std::vector<std::pair<std::string, std::vector<int>>> columns;
    for (const auto& c : names.columns) columns.emplace_back(c.parameter, c.order);
    return std::make_pair(names.rename, columns);
  });
  m.def("trainable", &trainable);
  py::class_<Rollout>(m, "Rollout")
      .def("allocate_every", &Rollout::allocate_every, arg("steps"))
      .def("step", &Rollout::step, arg("boundary") = none)
      .def_property_readonly("state", &Rollout::state);
  py::class_<Mesh>(m, "Mesh")
      .def_property_readonly("rows", &Mesh::rows)
      .def("measure", &Mesh::measure)
      .def("solve", &Mesh::solve, arg("given"), py::kw_only(), arg("mean_bits") = none,
           arg("bops") = none, arg("milliseconds") = none, arg("relative_l2") = none,
           arg("variables") = std::vector<double>{}, arg("out") = none, arg("report") = false)
      .def("rollout", &Mesh::rollout, arg("start"), py::kw_only(), arg("mean_bits") = none,
           arg("bops") = none, arg("milliseconds") = none, arg("relative_l2") = none,
           arg("variables") = std::vector<double>{}, py::keep_alive<0, 1>());
  py::class_<Solver>(m, "Solver")
      .def(py::init<const py::object&, int>(), arg("file"), arg("threads") = 1)
      .def("mesh", &Solver::mesh, arg("points"), arg("cells"), py::kw_only(),
           arg("node_type") = none, arg("mark_boundary") = false, arg("cell_dim") = 0,
           py::keep_alive<0, 1>())
      .def("grid", &Solver::grid, py::keep_alive<0, 1>())
      .def("out_of_range", &Solver::out_of_range, arg("policy"), arg("tolerance") = 0.0)
      .def_property_readonly("network", &Solver::network)
      .def_readwrite("training", &Solver::training)
      .def_property_readonly("info", &Solver::info);
}
