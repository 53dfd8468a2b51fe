/// Reads a file of one format and writes another: what the Python cross-checks talk to.

#include <amq/io/npz.hpp>
#include <amq/io/safetensors.hpp>

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  const std::string_view format = argc > 1 ? argv[1] : "";
  try {
    if (format == "npz" && argc == 4)
      amq::npz::write(argv[3], amq::npz::read(argv[2]));
    else if (format == "npy" && argc == 4)
      amq::npy::write(argv[3], amq::npy::read(argv[2]));
    else if (format == "safetensors" && argc == 4)
      amq::safetensors::write(argv[3], amq::safetensors::read(argv[2]));
    else
      return std::fprintf(stderr, "usage: echo npz|npy|safetensors in out\n"), 2;
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
  return 0;
}
