#pragma once
/// @file
/// Room io: files in and out. Adapters to optional libraries are included by name.

#include <amq/io/array.hpp>
#include <amq/io/canvas.hpp>
#include <amq/io/colormap.hpp>
#include <amq/io/crc32.hpp>
#include <amq/io/deflate.hpp>
#include <amq/io/dtype.hpp>
#include <amq/io/file.hpp>
#include <amq/io/font.hpp>
#include <amq/io/gmsh.hpp>
#include <amq/io/grid_set.hpp>
#include <amq/io/inflate.hpp>
#include <amq/io/json.hpp>
#include <amq/io/mat.hpp>
#include <amq/io/mesh_set.hpp>
#include <amq/io/npy.hpp>
#include <amq/io/npz.hpp>
#include <amq/io/png.hpp>
#include <amq/io/raster.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/io/vtu.hpp>
#include <amq/io/zip.hpp>
