// Steady Darcy flow from C: a model file, a mesh, a field in, a field out.
//   example MODEL
#include <amq.h>

#include <stdio.h>
#include <stdlib.h>

enum { side = 24, nodes = (side + 1) * (side + 1), cells = 2 * side * side };

static void square(double* points, int32_t* corners) {
  for (int j = 0; j <= side; ++j)
    for (int i = 0; i <= side; ++i) {
      *points++ = (double)i / side;
      *points++ = (double)j / side;
    }
  for (int j = 0; j < side; ++j)
    for (int i = 0; i < side; ++i) {
      const int32_t a = j * (side + 1) + i;
      const int32_t two[6] = {a, a + 1, a + side + 2, a, a + side + 2, a + side + 1};
      for (int k = 0; k < 6; ++k) *corners++ = two[k];
    }
}

int main(int argc, char** argv) {
  static double points[2 * nodes], a[2 * nodes], u[nodes];
  static int32_t corners[3 * cells];
  const char* path = argc > 1 ? argv[1] : "darcy.safetensors";
  square(points, corners);
  for (int i = 0; i < nodes; ++i) a[2 * i] = a[2 * i + 1] = points[2 * i] < 0.5 ? 12 : 3;

  // [c]
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  amq_mesh_data data = amq_mesh_data_init();
  data.n_nodes = nodes;
  data.points = points;  // (node, dim)
  data.n_cells = cells;
  data.cells = corners;    // (cell, corner), ids from 0
  data.mark_boundary = 1;  // the nodes of its boundary are walls

  amq_options budget = amq_options_init();
  budget.unit = AMQ_MEAN_BITS;
  budget.budget = 3;
  const amq_array given = amq_array_f64(a, nodes, 2), solution = amq_array_f64(u, nodes, 1);
  amq_report report = amq_report_init();
  if (amq_open(path, NULL, &solver) ||                         // replays the self-test, bit for bit
      amq_mesh_new(solver, &data, &mesh) ||                    // once a mesh
      amq_solve(mesh, &given, &solution, &budget, &report)) {  // into your memory
    fprintf(stderr, "%s\n", amq_last_error());
    return 1;
  }
  printf("%.1f million bit operations in %.1f ms, %.2f outside of training\n", report.bops / 1e6,
         report.milliseconds, report.outside);
  amq_mesh_close(mesh);
  amq_close(solver);
  // [c]

  double most = 0;
  for (int i = 0; i < nodes; ++i) most = u[i] > most ? u[i] : most;
  printf("u is at most %.4f\n", most);
  return most > 0.005 && most < 0.05 ? 0 : 1;
}
