// Reads samples, trains, and says how wrong the solver is where it was not trained.
#include "fit.hpp"

#include "any_trainer.hpp"

#include <amq/mesh/sides.hpp>
#include <amq/solver/examine.hpp>
#include <amq_lab/data/npz.hpp>
#include <amq_lab/data/vtk_legacy.hpp>
#include <amq_lab/data/vtu.hpp>
#ifdef AMQ_TOOL_ZLIB
#include <amq_lab/data/npz_zlib.hpp>
#endif

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

namespace amq::tool {

using namespace training;
namespace {

#ifdef AMQ_TOOL_ZLIB
constexpr lab::Inflate inflate = &lab::zlib_inflate;
#else
constexpr lab::Inflate inflate = nullptr;
#endif

std::string option_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}
/// Options of any_trainer.hpp, and sizes of all networks.
std::set<std::string> trainer_names() {
  std::set<std::string> all;
  for (const std::string& n : any::option_names()) all.insert(n);
  for (const any::Trainer& t : any::trainers())
    for (const std::string& n : t.sizes()) all.insert(n);
  return all;
}

/// At commas, but for those behind a backslash, which are part of a name.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> all;
  std::string name;
  for (std::size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '\\' && k + 1 < text.size() && text[k + 1] == ',') {
      name += text[++k];
    } else if (text[k] == ',') {
      all.push_back(std::move(name));
      name.clear();
    } else {
      name += text[k];
    }
  }
  if (!name.empty()) all.push_back(std::move(name));
  return all;
}

std::vector<std::string> files_of(const std::string& data) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(data)) refuse(data, "a folder of samples", "none", "Check the path.");
  std::map<std::string, std::vector<std::string>> by_ending;
  std::string other;
  for (const auto& e : fs::directory_iterator(data)) {
    const std::string ending = e.path().extension().string();
    if (ending == ".npz" || ending == ".vtk" || ending == ".vtu")
      by_ending[ending].push_back(e.path().string());
    else if (ending == ".msh" || ending == ".pvd" || ending == ".pvtu")
      other = ending;
  }
  const char* const expected = "samples in .npz, .vtk (legacy) or .vtu, of one kind";
  if (by_ending.empty() && !other.empty())
    refuse(data, expected, "only " + other,
           other == ".msh" ? "A mesh of gmsh has no fields: save the solved problem as .vtu."
                           : "Save each step, or the joined parts, as one .vtu.");
  if (by_ending.empty())
    refuse(data, expected, "none",
           "Save a sample a file by numpy.savez, or convert them, e.g. with meshio.");
  if (by_ending.size() > 1) {
    std::string found;
    for (const auto& [ending, files] : by_ending) found += (found.empty() ? "" : " and ") + ending;
    refuse(data, expected, found, "Keep each kind in a folder of its own.");
  }
  std::vector<std::string>& all = by_ending.begin()->second;
  std::sort(all.begin(), all.end());
  return all;
}
/// Files that name their fields, unlike .npz.
bool names_fields(const std::string& path) {
  return !path.ends_with(".npz");
}

/// Channels by the names of their fields.
struct Channels {
  std::vector<std::string> fields{}, names{};
  bool named = false;  ///< by the user; else the array is called as the option

  /// @param columns  numbers of channels, one a field
  void name_by(const std::vector<Index>& columns) {
    names.clear();
    if (!named) return;
    for (std::size_t k = 0; k < fields.size(); ++k)
      for (Index c = 0; c < columns[k]; ++c)
        names.push_back(fields[k] + (columns[k] > 1 ? std::to_string(c) : ""));
  }
};
Channels channels_of(const Arguments& a, const char* what, bool named) {
  const auto text = a["--" + std::string(what)];
  Channels c;
  c.named = text.has_value();
  c.fields = c.named ? split(*text) : std::vector<std::string>{what};
  if (c.fields.empty() || (named && !c.named))
    refuse("--" + std::string(what), "names of point data, as a,b", "none",
           "Name the fields of the files.");
  return c;
}

/// Columns side by side. @param columns  (field) each (node, channel)
Field joined(Index nodes, const std::vector<std::vector<float>>& columns, Channels& c) {
  std::vector<Index> widths;
  Index all = 0;
  for (const auto& f : columns) all += widths.emplace_back(static_cast<Index>(f.size()) / nodes);
  Field out(nodes, all);
  Index at = 0;
  for (std::size_t k = 0; k < columns.size(); ++k, at += widths[k - 1])
    out.middleCols(at, widths[k]) = Eigen::Map<const Field>(columns[k].data(), nodes, widths[k]);
  c.name_by(widths);
  return out;
}

Sample read_npz(const std::string& path, Channels& given, Channels& solution) {
  lab::npz::Reader in(path, inflate);
  const auto matrix = [&](const char* name) {
    Array a = in.read(name);
    if (a.rank() != 2)
      refuse(path + ": " + name, "an array of two axes", text_of(a.shape),
             "Give points (node, dim) and cells (cell, corner).");
    return a;
  };
  Sample s;
  const Array points = matrix("points");
  const Index n = points.shape[0];
  s.mesh.dim = static_cast<int>(points.shape[1]);
  s.mesh.points = finite<double>(points, path + ": points");
  if (in.contains("cells")) {
    const Array cells = matrix("cells");
    s.mesh.nodes_per_cell = static_cast<int>(cells.shape[1]);
    s.mesh.cells = cells.as<std::int32_t>(path + ": cells");
  }
  if (in.contains("node_type"))
    for (const auto t : in.read("node_type").as<std::uint8_t>(path + ": node_type"))
      s.mesh.node_type.push_back(static_cast<NodeType>(t));
  const auto fields = [&](Channels& c) {
    std::vector<std::vector<float>> all;
    for (const std::string& name : c.fields) {
      const Array a = in.read(name);
      if (a.rank() < 1 || a.rank() > 2 || a.shape[0] != n || a.size() == 0)
        refuse(path + ": " + name, "(" + std::to_string(n) + ", channel) numbers", text_of(a.shape),
               "Give a row for every node.");
      all.push_back(a.as<float>(path + ": " + name));
    }
    return joined(n, all, c);
  };
  s.given = fields(given);
  s.solution = fields(solution);
  return s;
}
Sample read_vtk(const std::string& path, Channels& given, Channels& solution) {
  const MeshSample m = read_fields(path);
  const auto fields = [&](Channels& c) {
    std::vector<std::vector<float>> all;
    for (const std::string& name : c.fields) {
      try {
        all.push_back(node_field(m, name));
      } catch (const Error& e) {
        throw Error(path, e.expected(), e.found(), "Name point data of the file.");
      }
    }
    return joined(m.mesh.n_nodes(), all, c);
  };
  Sample s{m.mesh, fields(given), fields(solution)};
  const bool typed = std::any_of(s.mesh.node_type.begin(), s.mesh.node_type.end(),
                                 [](NodeType t) { return t != NodeType::normal; });
  if (!typed) s.mesh.node_type.clear();
  return s;
}

std::string time_text(double seconds) {
  char text[40];
  if (seconds < 100)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 6000)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

void print(const any::TrainingOutcome& r, const std::string& out) {
  std::printf("%s, %s: %td numbers, %.0f bytes, trained on %zu samples\n", r.network.c_str(),
              r.scheme.c_str(), r.parameters, r.bytes, r.training);
  if (r.validation > 0) {
    std::printf("\n%-24s %12s %15s\n", ("of " + std::to_string(r.validation) + " held out").c_str(),
                "relative L2", "bit operations");
    std::printf("%-24s %12.4g\n", "the mean everywhere", r.mean_error);
    std::printf("%-24s %12.4g %13.1f %%\n", "in float", r.float_error, 100.0);
    for (const any::HeldOut& h : r.budgets) {
      char name[40];
      std::snprintf(name, sizeof name, "in integers, %g bits", h.mean_bits);
      std::printf("%-24s %12.4g %13.1f %%\n", name, h.error, 100 * h.bops_share);
    }
  } else {
    std::printf("nothing was held out: say --validation 0.1 to learn how wrong it is\n");
  }
  std::printf("\n%s\n", out.c_str());
}

}  // namespace

MeshSample read_fields(const std::string& path) {
  return path.ends_with(".vtu") ? lab::vtu::read(path, inflate) : lab::vtk_legacy::read(path);
}

std::vector<std::string> fit_options() {
  std::vector<std::string> all{"-o", "--network", "--given", "--solution"};
  for (const std::string& n : trainer_names()) all.push_back(option_of(n));
  return all;
}

std::vector<Sample> given_samples(const Arguments& a, const std::string& folder, bool mark) {
  const std::vector<std::string> files = files_of(folder);
  const bool vtk = names_fields(files.front());
  Channels given = channels_of(a, "given", vtk), none;
  std::vector<Sample> samples;
  for (const std::string& path : files) {
    samples.push_back(vtk ? read_vtk(path, given, none) : read_npz(path, given, none));
    Mesh& m = samples.back().mesh;
    if (mark && m.node_type.empty() && !m.cells.empty() && m.cell_dimension() == 2) {
      static_cast<void>(examine(m, true));
      mark_boundary(m);
    }
  }
  return samples;
}

int fit(const Arguments& a) {
  a.want(1, "amq fit DATA -o OUT --network NAME");
  const auto out = a["-o"];
  if (!out) refuse("amq fit", "-o OUT", "no -o", "Say where the model file goes.");
  any::TrainingCall call;
  call.network = a["--network"].value_or(call.network);
  for (const std::string& n : trainer_names())
    if (const auto text = a[option_of(n)]) call.options.emplace_back(n, *text);

  call.sample_names = files_of(a.rest[0]);
  const bool vtk = names_fields(call.sample_names.front());
  Channels given = channels_of(a, "given", vtk), solution = channels_of(a, "solution", vtk);
  std::vector<Sample> samples;
  for (const std::string& path : call.sample_names)
    samples.push_back(vtk ? read_vtk(path, given, solution) : read_npz(path, given, solution));
  call.given_names = given.names;
  call.solution_names = solution.names;
  // As amq solve does with plane meshes without types.
  call.mark_boundary = std::all_of(samples.begin(), samples.end(), [](const Sample& s) {
    return s.mesh.node_type.empty() && !s.mesh.cells.empty() && s.mesh.cell_dimension() == 2;
  });
  call.progress = [](const Progress& p) {
    const double done = static_cast<double>(p.done) / static_cast<double>(p.total);
    std::fprintf(stderr, "\r%-32s %5.1f %%  loss %-10.4g %8s left ", p.what.c_str(), 100 * done,
                 p.loss, time_text(p.seconds_left).c_str());
    if (p.done == p.total) std::fputc('\n', stderr);
  };
  print(any::train(samples, call, *out), *out);
  return 0;
}

}  // namespace amq::tool
