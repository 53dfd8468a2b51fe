#pragma once
/// @file
/// Room problems of the lab: one file a problem, with its equations, reference solver and sampler.

#include <amq_lab/problems/burgers.hpp>
#include <amq_lab/problems/car_shape.hpp>
#include <amq_lab/problems/channel.hpp>
#include <amq_lab/problems/channel_mesh.hpp>
#include <amq_lab/problems/d3q19.hpp>
#include <amq_lab/problems/darcy.hpp>
#include <amq_lab/problems/darcy_grid.hpp>
#include <amq_lab/problems/darcy_sampler.hpp>
#include <amq_lab/problems/diffusion_sorption.hpp>
#include <amq_lab/problems/elasticity.hpp>
#include <amq_lab/problems/fft.hpp>
#include <amq_lab/problems/flow2d.hpp>
#include <amq_lab/problems/flow3d.hpp>
#include <amq_lab/problems/gaussian_field.hpp>
#include <amq_lab/problems/generate.hpp>
#include <amq_lab/problems/hyperelastic.hpp>
#include <amq_lab/problems/krylov.hpp>
#include <amq_lab/problems/lattice.hpp>
#include <amq_lab/problems/navier_stokes.hpp>
#include <amq_lab/problems/resample.hpp>
#include <amq_lab/problems/rosenbrock.hpp>
#include <amq_lab/problems/taylor_hood.hpp>
#include <amq_lab/problems/triangulate.hpp>
