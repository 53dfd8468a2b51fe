#pragma once
/// @file
/// The names of the front door, declared: for headers that name a solver, a mesh or a field's view
/// and leave their definitions to one source file.
///
///     #include <amq/fwd.hpp>
///     class Host {
///       using Scheme = amq::Scheme<amq::Weights<8>, amq::Activations<2, 4, 8>, amq::ByRange>;
///       std::unique_ptr<amq::MeshSolver<amq::MpPde, Scheme>> solver_;
///     };
///
/// Default arguments are the definitions': here every argument is written out. Aliases of other
/// types (Field, QTensor) and functions come with their headers alone.

#include <cstdint>

namespace amq {

// How numbers are kept.
template <int Bits, int... Named>
struct Weights;
template <int... Bits>
struct Activations;
struct ByRange;
struct ByDeviation;
struct ByMagnitude;
struct Static;
template <typename W, typename A, typename Rule>
struct Scheme;
struct AnyScheme;

// Meshes and fields.
struct Mesh;
struct Graph;
enum class NodeType : std::uint8_t;
template <typename T>
struct MatrixView;

// Networks.
class MpPde;
class MeshGraphNet;
class GraphVit;
class Transolver;
class Flare;
class Fno;
class Unet;
class ModernUnet;
class PatchTransformer;
class GalerkinTransformer;
template <typename Model>
struct Network;

// Training.
struct Sample;
struct TrainOptions;

// Solving.
template <typename Model, typename Scheme>
class MeshSolver;
template <typename Model, typename Scheme>
class GridSolver;
template <typename Model, typename Scheme>
class Rollout;
struct Solution;
struct Budget;
struct RowTimes;
template <typename Score, typename Price, typename Sharing>
class Allocator;

// The host.
class Executor;
class ThreadPool;
class Error;

}  // namespace amq

// What functions of the front door take and return beside these.

namespace amq::arithmetics {
struct SchemeInfo;
}  // namespace amq::arithmetics

namespace amq::solver {
template <typename Model, typename Scheme>
class PreparedMesh;
struct MeshEncoding;
struct GridFieldEncoding;
struct RegularGrid;
struct SolveReport;
struct SolveOptions;
}  // namespace amq::solver

namespace amq::training {
template <typename Model>
struct FloatSolver;
template <typename Solver>
struct Trained;
template <typename Model>
struct FloatGridSolver;
template <typename Model, typename Scheme>
struct TrainedGrid;
}  // namespace amq::training
