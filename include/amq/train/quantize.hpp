#pragma once
/// @file
/// Post-training quantization: a float network of a file, and problems like those it will be given,
/// become a solver in integers without further training. Float files hold what a model file does,
/// but no scheme and no steps, and the answer of who trained it: bindings/python writes them from
/// PyTorch's modules.
///
/// | header            | networks    | samples                                  |
/// |-------------------|-------------|------------------------------------------|
/// | quantize_grid.hpp | on grids    | Field (point, given channel)             |
/// | quantize_mesh.hpp | on meshes   | Sample: a mesh and a field, solved or not |

#include <amq/train/quantize_grid.hpp>
#include <amq/train/quantize_mesh.hpp>
