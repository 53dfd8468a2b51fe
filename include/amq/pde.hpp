#pragma once
/// @file
/// Room pde: one file a problem, with its equations, reference solver and sampler.

#include <amq/pde/burgers.hpp>
#include <amq/pde/car_shape.hpp>
#include <amq/pde/channel.hpp>
#include <amq/pde/channel_mesh.hpp>
#include <amq/pde/d3q19.hpp>
#include <amq/pde/darcy.hpp>
#include <amq/pde/darcy_grid.hpp>
#include <amq/pde/darcy_sampler.hpp>
#include <amq/pde/diffusion_sorption.hpp>
#include <amq/pde/elasticity.hpp>
#include <amq/pde/fft.hpp>
#include <amq/pde/flow2d.hpp>
#include <amq/pde/flow3d.hpp>
#include <amq/pde/gaussian_field.hpp>
#include <amq/pde/generate.hpp>
#include <amq/pde/hyperelastic.hpp>
#include <amq/pde/krylov.hpp>
#include <amq/pde/lattice.hpp>
#include <amq/pde/navier_stokes.hpp>
#include <amq/pde/resample.hpp>
#include <amq/pde/rosenbrock.hpp>
#include <amq/pde/taylor_hood.hpp>
#include <amq/pde/triangulate.hpp>
