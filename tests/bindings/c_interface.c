/* The C interface as a C99 program sees it; c_interface.cpp compiles the same lines as C++.
 *   c_interface DARCY FOLDER_OF_MODELS
 * Ends with the number of checks that failed. */
#include <amq.h>

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0, checks = 0;
#define CHECK(condition)                                                               \
  do {                                                                                 \
    ++checks;                                                                          \
    if (!(condition)) {                                                                \
      ++failures;                                                                      \
      printf("%s:%d: %s\n    %s\n", __FILE__, __LINE__, #condition, amq_last_error()); \
    }                                                                                  \
  } while (0)
/* A refusal: its status, and words of its sentence. */
#define REFUSED(call, status, words)                  \
  do {                                                \
    CHECK((call) == (status));                        \
    CHECK(strstr(amq_last_error(), (words)) != NULL); \
  } while (0)

enum { SIDE = 20, NODES = (SIDE + 1) * (SIDE + 1), CELLS = 2 * SIDE * SIDE };
static double points[2 * NODES];
static int32_t cells[3 * CELLS];

static void make_square(int side, int32_t first_id) {
  int i, j, n = 0, k = 0;
  for (j = 0; j <= side; ++j)
    for (i = 0; i <= side; ++i) {
      points[n++] = (double)i / side;
      points[n++] = (double)j / side;
    }
  for (j = 0; j < side; ++j)
    for (i = 0; i < side; ++i) {
      const int32_t a = j * (side + 1) + i + first_id;
      const int32_t corner[6] = {a, a + 1, a + side + 2, a, a + side + 2, a + side + 1};
      memcpy(cells + k, corner, sizeof corner);
      k += 6;
    }
}
static amq_mesh_data square(int side, int32_t first_id) {
  amq_mesh_data d = amq_mesh_data_init();
  make_square(side, first_id);
  d.n_nodes = (side + 1) * (side + 1);
  d.n_cells = 2 * side * side;
  d.points = points;
  d.cells = cells;
  d.first_id = first_id;
  d.mark_boundary = 1;
  return d;
}

static float given32[2 * NODES], solved[NODES], again[NODES];
static double given64[2 * NODES], solved64[3 * NODES];

static void make_given(void) {
  int i;
  for (i = 0; i < 2 * NODES; ++i) {
    given32[i] = (float)(7.5 + 4.5 * sin(0.1 * i));
    given64[i] = given32[i];
  }
}

static void shipped_model(const char* path) {
  amq_solver* solver = NULL;
  amq_mesh *mesh = NULL, *fortran = NULL;
  amq_info info = amq_info_init();
  amq_mesh_data d = square(SIDE, 0);
  amq_options o = amq_options_init();
  amq_report r = amq_report_init(), low = amq_report_init();
  amq_array a = amq_array_f32(given32, NODES, 2), u = amq_array_f32(solved, NODES, 1), b, v;
  float bits[NODES];
  double sum = 0;
  int64_t rows = 0;
  int i;

  CHECK(amq_open(path, NULL, &solver) == AMQ_OK);
  CHECK(strcmp(amq_last_error(), "") == 0);
  CHECK(amq_inspect(solver, &info) == AMQ_OK);
  CHECK(strcmp(info.network, "MpPde") == 0);
  CHECK(strcmp(info.scheme, "w8a1,2,3,4,5,6,8_by_range") == 0);
  CHECK(info.given == 2 && info.solution == 1 && info.dim == 2 && info.variables == 0);
  CHECK(info.on_grid == 0 && info.adaptive == 1 && info.marks_boundary == 1);
  CHECK(info.n_levels == 7 && info.levels[0] == 1 && info.levels[6] == 8);
  CHECK(info.parameters > 60000 && info.bytes > 50000);

  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_rows(mesh, &rows) == AMQ_OK && rows == NODES);
  make_given();
  o.unit = AMQ_MEAN_BITS;
  o.budget = 3;
  r.node_bits = bits;
  r.n_node_bits = NODES;
  CHECK(amq_solve(mesh, &a, &u, &o, &r) == AMQ_OK);
  CHECK(r.bops > 0 && r.bops <= r.bops_allowed && r.bops_of_choosing > 0);
  CHECK(r.bops_allowed < r.bops_of_float && r.mean_bits == 3 && r.milliseconds > 0);
  CHECK(r.bodies == 1 && r.unmarked_boundary_nodes == 0 && r.inverted_cells == 0);
  for (i = 0; i < NODES; ++i) sum += bits[i];
  CHECK(sum > 2.0 * (double)NODES && sum < 4.0 * (double)NODES);

  /* Doubles, columns one after another, and gaps: the same numbers. */
  b = amq_array_f64(given64, NODES, 2);
  v = amq_array_f64(solved64, NODES, 1);
  v.row_stride = 3;
  v.channel_stride = 1;
  CHECK(amq_solve(mesh, &b, &v, &o, NULL) == AMQ_OK);
  for (i = 0; i < NODES; ++i) CHECK(solved64[3 * i] == solved[i]);
  for (i = 0; i < NODES; ++i) {
    given64[i] = given32[2 * i];
    given64[NODES + i] = given32[2 * i + 1];
  }
  b.row_stride = 1;
  b.channel_stride = NODES;
  u.data = again;
  CHECK(amq_solve(mesh, &b, &u, &o, NULL) == AMQ_OK);
  CHECK(memcmp(again, solved, sizeof solved) == 0);

  /* Ids from 1, and the file from memory. */
  {
    amq_mesh_data one = square(SIDE, 1);
    amq_solver* second = NULL;
    FILE* f = fopen(path, "rb");
    static char bytes[4 << 20];
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f) fclose(f);
    CHECK(n > 1000 && n < sizeof bytes);
    CHECK(amq_open_memory(bytes, n, "darcy", NULL, &second) == AMQ_OK);
    CHECK(amq_mesh_new(second, &one, &fortran) == AMQ_OK);
    CHECK(amq_close(second) == AMQ_OK); /* the mesh goes on */
    memset(again, 0, sizeof again);
    CHECK(amq_solve(fortran, &a, &u, &o, NULL) == AMQ_OK);
    CHECK(memcmp(again, solved, sizeof solved) == 0);
    CHECK(amq_mesh_close(fortran) == AMQ_OK);
    REFUSED(amq_open_memory(bytes, n / 2, "half of it", NULL, &second), AMQ_FILE, "half of it");
    CHECK(second == NULL);
  }

  /* Bit operations are a budget; so is time, once this machine was measured. */
  o.unit = AMQ_BOPS;
  o.budget = r.bops_allowed;
  CHECK(amq_solve(mesh, &a, &u, &o, &low) == AMQ_OK);
  CHECK(low.bops <= r.bops_allowed && fabs(low.mean_bits - 3) < 1e-3);
  o.budget = 10;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "BOPs or more");
  o.unit = AMQ_MILLISECONDS;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "amq_measure");
  o.unit = AMQ_RELATIVE_L2;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "none in this solver");
  REFUSED(amq_held_out_error(solver, 0, NULL, NULL), AMQ_ARGUMENT, "none in this file");
  CHECK(info.held_out == 0);
  CHECK(amq_measure(mesh) == AMQ_OK);
  o.unit = AMQ_MEAN_BITS;
  o.budget = 4;
  CHECK(amq_solve(mesh, &a, &u, &o, &low) == AMQ_OK);
  CHECK(low.milliseconds_allowed > 0 && low.milliseconds_planned <= low.milliseconds_allowed);
  o.unit = AMQ_MILLISECONDS;
  o.budget = low.milliseconds_allowed;
  CHECK(amq_solve(mesh, &a, &u, &o, &low) == AMQ_OK);
  CHECK(low.milliseconds_planned <= o.budget);
  CHECK(low.mean_bits >= 1 && low.mean_bits <= 8);
  o.budget = 1e-7;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "budget of at least");
  o.budget = 0;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "above 0");
  o.budget = 1e6;
  CHECK(amq_solve(mesh, &a, &u, &o, &low) == AMQ_OK);
  CHECK(low.mean_bits == 8);
  o.unit = AMQ_BOPS;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "shares out time");

  /* Inputs unlike anything seen in training. */
  CHECK(amq_out_of_range(solver, AMQ_REFUSE, 0.5) == AMQ_OK);
  for (i = 0; i < NODES * 2; ++i) points[i] *= 1000;
  {
    amq_mesh* millimetres = NULL;
    d = amq_mesh_data_init();
    d.n_nodes = NODES;
    d.n_cells = CELLS;
    d.points = points;
    d.cells = cells;
    d.first_id = 1;
    d.mark_boundary = 1;
    CHECK(amq_mesh_new(solver, &d, &millimetres) == AMQ_OK);
    REFUSED(amq_solve(millimetres, &a, &u, NULL, NULL), AMQ_INPUT, "bounding box");
    CHECK(amq_out_of_range(solver, AMQ_REPORT, 0) == AMQ_OK);
    CHECK(amq_solve(millimetres, &a, &u, NULL, &r) == AMQ_OK);
    CHECK(r.outside > 100);
    CHECK(amq_mesh_close(millimetres) == AMQ_OK);
  }
  REFUSED(amq_out_of_range(solver, 7, 0), AMQ_ARGUMENT, "AMQ_IGNORE");
  CHECK(amq_mesh_close(mesh) == AMQ_OK);
  CHECK(amq_close(solver) == AMQ_OK);
}

static double least(double a, double b) {
  return a < b ? a : b;
}
/* Of a square it is known; into a column of a field as into memory of its own. */
static void boundary_distance(void) {
  amq_mesh_data d = square(SIDE, 1);
  amq_array a = amq_array_f64(given64, NODES, 1), column = amq_array_f32(given32 + 1, NODES, 1);
  const int32_t tetrahedron[4] = {0, 1, 2, 3};
  int i;
  make_given();
  CHECK(amq_boundary_distance(&d, &a) == AMQ_OK);
  column.row_stride = 2;
  CHECK(amq_boundary_distance(&d, &column) == AMQ_OK);
  for (i = 0; i < NODES; ++i) {
    const double x = points[2 * i], y = points[2 * i + 1];
    CHECK(fabs(given64[i] - least(least(x, 1 - x), least(y, 1 - y))) < 1e-15);
    CHECK(given32[2 * i + 1] == (float)given64[i]);
    CHECK(given32[2 * i] == (float)(7.5 + 4.5 * sin(0.1 * (2 * i))));
  }
  REFUSED(amq_boundary_distance(NULL, &a), AMQ_ARGUMENT, "amq_boundary_distance, data");
  REFUSED(amq_boundary_distance(&d, NULL), AMQ_ARGUMENT, "an amq_array");
  a.rows = 3;
  REFUSED(amq_boundary_distance(&d, &a), AMQ_ARGUMENT, "441 rows and 1 channels");
  a.rows = NODES;
  d.n_cells = 0;
  REFUSED(amq_boundary_distance(&d, &a), AMQ_ARGUMENT, "cells, whose sides");
  d = square(4, 0);
  a.rows = 25;
  cells[4] = 25;
  REFUSED(amq_boundary_distance(&d, &a), AMQ_INPUT, "25");
  d.dim = 3;
  d.n_nodes = a.rows = 4;
  d.nodes_per_cell = 4;
  d.n_cells = 1;
  d.cells = tetrahedron;
  d.mark_boundary = 0;
  REFUSED(amq_boundary_distance(&d, &a), AMQ_INPUT, "");
}

static void refusals(const char* path) {
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  amq_rollout* rollout = NULL;
  amq_info info = amq_info_init();
  amq_mesh_data d = square(4, 0);
  amq_array a = amq_array_f32(given32, 25, 2), u = amq_array_f32(solved, 25, 1), bad;
  amq_options o = amq_options_init();
  amq_report r = amq_report_init();
  float nothing = 0;
  int64_t rows;
  char text[8];
  int local;

  make_given();
  REFUSED(amq_open(NULL, NULL, &solver), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_open(path, NULL, NULL), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_open("no_such_file", NULL, &solver), AMQ_FILE, "no_such_file");
  REFUSED(amq_open(__FILE__, NULL, &solver), AMQ_FILE, "safetensors");
  REFUSED(amq_open_memory(NULL, 8, NULL, NULL, &solver), AMQ_ARGUMENT, "NULL");
  CHECK(solver == NULL);
  REFUSED(amq_inspect(NULL, &info), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_mesh_new(NULL, &d, &mesh), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_solve(NULL, &a, &u, NULL, NULL), AMQ_ARGUMENT, "found NULL. Open or make");
  REFUSED(amq_rollout_step(NULL, NULL, NULL, NULL), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_rows((amq_mesh*)&local, &rows), AMQ_CLOSED, "closed");
  CHECK(amq_close(NULL) == AMQ_OK && amq_mesh_close(NULL) == AMQ_OK);
  CHECK(amq_rollout_close(NULL) == AMQ_OK);

  CHECK(amq_open(path, NULL, &solver) == AMQ_OK);
  REFUSED(amq_inspect(solver, NULL), AMQ_ARGUMENT, "NULL");
  info.size = 4;
  REFUSED(amq_inspect(solver, &info), AMQ_ARGUMENT, "_init");
  info.size = offsetof(amq_info, held_out); /* a program of before */
  info.held_out = 77;
  CHECK(amq_inspect(solver, &info) == AMQ_OK && info.given == 2 && info.held_out == 77);
  REFUSED(amq_channel(solver, 0, 2, text, sizeof text, NULL, 0), AMQ_ARGUMENT, "0 to 1");
  REFUSED(amq_mesh_new(solver, NULL, &mesh), AMQ_ARGUMENT, "NULL");
  REFUSED(amq_mesh_new(solver, &d, NULL), AMQ_ARGUMENT, "NULL");
  d.points = NULL;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_ARGUMENT, "points");
  d = square(4, 0);
  d.dim = 4;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_ARGUMENT, "1 to 3");
  d = square(4, 0);
  d.cells = NULL;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_ARGUMENT, "cells");
  d = square(4, 1);
  d.first_id = 0; /* ids from 1, not said */
  d.mark_boundary = 0;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_INPUT, "");
  d = square(4, 0);
  d.mark_boundary = 0;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_INPUT, "type for every node");
  d = square(4, 0);
  d.n_nodes = -1;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_ARGUMENT, "n_nodes");
  {
    const int64_t n[2] = {4, 4};
    const double x[4] = {0, 1, 2, 3};
    const double* const axes[2] = {x, x};
    REFUSED(amq_grid_new(solver, 2, n, axes, &mesh), AMQ_INPUT, "solves on meshes");
    REFUSED(amq_grid_new(solver, 2, NULL, axes, &mesh), AMQ_ARGUMENT, "NULL");
  }
  CHECK(mesh == NULL);

  d = square(4, 0);
  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  REFUSED(amq_rows((amq_mesh*)solver, &rows), AMQ_CLOSED, "another kind");
  REFUSED(amq_solve(mesh, NULL, &u, NULL, NULL), AMQ_ARGUMENT, "NULL");
  bad = a;
  bad.rows = 24;
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "25 rows and 2 channels");
  bad = amq_array_f32(given32, 2, 25);
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "found 2 and 25. Turn it");
  bad = a;
  bad.type = 3;
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "AMQ_FLOAT32");
  bad = a;
  bad.data = NULL;
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "NULL");
  bad = a;
  bad.channel_stride = 25;
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "strides");
  bad.row_stride = INT64_MAX / 2; /* twice of which is no place */
  bad.channel_stride = 1;
  REFUSED(amq_solve(mesh, &bad, &u, NULL, NULL), AMQ_ARGUMENT, "strides of at most");
  bad = u;
  bad.channels = 2;
  REFUSED(amq_solve(mesh, &a, &bad, NULL, NULL), AMQ_ARGUMENT, "1 channels");
  given32[7] = nothing / nothing;
  REFUSED(amq_solve(mesh, &a, &u, NULL, NULL), AMQ_INPUT, "at node 3");
  make_given();
  o.unit = 9;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_ARGUMENT, "AMQ_RELATIVE_L2");
  o.unit = AMQ_MEAN_BITS;
  o.budget = 9;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "bits");
  o.budget = nothing / nothing;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "bits");
  o = amq_options_init();
  o.n_variables = 1;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_ARGUMENT, "variables");
  o.variables = given64;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_INPUT, "0 of time and parameters");
  r.node_bits = again;
  r.n_node_bits = 24;
  REFUSED(amq_solve(mesh, &a, &u, NULL, &r), AMQ_ARGUMENT, "25");
  REFUSED(amq_rollout_new(mesh, &a, NULL, &rollout), AMQ_INPUT, "Rollout");
  CHECK(rollout == NULL);

  CHECK(amq_mesh_close(mesh) == AMQ_OK);
  REFUSED(amq_mesh_close(mesh), AMQ_CLOSED, "closed");
  REFUSED(amq_solve(mesh, &a, &u, NULL, NULL), AMQ_CLOSED, "closed");
  {
    amq_mesh* later = NULL; /* in the place of the closed one, and not mistaken for it */
    CHECK(amq_mesh_new(solver, &d, &later) == AMQ_OK);
    CHECK(later != mesh);
    REFUSED(amq_solve(mesh, &a, &u, NULL, NULL), AMQ_CLOSED, "closed");
    CHECK(amq_mesh_close(later) == AMQ_OK);
  }
  CHECK(amq_close(solver) == AMQ_OK);
  REFUSED(amq_close(solver), AMQ_CLOSED, "closed");
  REFUSED(amq_inspect(solver, &info), AMQ_CLOSED, "closed");
}

/* The host's threads, as far as a test needs them: ranges in disorder, a failure, a lie. */
struct host {
  size_t loops;
  int say, skip;
};
static int backwards(void* host, size_t n, size_t grain, amq_body body, void* work) {
  struct host* h = (struct host*)host;
  size_t end = n;
  ++h->loops;
  if (h->say) return h->say;
  while (end > 0) {
    const size_t begin = (end - 1) / grain * grain;
    if (!(h->skip && begin == 0)) body(work, begin, end);
    end = begin;
  }
  return 0;
}

static void executors(const char* path) {
  struct host host = {0, 0, 0};
  amq_executor e;
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  amq_mesh_data d = square(SIDE, 0);
  amq_array a = amq_array_f32(given32, NODES, 2), u = amq_array_f32(again, NODES, 1);
  amq_options o = amq_options_init();
  o.unit = AMQ_MEAN_BITS;
  o.budget = 3;
  make_given();
  e.threads = 3;
  e.parallel_for = &backwards;
  e.host = &host;
  CHECK(amq_open(path, &e, &solver) == AMQ_OK);
  CHECK(host.loops > 0);
  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &u, &o, NULL) == AMQ_OK);
  CHECK(memcmp(again, solved, sizeof solved) == 0); /* shipped_model() has left it */
  host.say = 42;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_HOST, "returned 42");
  host.say = 0;
  host.skip = 1;
  REFUSED(amq_solve(mesh, &a, &u, &o, NULL), AMQ_HOST, "cover");
  host.skip = 0;
  memset(again, 0, sizeof again);
  CHECK(amq_solve(mesh, &a, &u, &o, NULL) == AMQ_OK);
  CHECK(memcmp(again, solved, sizeof solved) == 0);
  CHECK(amq_mesh_close(mesh) == AMQ_OK);
  CHECK(amq_close(solver) == AMQ_OK);
  e.parallel_for = NULL;
  REFUSED(amq_open(path, &e, &solver), AMQ_ARGUMENT, "parallel_for");
}

static int hold(void* host, float* state, int64_t rows, int64_t channels) {
  const int* say = (const int*)host;
  int64_t i;
  for (i = 0; i < rows; ++i) state[i * channels] = i == 0 ? 1.5f : state[i * channels];
  return *say;
}

/* The errors that the file keeps, 0.25 at 4 bits and 0.0625 at 8, and budgets by them. */
static void tolerances(amq_solver* solver, amq_mesh* mesh, const amq_info* info, const amq_array* a,
                       const amq_array* u) {
  amq_options o = amq_options_init();
  amq_report r = amq_report_init();
  double bits = 0, error = 0;
  o.unit = AMQ_RELATIVE_L2;
  o.budget = 0.25;
  if (info->on_grid) {
    CHECK(info->held_out == 0);
    REFUSED(amq_solve(mesh, a, u, &o, NULL), AMQ_INPUT, "keep no errors");
    return;
  }
  CHECK(info->held_out == 2);
  CHECK(amq_held_out_error(solver, 1, &bits, &error) == AMQ_OK);
  CHECK(bits == 8 && error == 0.0625);
  CHECK(amq_held_out_error(solver, 0, NULL, &error) == AMQ_OK && error == 0.25);
  REFUSED(amq_held_out_error(solver, 2, &bits, &error), AMQ_ARGUMENT, "0 to 1");
  REFUSED(amq_held_out_error(solver, -1, &bits, &error), AMQ_ARGUMENT, "0 to 1");
  REFUSED(amq_held_out_error(NULL, 0, &bits, &error), AMQ_ARGUMENT, "NULL");
  CHECK(amq_solve(mesh, a, u, &o, &r) == AMQ_OK && r.mean_bits == 4);
  o.budget = 0.2;
  CHECK(amq_solve(mesh, a, u, &o, &r) == AMQ_OK && r.mean_bits == 8);
  o.budget = 0.01;
  REFUSED(amq_solve(mesh, a, u, &o, NULL), AMQ_INPUT, "0.062500 or more");
}

/* Messages in words: fields far beyond those of calibration reach the largest, and the report says
 * so, unless the program is of before that member. */
static void words(const char* folder) {
  char path[1024];
  float given[25], said[25];
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  const amq_mesh_data d = square(4, 0);
  amq_report r = amq_report_init();
  const amq_array a = amq_array_f32(given, 25, 1), u = amq_array_f32(said, 25, 1);
  int k;
  for (k = 0; k < 25; ++k) given[k] = (float)(k % 7) / 7;
  snprintf(path, sizeof path, "%s/words/MpPde.safetensors", folder);
  CHECK(amq_open(path, NULL, &solver) == AMQ_OK);
  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  r.saturated = 77;
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.saturated == 0);
  for (k = 0; k < 25; ++k) given[k] *= 10000;
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.saturated > 0);
  r.cut_share = 77; /* rows of this scheme have ranges of their own */
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.cut_share == 0);
  r.size = offsetof(amq_report, cut_share); /* a program of before */
  r.cut_share = 77;
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.cut_share == 77 && r.saturated > 0);
  r.size = offsetof(amq_report, saturated); /* a program of before */
  r.saturated = 77;
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.saturated == 77 && r.bops > 0);
  r.size = 8;
  REFUSED(amq_solve(mesh, &a, &u, NULL, &r), AMQ_ARGUMENT, "_init");
  CHECK(amq_mesh_close(mesh) == AMQ_OK && amq_close(solver) == AMQ_OK);
}

/* Static ranges: of fields far beyond those of calibration rows are cut, and the report says of
 * what share. */
static void static_ranges(const char* folder) {
  char path[1024];
  float given[NODES], said[NODES];
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  const amq_mesh_data d = square(SIDE, 0);
  amq_report r = amq_report_init();
  const amq_array a = amq_array_f32(given, NODES, 1), u = amq_array_f32(said, NODES, 1);
  double usual;
  int k;
  for (k = 0; k < NODES; ++k) given[k] = (float)sin(0.37 * k);
  snprintf(path, sizeof path, "%s/static/MpPde.safetensors", folder);
  CHECK(amq_open(path, NULL, &solver) == AMQ_OK);
  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK);
  usual = r.cut_share;
  CHECK(usual >= 0 && usual < 0.5);
  for (k = 0; k < NODES; ++k) given[k] *= 1000;
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.cut_share > usual && r.cut_share <= 1);
  CHECK(amq_out_of_range(solver, AMQ_IGNORE, 0) == AMQ_OK); /* then nobody looks */
  CHECK(amq_solve(mesh, &a, &u, NULL, &r) == AMQ_OK && r.cut_share == 0);
  CHECK(amq_mesh_close(mesh) == AMQ_OK && amq_close(solver) == AMQ_OK);
}

/* A mesh that is given by its edges is the same to a network that reads sides of cells. */
static void edges(const char* folder) {
  enum { SHORT = 7, ALL = SHORT * SHORT, SIDES = 2 * 6 * 7 + 36 };
  char path[1024];
  float given[ALL], by_cells[ALL], by_edges[ALL];
  uint8_t type[ALL];
  int32_t sides[2 * SIDES];
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  amq_mesh_data d = square(6, 0);
  amq_report r = amq_report_init();
  const amq_array a = amq_array_f32(given, ALL, 1), u = amq_array_f32(by_cells, ALL, 1),
                  v = amq_array_f32(by_edges, ALL, 1);
  int i, j, n = 0;
  for (j = 0; j < SHORT; ++j)
    for (i = 0; i < SHORT; ++i) {
      const int k = j * SHORT + i;
      given[k] = (float)sin(0.37 * k);
      type[k] = i == 0 || j == 0 || i == 6 || j == 6 ? 6 : 0;
      if (i < 6) sides[n++] = k, sides[n++] = k + 1;
      if (j < 6) sides[n++] = k + SHORT, sides[n++] = k;
      if (i < 6 && j < 6) sides[n++] = k, sides[n++] = k + SHORT + 1;
    }
  CHECK(n == 2 * SIDES);
  snprintf(path, sizeof path, "%s/MpPde.safetensors", folder);
  CHECK(amq_open(path, NULL, &solver) == AMQ_OK && amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &u, NULL, NULL) == AMQ_OK && amq_mesh_close(mesh) == AMQ_OK);
  d.nodes_per_cell = 2;
  d.n_cells = SIDES;
  d.cells = sides;
  REFUSED(amq_mesh_new(solver, &d, &mesh), AMQ_INPUT, "triangles or quads");
  d.mark_boundary = 0;
  d.node_type = type;
  CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &v, NULL, &r) == AMQ_OK && r.unmarked_boundary_nodes == 0);
  CHECK(memcmp(by_cells, by_edges, sizeof by_cells) == 0);
  CHECK(amq_mesh_close(mesh) == AMQ_OK && amq_close(solver) == AMQ_OK);
}

/* The host's rounding is what its callbacks find, and what it finds again. */
static int rounds_up(void* host, float* state, int64_t rows, int64_t channels) {
  (void)state, (void)rows, (void)channels;
  *(int*)host = fegetround();
  return 0;
}
static int loops_run = 0;
static int loops_up(void* host, size_t n, size_t grain, void (*part)(void*, size_t, size_t),
                    void* work) {
  (void)grain;
  ++loops_run;
  if (fegetround() != FE_UPWARD) ++*(int*)host;
  part(work, 0, n);
  if (fegetround() != FE_UPWARD) ++*(int*)host;
  return 0;
}
static void environment(const char* folder) {
  char path[1024];
  float given[49], plain[49], upward[49];
  amq_solver* solver = NULL;
  amq_mesh* mesh = NULL;
  amq_rollout* rollout = NULL;
  const amq_mesh_data d = square(6, 0);
  const amq_array a = amq_array_f32(given, 49, 1), p = amq_array_f32(plain, 49, 1),
                  u = amq_array_f32(upward, 49, 1);
  amq_executor host;
  int k, seen = -1, wrong = 0;
  memset(&host, 0, sizeof host);
  host.parallel_for = &loops_up;
  host.host = &wrong;
  host.threads = 1;
  for (k = 0; k < 49; ++k) given[k] = (float)sin(0.37 * k);
  snprintf(path, sizeof path, "%s/MpPde.safetensors", folder);
  CHECK(amq_open(path, NULL, &solver) == AMQ_OK && amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &p, NULL, NULL) == AMQ_OK);
  CHECK(amq_mesh_close(mesh) == AMQ_OK && amq_close(solver) == AMQ_OK);
  CHECK(fesetround(FE_UPWARD) == 0);
  CHECK(amq_open(path, &host, &solver) == AMQ_OK && amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
  CHECK(amq_solve(mesh, &a, &u, NULL, NULL) == AMQ_OK);
  CHECK(amq_rollout_new(mesh, &a, NULL, &rollout) == AMQ_OK);
  CHECK(amq_rollout_step(rollout, &rounds_up, &seen, NULL) == AMQ_OK);
  CHECK(fegetround() == FE_UPWARD);
  CHECK(seen == FE_UPWARD && wrong == 0 && loops_run > 0);
  CHECK(fesetround(FE_TONEAREST) == 0);
  CHECK(memcmp(plain, upward, sizeof plain) == 0);
  CHECK(amq_rollout_close(rollout) == AMQ_OK);
  CHECK(amq_mesh_close(mesh) == AMQ_OK && amq_close(solver) == AMQ_OK);
}

/* Every network from its file: the self-test was replayed, a rollout is steps of solves. */
static void every_network(const char* folder) {
  int k, say = 0;
  const char* name;
  for (k = 0; (name = amq_network_name(k)) != NULL; ++k) {
    char path[1024], channel[16], unit[16];
    amq_solver* solver = NULL;
    amq_mesh* mesh = NULL;
    amq_rollout* rollout = NULL;
    amq_info info = amq_info_init();
    amq_report r = amq_report_init();
    amq_options o = amq_options_init();
    amq_array a, u, s;
    float state[2 * 96], step[96], want[2 * 96];
    int64_t rows = 0, i;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    CHECK(amq_open(path, NULL, &solver) == AMQ_OK);
    CHECK(amq_inspect(solver, &info) == AMQ_OK);
    CHECK(strcmp(info.network, name) == 0);
    CHECK(info.rolls_out == 1 && info.n_levels == 2);
    if (info.on_grid) {
      const int64_t n[2] = {8, 12};
      double x[8], y[12];
      const double* axes[2];
      axes[0] = x;
      axes[1] = y;
      for (i = 0; i < 8; ++i) x[i] = (double)i / 8;
      for (i = 0; i < 12; ++i) y[i] = (double)i / 12;
      CHECK(amq_grid_new(solver, 2, n, axes, &mesh) == AMQ_OK);
    } else {
      amq_mesh_data d = square(6, 0);
      CHECK(amq_mesh_new(solver, &d, &mesh) == AMQ_OK);
      CHECK(amq_channel(solver, 0, 0, channel, sizeof channel, unit, sizeof unit) == AMQ_OK);
      CHECK(strcmp(channel, "u") == 0 && strcmp(unit, "K") == 0);
      CHECK(amq_channel(solver, 1, 0, channel, 2, NULL, 0) == AMQ_OK);
      CHECK(strcmp(channel, "d") == 0); /* cut to the buffer */
    }
    CHECK(amq_rows(mesh, &rows) == AMQ_OK && rows <= 96);
    if (rows <= 0 || rows > 96) continue;
    for (i = 0; i < rows * info.given; ++i) state[i] = (float)sin(0.37 * (double)i);
    a = amq_array_f32(state, rows, info.given);
    u = amq_array_f32(step, rows, 1);
    s = amq_array_f32(want, rows, info.given);
    tolerances(solver, mesh, &info, &a, &u);
    o.unit = AMQ_MEAN_BITS;
    o.budget = 4;
    CHECK(amq_solve(mesh, &a, &u, &o, &r) == AMQ_OK);
    CHECK(r.bops > 0 && r.mean_bits == 4);
    CHECK(amq_rollout_new(mesh, &a, &o, &rollout) == AMQ_OK);
    CHECK(amq_rollout_allocate_every(rollout, 2) == AMQ_OK);
    CHECK(amq_rollout_step(rollout, &hold, &say, &r) == AMQ_OK);
    CHECK(amq_rollout_state(rollout, &s) == AMQ_OK);
    CHECK(want[0] == 1.5f);
    for (i = 1; i < rows; ++i) {
      if (info.on_grid) {
        CHECK(want[2 * i] == state[2 * i + 1]);
        CHECK(want[2 * i + 1] == step[i]);
      } else {
        CHECK(want[i] == state[i] + step[i]);
      }
    }
    say = 5;
    memcpy(state, want, sizeof want);
    REFUSED(amq_rollout_step(rollout, &hold, &say, NULL), AMQ_HOST, "returned 5");
    CHECK(amq_rollout_state(rollout, &s) == AMQ_OK && memcmp(want, state, sizeof want) == 0);
    say = 0;
    CHECK(amq_rollout_step(rollout, NULL, NULL, NULL) == AMQ_OK);
    REFUSED(amq_rollout_allocate_every(rollout, 0), AMQ_INPUT, "1 or more");
    /* What it is made of may be closed before it. */
    CHECK(amq_close(solver) == AMQ_OK && amq_mesh_close(mesh) == AMQ_OK);
    CHECK(amq_rollout_step(rollout, NULL, NULL, NULL) == AMQ_OK);
    CHECK(amq_rollout_close(rollout) == AMQ_OK);
    REFUSED(amq_rollout_step(rollout, NULL, NULL, NULL), AMQ_CLOSED, "closed");
  }
  CHECK(k >= 8);
  CHECK(amq_network_name(-1) == NULL);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  CHECK(amq_interface() == AMQ_INTERFACE);
  CHECK(strlen(amq_version()) >= 5 && strlen(amq_instruction_set()) > 2);
  CHECK(strcmp(amq_status_text(AMQ_OK), "done") == 0);
  shipped_model(argv[1]);
  executors(argv[1]);
  boundary_distance();
  refusals(argv[1]);
  every_network(argv[2]);
  words(argv[2]);
  static_ranges(argv[2]);
  environment(argv[2]);
  edges(argv[2]);
  printf("%d of %d checks failed\n", failures, checks);
  return failures > 99 ? 99 : failures;
}
