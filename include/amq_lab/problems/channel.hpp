#pragma once
/// @file
/// The shape of a channel with obstacles, and how finely it is to be divided.

#include <amq/core/rooms.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace amq::lab {

/// An ellipse, or a polygon inscribed in it. Lengths in the channel's unit.
struct Obstacle {
  double x = 0.2, y = 0.2;    ///< centre
  double a = 0.05, b = 0.05;  ///< semi-axes; a circle where they are equal
  double turn = 0;            ///< angle of the first axis, radian
  int sides = 0;              ///< 0 an ellipse, 3 a triangle, 4 a rhombus or square, ...

  [[nodiscard]] std::array<double, 2> at(double angle) const noexcept {
    const double u = a * std::cos(angle), v = b * std::sin(angle);
    return {x + u * std::cos(turn) - v * std::sin(turn),
            y + u * std::sin(turn) + v * std::cos(turn)};
  }
  [[nodiscard]] double radius() const noexcept { return std::max(a, b); }
};

struct Channel {
  double length = 1.6, height = 0.41;  ///< inflow at x = 0, outflow at x = length
  std::vector<Obstacle> obstacles;
};

/// Wanted lengths of sides.
struct ChannelResolution {
  int around = 42;        ///< sides of an obstacle's border
  double outside = 0.05;  ///< the longest side
  double wake = 0.022;    ///< behind obstacles, within `wake_width` radii of their centre line
  double wake_width = 2.5;
  double grade = 0.25;  ///< growth of the side per distance from an obstacle
};

}  // namespace amq::lab
