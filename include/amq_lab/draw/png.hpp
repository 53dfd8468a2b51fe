#pragma once
/// @file
/// Pictures: an image of 8-bit RGB pixels and the PNG file of it (ISO/IEC 15948).

#include <amq/io/file.hpp>
#include <amq_lab/data/crc32.hpp>
#include <amq_lab/draw/deflate.hpp>

#include <cstdlib>

namespace amq::lab {

struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Color&) const = default;
};
/// 0xrrggbb
[[nodiscard]] constexpr Color color(std::uint32_t rgb) noexcept {
  return {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8),
          static_cast<std::uint8_t>(rgb)};
}
/// From a (t = 0) to b (t = 1).
[[nodiscard]] constexpr Color mix(Color a, Color b, double t) noexcept {
  const auto channel = [t](std::uint8_t x, std::uint8_t y) {
    return static_cast<std::uint8_t>(x + (y - x) * t + 0.5);
  };
  return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)};
}

/// (row from the top, column)
struct Image {
  int width = 0, height = 0;
  std::vector<Color> pixels;

  Image() = default;
  Image(int w, int h, Color fill = {255, 255, 255})
      : width(w),
        height(h),
        pixels(static_cast<std::size_t>(w) * static_cast<std::size_t>(h), fill) {}
  [[nodiscard]] Color& at(int x, int y) noexcept {
    return pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
  [[nodiscard]] const Color& at(int x, int y) const noexcept {
    return const_cast<Image&>(*this).at(x, y);
  }
};

}  // namespace amq::lab

namespace amq::lab::png {

/// The bytes of a file. Throws for an image without pixels.
[[nodiscard]] inline Bytes encode(const Image& image) {
  if (image.width < 1 || image.height < 1) {
    throw Error("png::encode", "an image with pixels",
                std::to_string(image.width) + " x " + std::to_string(image.height),
                "Give it a size.");
  }
  const auto n = static_cast<std::size_t>(image.width) * 3;
  std::vector<int> above(n, 0), row(n);
  Bytes filtered, candidate(n), best(n);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const Color c = image.at(x, y);
      const auto k = static_cast<std::size_t>(x) * 3;
      row[k] = c.r;
      row[k + 1] = c.g;
      row[k + 2] = c.b;
    }
    // Each row takes the predictor that leaves the smallest residuals (the specification's advice).
    long least = -1;
    std::byte kind{};
    for (const int filter : {0, 1, 2, 4}) {
      long sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        const int left = k < 3 ? 0 : row[k - 3], up = above[k], corner = k < 3 ? 0 : above[k - 3];
        const int p = left + up - corner;
        const int dl = std::abs(p - left), du = std::abs(p - up), dc = std::abs(p - corner);
        const int paeth = dl <= du && dl <= dc ? left : du <= dc ? up : corner;
        const int guess = filter == 0 ? 0 : filter == 1 ? left : filter == 2 ? up : paeth;
        const auto rest = static_cast<std::uint8_t>(row[k] - guess);
        candidate[k] = std::byte{rest};
        sum += std::abs(static_cast<std::int8_t>(rest));
      }
      if (least < 0 || sum < least) {
        least = sum;
        kind = static_cast<std::byte>(filter);
        best = candidate;
      }
    }
    filtered.push_back(kind);
    filtered.insert(filtered.end(), best.begin(), best.end());
    above = row;
  }
  const auto big = [](Bytes& b, std::uint32_t x) {
    for (int k = 24; k >= 0; k -= 8) b.push_back(static_cast<std::byte>(x >> k & 255));
  };
  Bytes out;
  const auto text = as_bytes("\x89PNG\r\n\x1a\n");
  out.assign(text.begin(), text.end());
  const auto chunk = [&](std::string_view type, const Bytes& content) {
    big(out, static_cast<std::uint32_t>(content.size()));
    const std::size_t start = out.size();
    const auto t = as_bytes(type);
    out.insert(out.end(), t.begin(), t.end());
    out.insert(out.end(), content.begin(), content.end());
    big(out, crc32(std::span(out).subspan(start)));
  };
  Bytes head;
  big(head, static_cast<std::uint32_t>(image.width));
  big(head, static_cast<std::uint32_t>(image.height));
  for (const int x : {8, 2, 0, 0, 0}) head.push_back(static_cast<std::byte>(x));  // 8 bits, RGB
  chunk("IHDR", head);
  chunk("IDAT", zlib_compress(filtered));
  chunk("IEND", {});
  return out;
}
inline void write(const std::string& path, const Image& image) {
  write_file(path, encode(image));
}

}  // namespace amq::lab::png
