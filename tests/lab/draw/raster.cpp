#include <amq_lab/draw/raster.hpp>

#include "../../io/scratch.hpp"

#include <limits>

namespace test_raster {

using namespace amq;
using namespace amq::lab;

namespace {

Mesh square() {
  Mesh m;
  m.points = {0, 0, 1, 0, 1, 1, 0, 1};
  m.cells = {0, 1, 2, 0, 2, 3};
  return m;
}
/// How many pixels have this colour, give or take what rounding moves.
int count(const Image& image, Color c) {
  int n = 0;
  for (const auto& p : image.pixels) {
    n += std::abs(p.r - c.r) < 3 && std::abs(p.g - c.g) < 3 && std::abs(p.b - c.b) < 3 ? 1 : 0;
  }
  return n;
}

}  // namespace

TEST_CASE("lightness rises along the colour maps for magnitudes") {
  for (const auto& map : {viridis, magma}) {
    double last = -1;
    for (int k = 0; k <= 32; ++k) {
      const Color c = map(k / 32.0);
      const double light = 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b;
      CHECK(light > last);
      last = light;
    }
  }
  CHECK(viridis(-1) == viridis(0));
  CHECK(viridis(2) == color(0xfde725));
  CHECK(viridis(std::numeric_limits<double>::quiet_NaN()) == Color{160, 160, 160});
}

TEST_CASE("a filled box covers its pixels, in part at its rim") {
  Canvas c(10, 10);
  c.fill(2, 2, 5, 4.5, {0, 0, 0});
  const Image i = c.image();
  CHECK(i.at(2, 2) == Color{0, 0, 0});
  CHECK(i.at(4, 3) == Color{0, 0, 0});
  CHECK(i.at(5, 3) == Color{255, 255, 255});
  CHECK(i.at(3, 4) == Color{128, 128, 128});
}

TEST_CASE("two triangles that share a side leave no crack") {
  Canvas c(50, 50);
  const auto black = [](double, double, double) { return Color{}; };
  c.triangle({3, 3}, {41, 7}, {37, 44}, black);
  c.triangle({3, 3}, {37, 44}, {5, 40}, black);
  const Image i = c.image();
  for (int k = 5; k < 35; ++k) CHECK(i.at(k, 3 + (k - 3) * 41 / 34) == Color{});
  c.triangle({1, 1}, {2, 2}, {3, 3}, black);  // degenerate and NaN triangles draw nothing
  c.triangle({std::nan(""), 1}, {2, 2}, {3, 1}, black);
}

TEST_CASE("every printable character but a few has strokes, all on the grid") {
  std::string missing;
  for (char ch = '!'; ch <= '~'; ++ch) {
    if (font::strokes(ch).empty()) missing += ch;
    for (const char s : font::strokes(ch)) {
      CHECK((s == ' ' || s == '~' || s == 'o' || ('0' <= s && s <= '9') || ('a' <= s && s <= 'q')));
    }
  }
  CHECK(missing == "$&@\\^`{}");
}

TEST_CASE("text takes the width it says") {
  const std::string s = "Wave 10^-3 m";
  Canvas c(200, 40);
  c.text(s, {20, 28}, 14, {});
  const Image i = c.image();
  int first = 200, last = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 200; ++x) {
      if (i.at(x, y).r > 200) continue;
      first = std::min(first, x);
      last = std::max(last, x);
    }
  }
  CHECK(first >= 18);
  CHECK(first <= 21);
  CHECK(std::abs(last - (20 + Canvas::text_width(s, 14))) < 3);
}

TEST_CASE("ticks are round, within the range, and about as many as asked") {
  CHECK(raster::ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
  CHECK(raster::tick_text(0.6000000000000001) == "0.6");
  CHECK(raster::tick_text(-1e-13) == "0");
  CHECK(raster::ticks(3, 3, 5) == std::vector<double>{3});
  Random r(3);
  for (int k = 0; k < 1000; ++k) {
    const double low = r.normal() * std::pow(10, r.uniform(-8, 8)),
                 high = low + std::pow(10, r.uniform(-3, 3)) * (std::abs(low) + 1e-9);
    const auto t = raster::ticks(low, high, 5);
    CHECK(t.size() >= 2);
    CHECK(t.size() <= 7);
    CHECK(t.front() >= low - 1e-9 * (high - low));
    CHECK(t.back() <= high + 1e-9 * (high - low));
  }
}

TEST_CASE("a constant panel is painted in its colour, a cell field cell by cell") {
  const Mesh m = square();
  raster::Figure f;
  f.panel_size = 100;
  f.add({.title = "", .mesh = &m, .values = {5, 5, 5, 5}, .low = 0, .high = 10});
  CHECK(count(f.draw(), viridis(0.5)) > 9500);
  raster::Figure cells;
  cells.panel_size = 100;
  cells.add({.title = "", .mesh = &m, .values = {0, 1}});
  const Image i = cells.draw();
  CHECK(count(i, viridis(0)) > 4700);
  CHECK(count(i, viridis(1)) > 4700);
}

TEST_CASE("levels colour the surroundings of each node, a third of a triangle each") {
  Mesh m;
  m.points = {0, 0, 1, 0, 0, 1};
  m.cells = {0, 1, 2};
  raster::Figure f;
  f.panel_size = 200;
  f.add({.title = "", .mesh = &m, .values = {2, 4, 8}, .levels = {2, 4, 8}});
  const Image i = f.draw();
  for (const double t : {0.0, 0.5, 1.0}) {
    const int n = count(i, level_colors(t));
    CHECK(n > 20000 / 3 - 700);
    CHECK(n < 20000 / 3 + 700);
  }
}

TEST_CASE("the picture has its panels side by side or in rows") {
  const Mesh m = square();
  raster::Figure f;
  f.panel_size = 60;
  for (int k = 0; k < 4; ++k) f.add({.title = "p", .mesh = &m, .values = {0, 1, 2, 3}});
  const Image row = f.draw();
  f.columns = 2;
  const Image block = f.draw();
  CHECK(row.width > 1.9 * block.width - 40);
  CHECK(block.height > 1.9 * row.height - 40);
}

TEST_CASE("fields and meshes that cannot be drawn are refused by title") {
  const Mesh m = square();
  raster::Figure f;
  AMQ_REFUSES(f.draw(), "at least one panel");
  AMQ_REFUSES(f.add({.title = "u", .mesh = nullptr}), "raster: u");
  AMQ_REFUSES(f.add({.title = "u", .mesh = &m, .values = {1, 2, 3}}),
              "4 values at nodes or 2 in cells, found 3");
  Mesh bad = m;
  bad.cells[0] = 9;
  AMQ_REFUSES(f.add({.title = "u", .mesh = &bad, .values = {1, 2}}), "9");
  bad = m;
  bad.points = std::vector<double>(12);
  bad.dim = 3;
  AMQ_REFUSES(f.add({.title = "u", .mesh = &bad, .values = {1, 2}}), "in 3-D");
  bad = m;
  for (auto& x : bad.points) x = 1;
  f.add({.title = "flat", .mesh = &bad, .values = {1, 2}});
  AMQ_REFUSES(f.draw(), "finite extent");
}

TEST_CASE("NaN in a field is drawn grey") {
  const Mesh m = square();
  raster::Figure f;
  f.panel_size = 100;
  f.add({.title = "", .mesh = &m, .values = {std::numeric_limits<float>::quiet_NaN(), 1}});
  CHECK(count(f.draw(), {160, 160, 160}) > 4500);
}

}  // namespace test_raster
