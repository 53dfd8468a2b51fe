#pragma once
/// @file
/// Room io: files in and out.

#include <amq/io/array.hpp>
#include <amq/io/dtype.hpp>
#include <amq/io/file.hpp>
#include <amq/io/file_lock.hpp>
#include <amq/io/json.hpp>
#include <amq/io/json_value.hpp>
#include <amq/io/qtensor.hpp>
#include <amq/io/safetensors.hpp>
#include <amq/io/state_dict.hpp>
#include <amq/io/vtu.hpp>
