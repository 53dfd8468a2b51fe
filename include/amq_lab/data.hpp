#pragma once
/// @file
/// Room data of the lab: readers and writers of people's files and of public data sets.

#include <amq_lab/data/as_read.hpp>
#include <amq_lab/data/crc32.hpp>
#include <amq_lab/data/eagle.hpp>
#include <amq_lab/data/geo_fno.hpp>
#include <amq_lab/data/gmsh.hpp>
#include <amq_lab/data/gmsh_cursor.hpp>
#include <amq_lab/data/grid_set.hpp>
#include <amq_lab/data/inflate.hpp>
#include <amq_lab/data/lzf.hpp>
#include <amq_lab/data/mat.hpp>
#include <amq_lab/data/mesh_graph_nets.hpp>
#include <amq_lab/data/mesh_set.hpp>
#include <amq_lab/data/npy.hpp>
#include <amq_lab/data/npz.hpp>
#include <amq_lab/data/shapenet_car.hpp>
#include <amq_lab/data/tfrecord.hpp>
#include <amq_lab/data/trajectory.hpp>
#include <amq_lab/data/vtk_cells.hpp>
#include <amq_lab/data/vtk_legacy.hpp>
#include <amq_lab/data/vtu.hpp>
#include <amq_lab/data/zip.hpp>
