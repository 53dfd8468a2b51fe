#pragma once
/// @file
/// Pictures: an image of 8-bit RGB pixels and the PNG file of it, which libpng writes.

#include <amq/io/file.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <png.h>

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

/// The bytes of a file, by libpng (link with -lpng).
/// @throws amq::Error for an image without pixels
[[nodiscard]] inline Bytes encode(const Image& image) {
  if (image.width < 1 || image.height < 1) {
    throw Error("png::encode", "an image with pixels",
                std::to_string(image.width) + " x " + std::to_string(image.height),
                "Give it a size.");
  }
  static_assert(sizeof(Color) == 3, "amq::lab::Color is what libpng reads: red, green, blue");
  png_image form{};
  form.version = PNG_IMAGE_VERSION;
  form.width = static_cast<png_uint_32>(image.width);
  form.height = static_cast<png_uint_32>(image.height);
  form.format = PNG_FORMAT_RGB;
  Bytes out(PNG_IMAGE_PNG_SIZE_MAX(form));
  png_alloc_size_t size = out.size();
  if (!png_image_write_to_memory(&form, out.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw Error("png::encode", "to encode the image", form.message, "Report it: libpng refused.");
  out.resize(size);
  return out;
}
inline void write(const std::string& path, const Image& image) {
  write_file(path, encode(image));
}

}  // namespace amq::lab::png
