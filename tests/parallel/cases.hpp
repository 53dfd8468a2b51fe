#pragma once
// What both transports must give: a network, cut and solved on all ranks of a communicator, as one
// number. Compiled once, for ranks that are threads and for ranks that are processes.

#include <amq/parallel/communicator.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace cases {

struct Setting {
  std::string network = "MpPde";     ///< or another of all_networks or more_networks
  std::string partition = "random";  ///< or another of all_partitions; "N ghosts": the last rank
                                     ///< has one node and so many ghosts
  int threads = 1;
  int steps = 50;  ///< of the rollout
};

/// Networks of messages, at other schemes, too, and of latent attention; and their numbers: what
/// alone() says, wherever.
struct Row {
  const char *network, *hash;
};
inline constexpr Row all_networks[] = {{"MpPde", "9eb7bc5a6d51ea55"},
                                       {"MpPde static", "91fe268ec9c0ba75"},
                                       {"MpPde uniform", "752f05cfd7a024ba"},
                                       {"MpPde words", "685e7e7a5ca4a34e"},
                                       {"MeshGraphNet", "b04acdfa0af0fc39"},
                                       {"Transolver", "7936b7f5117837da"},
                                       {"Flare", "8aab83c15e902b66"},
                                       {"GraphVit", "925344c59a804ecf"},
                                       {"GraphVit adaptive", "a87014e64051885b"},
                                       {"MpPde skips", "0f1ef19cb88f1020"}};

/// Networks that read time and parameters, one of them windows, and one of fewer clusters than
/// ranks: too alike or too slow for the table.
inline constexpr const char* more_networks[] = {"MpPde of time", "MpPde of windows",
                                                "Transolver of time", "Flare of time",
                                                "GraphVit of 3 clusters"};

/// How meshes are cut. "one empty": a rank has no nodes. "idle ghosts": ranks have ghosts that no
/// own node reads. "Scotch": where that library is.
inline constexpr const char* all_partitions[] = {"random", "strips", "one empty", "idle ghosts",
#ifdef AMQ_HAS_SCOTCH
                                                 "Scotch"
#endif
};

/// Solution, bits of nodes, cost and a rollout by solver and Rollout, on a mesh that is whole.
std::string alone(const Setting& s);
/// The same from parts; the number is that of all ranks.
std::string apart(const Setting& s, amq::parallel::Communicator& c);
/// The same where the host gives cells instead of a graph, and its nodes in an order of its own.
std::string from_cells(const Setting& s, amq::parallel::Communicator& c);

/// What ranks get wrong. `rank` is the one that does.
enum class Fault {
  scheme,
  model,
  budget,
  budget_of_solve,
  nodes_in_all,
  node_twice,
  node_missing,
  foreign_ghost,
  ghost_elsewhere,
  no_edges_of_neighbours,
  edges_that_choose,
  cell_out_of_range,
  field_not_finite,
  throws_between_solves,
  message_too_short,
};
/// Runs until the fault is met. @throws amq::Error, on every rank
void meet(Fault f, int rank, amq::parallel::Communicator& c);
/// What the error must say.
const char* words_of(Fault f);
const std::vector<Fault>& all_faults();

/// What a rank takes of memory in solves after two of their kind and in steps after two, by
/// `count`, which says how often this thread has asked for memory: at uniform bits, at bits that
/// are chosen again for every field, and at bits that are kept for some steps.
std::vector<long> allocations(const std::string& network, amq::parallel::Communicator& c,
                              long (*count)());

/// Bytes that all ranks send in a pass at so many bits, and had they been floats.
struct Traffic {
  std::int64_t bytes = 0, float_bytes = 0;
};
Traffic traffic(int bits, std::int64_t hidden, std::int64_t layers, amq::parallel::Communicator& c);
/// The same of a pass of GraphViT, whose tokens have so many channels.
Traffic traffic_of_clusters(int bits, std::int64_t hidden, std::int64_t width,
                            amq::parallel::Communicator& c);

/// How often ranks have told each other bits, in six steps of a rollout of MP-PDE that allocates in
/// every third; before the fifth the part solves something else.
std::vector<std::int64_t> tellings_of_bits(amq::parallel::Communicator& c);

}  // namespace cases
