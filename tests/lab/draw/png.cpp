#include <amq_lab/draw/png.hpp>

#include "../../io/scratch.hpp"

namespace test_png {

using namespace amq;
using namespace amq::lab;

TEST_CASE("a picture comes back pixel by pixel, whatever its width") {
  for (const int width : {1, 2, 3, 7, 64, 301}) {
    Image image(width, 5);
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < width; ++x)
        image.at(x, y) = {static_cast<std::uint8_t>(37 * x), static_cast<std::uint8_t>(51 * y),
                          static_cast<std::uint8_t>(x * y + 200)};
    const Bytes file = png::encode(image);
    png_image form{};
    form.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&form, file.data(), file.size()));
    form.format = PNG_FORMAT_RGB;
    CHECK(form.width == static_cast<unsigned>(width));
    std::vector<Color> pixels(image.pixels.size());
    REQUIRE(png_image_finish_read(&form, nullptr, pixels.data(), 0, nullptr));
    CHECK(pixels == image.pixels);
  }
}

TEST_CASE("smooth pictures shrink and plain ones nearly vanish") {
  Image plain(400, 400), smooth(400, 400);
  for (int y = 0; y < 400; ++y) {
    for (int x = 0; x < 400; ++x) {
      smooth.at(x, y) = {static_cast<std::uint8_t>(x / 2), static_cast<std::uint8_t>(y / 2),
                         static_cast<std::uint8_t>((x + y) / 4)};
    }
  }
  CHECK(png::encode(plain).size() < 1500);
  CHECK(png::encode(smooth).size() < 480000 / 20);
  AMQ_REFUSES(png::encode(Image()), "0 x 0");
}

}  // namespace test_png
