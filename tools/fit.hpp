#pragma once
/// @file
/// amq fit: from a folder of solved problems to a model file.

#include "arguments.hpp"

#include <string>
#include <vector>

namespace amq::tool {

[[nodiscard]] std::vector<std::string> fit_options();
/// @throws amq::Error naming the file that cannot be used, and as any::train()
int fit(const Arguments& a);

}  // namespace amq::tool
