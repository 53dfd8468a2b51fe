// Question: does reading or writing ever cost more than a plain copy through the file system?
// The contender that is not ours is std::fwrite and std::fread of the same bytes.

#include <amq/core/random.hpp>
#include <amq/io/json.hpp>
#include <amq/io/safetensors.hpp>
#include <amq_lab/data/crc32.hpp>
#include <amq_lab/data/npz.hpp>
#include <amq_lab/draw/raster.hpp>

#include <cstdio>
#include <ctime>

namespace {

/// Best of five, in seconds of the processor: other programs and the disk's own time stay out.
template <typename F>
double seconds(F f) {
  double best = 1e300;
  for (int k = 0; k < 5; ++k) {
    const std::clock_t start = std::clock();
    f();
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}
void row(const char* what, double s, double bytes) {
  std::printf("%-44s %9.2f ms %9.0f MB/s\n", what, 1e3 * s, bytes / s / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const std::string path = folder + "/bench_formats.tmp";
  amq::core::Random r(1);
  std::vector<float> x(16 << 20);
  for (auto& v : x) v = static_cast<float>(r.uniform());
  const auto a = amq::io::Array::of(x, {4096, 4096});
  const auto bytes = static_cast<double>(a.bytes.size());
  row("fwrite, 64 MB", seconds([&] {
        std::FILE* f = std::fopen(path.c_str(), "wb");
        if (!f || std::fwrite(a.bytes.data(), 1, a.bytes.size(), f) != a.bytes.size()) std::exit(1);
        std::fclose(f);
      }),
      bytes);
  amq::io::Bytes back(a.bytes.size());
  row("fread", seconds([&] {
        std::FILE* f = std::fopen(path.c_str(), "rb");
        if (!f || std::fread(back.data(), 1, back.size(), f) != back.size()) std::exit(1);
        std::fclose(f);
      }),
      bytes);
  std::uint32_t sum = 0;
  row("crc32", seconds([&] { sum += amq::lab::crc32(a.bytes); }), bytes);
  const amq::lab::npz::Arrays arrays{{"a", a}};
  row("npz::write", seconds([&] { amq::lab::npz::write(path, arrays); }), bytes);
  row("npz::read",
      seconds([&] { sum += static_cast<std::uint32_t>(amq::lab::npz::read(path).size()); }), bytes);
  amq::io::safetensors::File model;
  model.tensors["a"] = a;
  row("safetensors::write", seconds([&] { amq::io::safetensors::write(path, model); }), bytes);
  row("safetensors::read", seconds([&] {
        sum += static_cast<std::uint32_t>(amq::io::safetensors::read(path).tensors.size());
      }),
      bytes);
  row("Array::as<double> of float32",
      seconds([&] { sum += static_cast<std::uint32_t>(a.as<double>().size()); }), bytes);
  amq::io::json::List list;
  for (int k = 0; k < 200000; ++k) list.emplace_back(r.uniform());
  const auto text = amq::io::json::dump(list);
  row("json::dump, 200,000 doubles",
      seconds([&] { sum += static_cast<std::uint32_t>(amq::io::json::dump(list).size()); }),
      static_cast<double>(text.size()));
  row("json::parse", seconds([&] {
        sum += static_cast<std::uint32_t>(amq::io::json::parse(text).as_list().size());
      }),
      static_cast<double>(text.size()));
  amq::Mesh mesh;
  const int n = 64;
  std::vector<float> u;
  for (int j = 0; j <= n; ++j) {
    for (int i = 0; i <= n; ++i) {
      mesh.points.insert(mesh.points.end(), {i / double(n), j / double(n)});
      u.push_back(static_cast<float>(i * j));
      const int c = j * (n + 1) + i;
      if (i < n && j < n)
        mesh.cells.insert(mesh.cells.end(), {c, c + 1, c + n + 2, c, c + n + 2, c + n + 1});
    }
  }
  amq::lab::raster::Figure figure;
  for (int k = 0; k < 4; ++k) figure.add({.title = "solution u", .mesh = &mesh, .values = u});
  amq::lab::Image image;
  const double drawn = seconds([&] { image = figure.draw(); });
  const auto pixels = 3.0 * static_cast<double>(image.pixels.size());
  row("raster, four panels of 400 x 400", drawn, pixels);
  row("png::encode of it",
      seconds([&] { sum += static_cast<std::uint32_t>(amq::lab::png::encode(image).size()); }),
      pixels);
  std::remove(path.c_str());
  std::printf("(%u)\n", sum & 1);
}
