#pragma once
/// @file
/// Room io: files in and out. Adapters to optional libraries are included by name.

#include <amq/io/file.hpp>
