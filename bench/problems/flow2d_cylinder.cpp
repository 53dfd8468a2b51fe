// Question: does the channel solver meet the cylinder benchmarks of Schaefer and Turek (1996)?
//   2D-1, Re 20:  drag 5.5795, lift 0.010619
//   2D-2, Re 100: largest drag 3.22 to 3.24, largest lift 0.99 to 1.01, Strouhal 0.295 to 0.305
// Usage: flow2d_cylinder {1|2} [sides around] [wake side] [far side] [dt] [end time]
#include <amq_lab/problems/flow2d.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>

int main(int argc, char** argv) {
  const auto number = [&](int k, double otherwise) {
    return argc > k ? std::atof(argv[k]) : otherwise;
  };
  const bool steady = number(1, 2) < 1.5;
  amq::lab::ChannelResolution r;
  r.around = static_cast<int>(number(2, 64));
  r.wake = number(3, 0.016);
  r.outside = number(4, 0.04);
  amq::lab::FlowOptions o;
  o.dt = number(5, steady ? 0.02 : 0.004);
  o.max_courant = 100;  // the step is the one asked for
  const double end = number(6, steady ? 8 : 7), u_max = steady ? 0.3 : 1.5, mean = u_max * 2 / 3;
  const double unit = 2 / (mean * mean * 0.1);

  amq::lab::ChannelFlow flow(amq::lab::channel_mesh({2.2, 0.41, {amq::lab::Obstacle{}}}, r), o,
                             amq::lab::parabola(u_max, 0.41, 0.5));
  double drag = 0, lift = 0, most_drag = 0, most_lift = -9, least_lift = 9;
  std::vector<double> upward;
  int steps = 0;
  const auto start = std::clock();
  flow.advance(end, [&] {
    const auto f = flow.force(0);
    const double before = lift;
    drag = unit * f[0];
    lift = unit * f[1];
    ++steps;
    if (flow.time() < end - 1.5) return;
    most_drag = std::max(most_drag, drag);
    most_lift = std::max(most_lift, lift);
    least_lift = std::min(least_lift, lift);
    if (before < 0 && lift >= 0)
      upward.push_back(flow.time() - flow.step() * lift / (lift - before));
  });
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  const double strouhal = upward.size() < 2 ? 0
                                            : static_cast<double>(upward.size() - 1) /
                                                  (upward.back() - upward.front()) * 0.1 / mean;
  std::printf(
      "nodes %td dt %g: last drag %.4f lift %.5f, largest drag %.4f lift %.4f %.4f, "
      "Strouhal %.4f, %.1f s CPU, %.1f ms a step\n",
      flow.mesh().mesh.n_nodes(), flow.step(), drag, lift, most_drag, most_lift, least_lift,
      strouhal, seconds, 1e3 * seconds / steps);
}
