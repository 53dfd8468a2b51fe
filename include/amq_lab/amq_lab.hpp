#pragma once
/// @file
/// All of the lab but its adapters to optional libraries.

#include <amq_lab/data.hpp>
#include <amq_lab/draw.hpp>
#include <amq_lab/problems.hpp>
