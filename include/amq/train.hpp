#pragma once
/// @file
/// Room train: losses, optimizers, schedules, and the trainer.

#include <amq/train/calibrate.hpp>
#include <amq/train/checkpoint.hpp>
#include <amq/train/grid_training.hpp>
#include <amq/train/layer_errors.hpp>
#include <amq/train/learner.hpp>
#include <amq/train/learning_curve.hpp>
#include <amq/train/loss.hpp>
#include <amq/train/measure_curves.hpp>
#include <amq/train/mesh_samples.hpp>
#include <amq/train/mesh_training.hpp>
#include <amq/train/network_training.hpp>
#include <amq/train/optimizer.hpp>
#include <amq/train/progress.hpp>
#include <amq/train/quantize.hpp>
#include <amq/train/quantized_network.hpp>
#include <amq/train/recipe.hpp>
#include <amq/train/run_folder.hpp>
#include <amq/train/schedule.hpp>
#include <amq/train/train_grid.hpp>
#include <amq/train/train_mesh.hpp>
#include <amq/train/train_options.hpp>
#include <amq/train/trainer.hpp>
#include <amq/train/unrolling.hpp>
