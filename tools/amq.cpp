// The tool: looks into model files, solves on mesh files, times a model on this machine.
#include "any_quantizer.hpp"
#include "any_solver.hpp"
#include "arguments.hpp"
#include "boundary_channel.hpp"
#include "fit.hpp"

#include <amq/config.hpp>
#include <amq/core/from_text.hpp>
#include <amq/core/thread_pool.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/io/vtu.hpp>
#include <amq/mesh/sides.hpp>
#include <amq/simd/arch.hpp>
#include <amq_lab/data/gmsh.hpp>
#include <amq_lab/data/npy.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace amq;
using namespace amq::training;
using tool::Arguments;
using tool::refuse;

namespace {

constexpr const char* usage = R"(amq: quantized neural PDE solvers

  amq inspect FILE                     what a model file holds, and what it was trained on
  amq bench FILE [--threads N] [--runs N]
                                       bit operations and milliseconds at every level, of a solve and
                                       of each layer beside float, on the problem of the self-test
  amq solve FILE MESH -o OUT.vtu       solves on a mesh of gmsh (.msh) or of VTK (.vtk legacy, .vtu)
      --given WHAT                     an .npy of (node, channel), or a number for each channel,
                                       as 7.5,7.5; without it, fields of .vtk or .vtu by their names
      --bits B | --bops B              the budget; without it, the file's
      --mark GROUP=TYPE                gmsh: nodes of a physical group are normal, obstacle, disabled,
                                       handle, inflow, outflow or wall; any number of times. Without
                                       any, the boundary of a plane mesh is wall
      --threads N
  amq quantize FLOAT --samples WHAT -o OUT
                                       a float file in integers, without training: what each layer
                                       costs, and its share of the error
      --samples WHAT                   on grids an .npy of (sample, point..., channel), or a folder of
                                       them; on meshes a folder as of amq fit, solved or not
      --given A,B                      fields of the files that are given
      --scheme S                       w8a8_by_range unless said otherwise
      --error E                        as few bits of weights as keep the change of the answers
                                       within this share, or more bits where it needs them
      --bytes N                        most bytes: weights of 4 and 2 bits where a byte saved spoils least
      --bops N                         most bit operations of a pass: the same of weights, and of each
                                       layer's rows
      --milliseconds T                 most time of a pass here, on one thread: fewer bits where they save
                                       any. Bounds hold together
  amq fit DATA -o OUT --network NAME   trains a solver on solved problems: a folder of .npz with points,
                                       cells, given, solution and node_type, or of .vtk or .vtu
      --given A,B  --solution C        fields that are given and sought, by their names in the files; a comma
                                       of a name is written \,
      --kind K                         adaptive, uniform or quantized (without further training)
      --budget B | --bits B            mean bits of adaptive; bits of the others
      --folder F                       a run that was stopped goes on from there
      --epochs N  --quantized-epochs N  --batch N  --lr X  --loss L  --validation X  --seed N
      --imposed TYPE:CHANNEL=VALUE     known boundary values, as wall:u=0,inflow:u=1.5
      --boundary-distance yes          a further given channel, which amq solve then adds, too
      --threads N  --hidden N  --layers N
                                       and all other options and sizes, see docs/train.md
  amq networks                         the networks that are compiled in
  amq version
)";

/// A solver, and the threads it solves on.
struct Opened {
  safetensors::File file;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<any::Solver> solver;
  any::Facts facts;

  explicit Opened(const std::string& path, std::size_t threads = 1)
      : file(safetensors::read(path)),
        pool(threads > 1 ? std::make_unique<ThreadPool>(threads) : nullptr),
        solver(any::load(file, pool ? static_cast<Executor&>(*pool) : serial_executor())),
        facts(solver->facts()) {}
};

std::string range_text(const std::vector<SeenRange>& r, std::size_t k) {
  char text[80] = "not known";
  if (k < r.size() && !r[k].empty())
    std::snprintf(text, sizeof text, "%.6g to %.6g", r[k].low, r[k].high);
  return text;
}
void print_channels(const char* what, Index n, const std::vector<std::string>& names,
                    const std::vector<std::string>& units, const std::vector<SeenRange>& seen) {
  for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k) {
    const std::string name = k < names.size() ? names[k] : "",
                      unit = k < units.size() ? units[k] : "";
    std::printf("%-10s %2zu  %-12s %-8s trained on %s\n", what, k,
                name.empty() ? "-" : name.c_str(), unit.c_str(), range_text(seen, k).c_str());
  }
}

int inspect(const Arguments& a) {
  a.want(1, "amq inspect FILE");
  const Opened o(a.rest[0]);
  const any::Facts& f = o.facts;
  std::printf("network    %s, on %s of %d dimensions\n", f.network.c_str(),
              f.on_grid ? "grids" : "meshes", f.dim);
  std::printf("scheme     %s\n", f.scheme.c_str());
  std::printf("budget     %s\n", f.adaptive ? "any mean bits between the levels: rows differ"
                                            : "one of the levels: all rows alike");
  std::printf("size       %td numbers, %.0f bytes as codes, steps and biases\n", f.parameters,
              f.bytes);
  std::printf("boundary   %s\n",
              f.marks_boundary ? "the network reads types of nodes" : "not read");
  std::printf("in time    %s\n", f.rolls_out ? "its solution can be given again" : "steady");
  if (f.variables > 0) std::printf("variables  %td of time and parameters\n", f.variables);
  print_channels("given", f.given, f.seen.given_names, f.seen.given_units, f.seen.given);
  print_channels("solution", f.solution, f.seen.solution_names, f.seen.solution_units,
                 f.seen.solution);
  for (std::size_t d = 0; d < f.seen.box.size(); ++d)
    std::printf("axis       %2zu  %s %s\n", d, range_text(f.seen.box, d).c_str(),
                f.seen.length_unit.c_str());
  if (!f.seen.nodes.empty())
    std::printf("nodes      %.0f to %.0f, edges of %.3g to %.3g\n", f.seen.nodes.low,
                f.seen.nodes.high, f.seen.edges.low, f.seen.edges.high);
  if (!f.seen.errors.empty())
    std::printf("\n%9s %28s\n", "mean bits", "relative L2 on held-out data");
  for (const HeldOutError& e : f.seen.errors)
    std::printf("%9.3g %27.3g%%\n", e.mean_bits, 100 * e.relative_l2);
  if (!f.row_bits.empty()) std::printf("\n");
  for (const auto& [name, bits] : f.row_bits)
    std::printf("rows of %-40s %2d bits, at any budget\n", name.c_str(), bits);
  std::printf("\n%-48s %-16s %10s %5s %10s\n", "parameter", "shape", "numbers", "bits", "bytes");
  for (const auto& [name, t] : o.file.tensors) {
    if (name.starts_with("self_test.") || name.starts_with("quant.") ||
        name.find(".quant.") != name.npos)
      continue;
    std::string shape;
    Index n = 1;
    for (const Index s : t.shape) shape += (shape.empty() ? "" : " x ") + std::to_string(s), n *= s;
    const auto own = f.weight_bits.find(name);
    const int bits = t.dtype == DType::f32 || t.dtype == DType::f64 ? 32
                     : own != f.weight_bits.end()
                         ? own->second
                         : SchemeInfo::named(f.scheme, "scheme").weight_bits;
    std::printf("%-48s %-16s %10td %5d %10.0f\n", name.c_str(), shape.c_str(), n, bits,
                static_cast<double>(n) * bits / 8);
  }
  return 0;
}

/// Where the self-test of a file is solved.
std::unique_ptr<any::Place> self_test(const Opened& o) {
  const safetensors::File& f = o.file;
  if (o.facts.on_grid) {
    std::vector<std::vector<double>> axes;
    for (int d = 0; d < o.facts.dim; ++d)
      axes.push_back(f.at("self_test.axis." + std::to_string(d)).as<double>());
    return o.solver->on(axes);
  }
  Mesh mesh;
  mesh.dim = o.facts.dim;
  mesh.nodes_per_cell = static_cast<int>(f.at("self_test.cells").shape[1]);
  mesh.points = f.at("self_test.points").as<double>();
  mesh.cells = f.at("self_test.cells").as<std::int32_t>();
  for (const auto t : f.at("self_test.node_type").as<std::uint8_t>())
    mesh.node_type.push_back(static_cast<NodeType>(t));
  return o.solver->on(mesh);
}

/// Milliseconds of each product by itself; and what the level of most bits gains over float.
void print_layers(const any::LayerTimes& all, const std::vector<int>& levels, int runs) {
  std::printf("\nmilliseconds of each product alone, one thread, the least of %d\n", runs);
  std::printf("%-32s %-22s %9s", "weight", "rows x in x out", "float");
  for (const int b : levels)
    if (b != 0) std::printf(" %9d", b);
  std::printf(" %12s\n", "float over it");
  for (const any::LayerTime& l : all.layers) {
    const std::string sizes =
        std::to_string(l.rows) + " x " + std::to_string(l.in) + " x " + std::to_string(l.out);
    std::printf("%-32s %-22s %9.4f", l.weight.c_str(), sizes.c_str(), l.float_milliseconds);
    for (std::size_t k = 0; k < levels.size(); ++k)
      if (levels[k] != 0) std::printf(" %9.4f", l.milliseconds[k]);
    const double most = l.milliseconds.back();
    std::printf(" %12.2f\n", most > 0 ? l.float_milliseconds / most : 0);
  }
}

int bench(const Arguments& a) {
  a.want(1, "amq bench FILE");
  const auto threads = static_cast<std::size_t>(a.number("--threads", 1, 1, 1024));
  const auto runs = static_cast<int>(a.number("--runs", 11, 1, 1e6));
  const Opened o(a.rest[0], threads);
  const auto place = self_test(o);
  const auto& given = o.file.at("self_test.a");
  const auto values = given.as<float>();
  const MatrixView<const float> field(values.data(), given.shape[0], given.shape[1]);
  any::Wishes wishes{any::Unit::mean_bits, 8, {}};
  if (o.facts.variables > 0) wishes.variables = o.file.at("self_test.variables").as<double>();
  std::printf("%s, %td rows, %zu thread%s, %s, median of %d\n\n", o.facts.network.c_str(),
              place->rows(), threads, threads == 1 ? "" : "s", simd::Native::name, runs);
  std::printf("%9s %16s %15s %13s\n", "mean bits", "bit operations", "share of float",
              "milliseconds");
  const any::LayerTimes layers = place->layer_times(runs);
  double float_bops = 0;
  const auto print = [&](const char* level, double bops, double milliseconds) {
    std::printf("%9s %16.4g %14.2f%% %13.3f\n", level, bops, 100 * bops / float_bops, milliseconds);
  };
  for (const int b : o.facts.levels) {
    if (b == 0) continue;
    wishes.budget = b;
    Solution s;
    std::vector<double> ms;
    try {
      for (int k = 0; k <= runs; ++k) {  // the first takes memory
        const auto begun = std::chrono::steady_clock::now();
        place->solve(field, wishes, s);
        ms.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
                .count());
      }
    } catch (const Error& e) {  // choosing bits alone costs more
      std::printf("%9d  %s\n", b, e.expected().c_str());
      continue;
    }
    if (float_bops == 0) {
      float_bops = static_cast<double>(s.report.float_bops);
      print("float", float_bops, layers.float_milliseconds);
    }
    std::nth_element(ms.begin() + 1, ms.begin() + 1 + runs / 2, ms.end());
    print(std::to_string(b).c_str(), static_cast<double>(s.report.bops),
          ms[static_cast<std::size_t>(1 + runs / 2)]);
  }
  std::printf("float: a pass in float32 by amq's own kernels, one thread, the least of %d\n", runs);
  print_layers(layers, o.facts.levels, runs);
  return 0;
}

MeshSample mesh_of(const Arguments& a, const std::string& path) {
  const auto marks = a.all("--mark");
  MeshSample s;
  if (path.ends_with(".msh")) {
    lab::GmshFile file = lab::read_gmsh(path);
    for (const std::string& m : marks) {
      const std::size_t at = m.rfind('=');
      if (at == m.npos) refuse("--mark", "GROUP=TYPE", "'" + m + "'", "E.g. --mark inlet=inflow.");
      mark_facets(file, m.substr(0, at),
                  stored::named<NodeType>(m.substr(at + 1), "--mark", "Write --mark GROUP=TYPE."));
    }
    s.mesh = std::move(file.mesh);
  } else if (path.ends_with(".vtk") || path.ends_with(".vtu")) {
    s = tool::read_fields(path);
    if (!marks.empty())
      refuse("--mark", "a file of gmsh, which has physical groups", path, "Leave --mark out.");
  } else {
    refuse(path, "a mesh of gmsh (.msh) or of VTK (.vtk legacy, .vtu)", "another ending",
           "Convert it, e.g. with meshio.");
  }
  const bool typed = std::any_of(s.mesh.node_type.begin(), s.mesh.node_type.end(),
                                 [](NodeType t) { return t != NodeType::normal; });
  if (!typed && marks.empty() && s.mesh.cell_dimension() == 2) mark_boundary(s.mesh);
  return s;
}

/// Of an .npy: how many channels it has.
Index columns_of(const std::string& path) {
  const Array array = lab::npy::read(path);
  return array.shape.size() > 1 ? array.shape[1] : 1;
}

/// @param channels  that are asked for
Field given_of(const Arguments& a, const MeshSample& s, const any::Facts& f, Index channels) {
  const Index n = s.mesh.n_nodes();
  Field field(n, channels);
  const auto given = a["--given"];
  if (!given) {
    for (Index c = 0; c < channels; ++c) {
      const auto k = static_cast<std::size_t>(c);
      const std::string name = k < f.seen.given_names.size() ? f.seen.given_names[k] : "";
      const auto found = s.node.find(name);
      if (name.empty() || found == s.node.end())
        refuse("--given", "numbers for " + std::to_string(channels) + " channels",
               name.empty() ? "none" : "no point data '" + name + "' in the mesh file",
               "Give an .npy of (node, channel), or a number for each channel.");
      if (static_cast<Index>(found->second.size()) != n)
        refuse("point data '" + name + "'", "a number a node", std::to_string(found->second.size()),
               "Give one channel by one name.");
      for (Index i = 0; i < n; ++i)
        field(i, c) = static_cast<float>(found->second[static_cast<std::size_t>(i)]);
    }
    return field;
  }
  if (given->ends_with(".npy")) {
    const Array array = lab::npy::read(*given);
    const Index columns = array.shape.size() > 1 ? array.shape[1] : 1;
    if (array.shape.empty() || array.shape.size() > 2 || array.shape[0] != n || columns != channels)
      refuse(*given, "(" + std::to_string(n) + ", " + std::to_string(channels) + ") numbers",
             text_of(array.shape), "Give a row for every node of the mesh.");
    const auto values = array.as<double>();
    for (Index i = 0; i < n * columns; ++i)
      field.data()[i] = static_cast<float>(values[static_cast<std::size_t>(i)]);
    return field;
  }
  std::string_view left = *given;
  for (Index c = 0; c < channels; ++c) {
    const std::size_t end = left.find(',');
    const std::string one(left.substr(0, end));
    const bool last = c + 1 == channels;
    if (last != (end == left.npos))
      refuse("--given", std::to_string(channels) + " numbers, one a channel", "'" + *given + "'",
             "Write them as 7.5,7.5.");
    field.col(c).setConstant(static_cast<float>(Arguments::parsed("--given", one, -1e38, 1e38)));
    if (!last) left.remove_prefix(end + 1);
  }
  return field;
}
/// The same with the distance from the boundary, where training added it and the user does not give
/// it: an array or a mesh file may.
Field given_of(const Arguments& a, const MeshSample& s, const any::Facts& f) {
  if (!any::has_boundary_channel(f.seen.given_names)) return given_of(a, s, f, f.given);
  const auto given = a["--given"];
  const bool told = given ? given->ends_with(".npy") && columns_of(*given) == f.given
                          : s.node.contains(any::boundary_channel);
  if (told) return given_of(a, s, f, f.given);
  if (given && f.given == 1)
    refuse("--given", "nothing: the only channel is the distance from the boundary",
           "'" + *given + "'", "Leave it out, or give an .npy of (node, 1).");
  return any::with_boundary_channel(s.mesh, given_of(a, s, f, f.given - 1));
}

int solve(const Arguments& a) {
  a.want(2, "amq solve FILE MESH -o OUT.vtu");
  const auto out = a["-o"];
  if (!out) refuse("amq solve", "-o OUT.vtu", "no -o", "Say where the solution goes.");
  const Opened o(a.rest[0], static_cast<std::size_t>(a.number("--threads", 1, 1, 1024)));
  const MeshSample s = mesh_of(a, a.rest[1]);
  const Field given = given_of(a, s, o.facts);
  any::Wishes wishes;
  if (a["--bits"] && a["--bops"]) refuse("budget", "--bits or --bops", "both", "Give one.");
  if (a["--bits"]) wishes = {any::Unit::mean_bits, a.number("--bits", 0, 0, 64), {}};
  if (a["--bops"]) wishes = {any::Unit::bops, a.number("--bops", 0, 0, 1e300), {}};
  const auto place = o.solver->on(s.mesh);
  Solution u;
  place->solve(view(given), wishes, u);
  vtu::Grid grid(s.mesh);
  const auto put = [&](const Field& field, const std::vector<std::string>& names,
                       const char* stem) {
    for (Index c = 0; c < field.cols(); ++c) {
      const auto k = static_cast<std::size_t>(c);
      std::vector<float> column;
      for (Index i = 0; i < field.rows(); ++i) column.push_back(field(i, c));
      grid.point(k < names.size() && !names[k].empty() ? names[k] : stem + std::to_string(c),
                 column);
    }
  };
  put(given, o.facts.seen.given_names, "given");
  put(u.field, o.facts.seen.solution_names, "solution");
  if (!u.report.node_bits.empty()) grid.point("bits", u.report.node_bits);
  grid.write(*out);
  const SolveReport& r = u.report;
  std::printf("%td nodes, %.4g bit operations (%.2f %% of float), %.2g outside of training\n",
              s.mesh.n_nodes(), static_cast<double>(r.bops),
              100 * static_cast<double>(r.bops) / static_cast<double>(r.float_bops),
              r.outside.largest());
  if (r.saturated > 0)
    std::printf("%lld rows of messages were cut at the largest word: calibrate on such fields\n",
                static_cast<long long>(r.saturated));
  if (r.cut_share > 0)
    std::printf("%.2g %% of rows had numbers beyond their static range\n", 100 * r.cut_share);
  return 0;
}

std::vector<std::string> sample_files(const std::string& what) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(what)) return {what};
  std::vector<std::string> all;
  for (const auto& e : fs::directory_iterator(what))
    if (e.path().extension() == ".npy") all.push_back(e.path().string());
  if (all.empty()) refuse("--samples " + what, "files .npy", "none", "Save samples by numpy.save.");
  std::sort(all.begin(), all.end());
  return all;
}

int quantize(const Arguments& a) {
  a.want(1, "amq quantize FLOAT --samples WHAT -o OUT");
  const auto out = a["-o"], samples = a["--samples"], scheme = a["--scheme"];
  if (!out) refuse("amq quantize", "-o OUT", "no -o", "Say where the model file goes.");
  if (!samples) refuse("amq quantize", "--samples WHAT", "none", "Give a few given fields.");
  QuantizeOptions o;
  if (scheme) o.scheme = SchemeInfo::named(*scheme, "--scheme");
  o.error = a.number("--error", 0, 0, 1);
  o.bytes = a.number("--bytes", 0, 1, 1e15);
  o.bops = a.number("--bops", 0, 1, 1e300);
  o.milliseconds = a.number("--milliseconds", 0, 1e-9, 1e15);
  safetensors::File file = safetensors::read(a.rest[0]);
  QuantizeReport r;
  if (any::quantizer_for(file).on_mesh) {
    const auto few = tool::given_samples(a, *samples, any::reads_types(file));
    r = any::quantize(std::move(file), few, *out, o);
  } else {
    std::vector<Field> few;
    for (const std::string& name : sample_files(*samples)) {
      const Array array = lab::npy::read(name);
      any::add_samples(file, finite<float>(array, name), array.shape, name, few);
    }
    r = any::quantize(std::move(file), few, *out, o);
  }
  std::printf("%-32s %12s %10s %10s %12s %12s %10s %10s %8s\n", "weight", "weight bits", "row bits",
              "bytes", "operations", "milliseconds", "by weights", "by rows", "share");
  for (const QuantizedLayer& l : r.layers)
    std::printf("%-32s %12d %10.3g %10.0f %12.4g %12.4g %10.2g %10.2g %7.1f%%\n", l.weight.c_str(),
                l.weight_bits, l.row_bits, l.bytes, l.bops, l.milliseconds, l.of_weights, l.of_rows,
                100 * l.share);
  std::printf(
      "\n%s: %.0f bytes (%.1f %% of float), %.4g bit operations (%.2f %% of float) in "
      "%.3g ms, the answers change by %.2g\n",
      r.scheme.c_str(), r.bytes, 100 * r.bytes / r.float_bytes, r.bops, 100 * r.bops / r.float_bops,
      r.milliseconds, r.error);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc > 1 ? argv[1] : "--help";
  if (command == "inspect") return inspect({argc, argv, {}});
  if (command == "bench") return bench({argc, argv, {"--threads", "--runs"}});
  if (command == "solve")
    return solve({argc, argv, {"-o", "--given", "--bits", "--bops", "--mark", "--threads"}});
  if (command == "quantize")
    return quantize({argc,
                     argv,
                     {"-o", "--samples", "--given", "--scheme", "--error", "--bytes", "--bops",
                      "--milliseconds"}});
  if (command == "fit") return tool::fit({argc, argv, tool::fit_options()});
  if (command == "networks") {
    for (const auto& n : any::networks()) std::printf("%s\n", std::string(n.name).c_str());
    return 0;
  }
  if (command == "version" || command == "--version") {
    std::printf("amq %s, %s\n", AMQ_VERSION, simd::Native::name);
    return 0;
  }
  std::fputs(usage, command == "--help" ? stdout : stderr);
  return command == "--help" ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
