#pragma once
/// @file
/// Room draw of the lab: pictures of meshes and fields.

#include <amq_lab/draw/canvas.hpp>
#include <amq_lab/draw/colormap.hpp>
#include <amq_lab/draw/font.hpp>
#include <amq_lab/draw/png.hpp>
#include <amq_lab/draw/raster.hpp>
