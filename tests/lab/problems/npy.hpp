#pragma once
// Just enough of the .npy format to read the reference solutions: little-endian, C order.

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

struct Npy {
  std::vector<std::size_t> shape;
  std::string dtype, bytes;

  /// Empty shape where the file is absent or of another kind.
  static Npy read(const std::string& path) {
    Npy out;
    std::ifstream in(path, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    if (all.size() < 10 || all.compare(1, 5, "NUMPY") != 0) return out;
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(all[8])) +
                        256 * static_cast<std::size_t>(static_cast<unsigned char>(all[9]));
    const std::string header = all.substr(10, length);
    if (header.find("'fortran_order': False") == std::string::npos) return out;
    const auto d = header.find("'descr': '") + 10;
    out.dtype = header.substr(d, header.find('\'', d) - d);
    auto p = header.find('(') + 1;
    while (header[p] != ')') {
      std::size_t used = 0;
      out.shape.push_back(std::stoul(header.substr(p), &used));
      p += used;
      while (header[p] == ',' || header[p] == ' ') ++p;
    }
    out.bytes = all.substr(10 + length);
    return out;
  }
  template <typename T>
  T at(std::size_t i) const {
    T v;
    std::memcpy(&v, bytes.data() + i * sizeof(T), sizeof(T));
    return v;
  }
};
