/* amq from C, and from whatever calls C: trained networks on meshes and grids, solved in integers.
 *
 *     amq_solver *solver;
 *     amq_mesh *mesh;
 *     amq_mesh_data where = amq_mesh_data_init();   // points, cells, node types
 *     amq_open("darcy.safetensors", NULL, &solver);
 *     amq_mesh_new(solver, &where, &mesh);
 *     amq_solve(mesh, &given, &solution, NULL, NULL);
 *
 * Every function but those that return a text returns AMQ_OK, which is 0, or another amq_status;
 * amq_last_error() then says what was expected, what came and the mend. Nothing throws, prints, or
 * ends the process. All functions may be called by any number of threads at once; a rollout is for
 * one thread at a time. Handles that were closed are refused, and are never read.
 *
 * The interface only grows. Structs begin with their size, so a program that was compiled with an
 * older header goes on working. Symbols carry the version they came with, AMQ_1 to AMQ_3.
 */
#ifndef AMQ_H
#define AMQ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(AMQ_C_BUILD) && defined(__GNUC__)
#define AMQ_API __attribute__((visibility("default")))
#else
#define AMQ_API
#endif

/* Of this header; amq_interface() is that of the library. */
#define AMQ_INTERFACE 4

typedef enum amq_status {
  AMQ_OK = 0,
  AMQ_ARGUMENT = 1, /* NULL, a wrong size, an unknown type: the call itself is wrong */
  AMQ_CLOSED = 2,   /* a handle that was closed, or never was one */
  AMQ_FILE = 3,     /* a model file that cannot be read or is refused */
  AMQ_INPUT = 4,    /* a mesh, field or budget that the network cannot take */
  AMQ_MEMORY = 5,
  AMQ_HOST = 6,    /* a callback of the host failed, or threw */
  AMQ_INTERNAL = 7 /* a fault of amq: please report it */
} amq_status;

typedef struct amq_solver amq_solver;   /* a model file */
typedef struct amq_mesh amq_mesh;       /* a mesh or a grid, made ready for a solver */
typedef struct amq_rollout amq_rollout; /* a state that goes from step to step */

/* "0.2.0" */
AMQ_API const char *amq_version(void);
/* AMQ_INTERFACE of the library that is loaded. */
AMQ_API int amq_interface(void);
/* What the kernels were compiled for, "avx2". */
AMQ_API const char *amq_instruction_set(void);
/* The k-th network that the library holds, "MpPde"; NULL from the last on. */
AMQ_API const char *amq_network_name(int k);
/* What a status means in a few words. */
AMQ_API const char *amq_status_text(int status);
/* Why this thread's last call failed; "" when it did not. Stands until the thread's next call. */
AMQ_API const char *amq_last_error(void);

/* ---- Threads of the host ------------------------------------------------------------------- */

typedef void (*amq_body)(void *work, size_t begin, size_t end);

/* Runs a loop on the host's threads. parallel_for calls body(work, begin, end) over disjoint ranges
 * that cover 0 to n, multiples of grain but for the last, from any threads, and returns 0 when all
 * have returned. Another value, an exception, or ranges that do not cover the loop: AMQ_HOST.
 * It is called in the host's floating-point environment; body computes in amq's. */
typedef struct amq_executor {
  size_t threads; /* that a loop is worth being cut for */
  int (*parallel_for)(void *host, size_t n, size_t grain, amq_body body, void *work);
  void *host; /* handed through */
} amq_executor;

/* ---- A model file -------------------------------------------------------------------------- */

/* Reads a model and replays its self-test, bit for bit. Network and scheme are the file's.
 * executor: copied; NULL: solves run on the thread that calls. */
AMQ_API int amq_open(const char *path, const amq_executor *executor, amq_solver **solver);
/* The same of a file in memory, which is not kept. name: for errors, may be NULL. */
AMQ_API int amq_open_memory(const void *bytes, size_t size, const char *name,
                            const amq_executor *executor, amq_solver **solver);
/* NULL is closed already. Meshes and rollouts made of it stay good until they are closed. */
AMQ_API int amq_close(amq_solver *solver);

#define AMQ_MOST_LEVELS 16

typedef struct amq_info {
  size_t size; /* sizeof(amq_info) */
  char network[64];
  char scheme[128];                 /* "w8a2,4,8_by_range" */
  int32_t on_grid;                  /* 1: amq_grid_new, 0: amq_mesh_new */
  int32_t dim;                      /* of points, or axes */
  int32_t adaptive;                 /* 1: any mean bits between the levels; 0: a level */
  int32_t marks_boundary;           /* 1: the network reads node types */
  int32_t rolls_out;                /* 1: amq_rollout_new */
  int32_t n_levels;                 /* bits that a row may have */
  int32_t levels[AMQ_MOST_LEVELS];  /* ascending */
  int64_t given, solution;          /* channels in and out */
  int64_t variables;                /* time and parameters of the equation */
  int64_t parameters;               /* numbers of the network */
  double bytes;                     /* that codes, steps and biases take */
  double least_nodes, most_nodes;   /* of the meshes it was trained on; 0: not known */
  double budget;                    /* mean bits of solves that ask for none */
  int64_t held_out;                 /* budgets whose errors the file keeps: amq_held_out_error */
} amq_info;

AMQ_API int amq_inspect(amq_solver *solver, amq_info *info);

/* What answers to samples that were held out of training erred at the k-th budget, from low ones to
 * high. relative_l2: mean over samples of |answer - solution| / |solution|. A result may be NULL. */
AMQ_API int amq_held_out_error(amq_solver *solver, int64_t k, double *mean_bits, double *relative_l2);

/* Name and unit of a channel, cut to the buffers, which end with 0; empty where the file has none.
 * of_solution: 0 for a given channel. A buffer may be NULL. */
AMQ_API int amq_channel(amq_solver *solver, int of_solution, int64_t channel, char *name,
                        size_t name_size, char *unit, size_t unit_size);

enum { AMQ_IGNORE = 0, AMQ_REPORT = 1, AMQ_REFUSE = 2 };
/* What is done about inputs outside of what training saw; AMQ_REPORT at first. tolerance: refused
 * beyond, in the units of amq_report. Waits for solves that run. */
AMQ_API int amq_out_of_range(amq_solver *solver, int policy, double tolerance);

/* ---- Where it is solved -------------------------------------------------------------------- */

typedef struct amq_mesh_data {
  size_t size;             /* sizeof(amq_mesh_data) */
  int32_t dim;             /* 1 to 3 */
  int32_t nodes_per_cell;  /* 3 triangles, 4 quads or tetrahedra, 8 hexahedra; 2: cells are edges */
  int32_t cell_dim;        /* 0: as the cell says; 2: quads on a surface in space */
  int32_t first_id;        /* what ids in cells are counted from: 0, or 1 */
  int32_t mark_boundary;   /* 1: nodes on a boundary of plane cells become walls */
  int64_t n_nodes, n_cells;
  const double *points;    /* (node, dim); coordinates of a node side by side */
  int64_t point_stride;    /* from node to node, in numbers, to 2^31 - 1; 0: dim */
  const int32_t *cells;    /* (cell, nodes_per_cell); each edge once, in either direction */
  const uint8_t *node_type; /* (node) 0 normal, 4 inflow, 5 outflow, 6 wall, ...; NULL: none */
} amq_mesh_data;

/* Examines the mesh and builds all that is done once: copied, nothing of the caller's is kept. */
AMQ_API int amq_mesh_new(amq_solver *solver, const amq_mesh_data *data, amq_mesh **mesh);
/* A regular grid. axes[d]: points[d] ascending coordinates; the last axis is the fastest. */
AMQ_API int amq_grid_new(amq_solver *solver, int dims, const int64_t *points,
                         const double *const *axes, amq_mesh **mesh);
AMQ_API int amq_mesh_close(amq_mesh *mesh);
/* Rows of fields: nodes of the mesh, or points of the grid. */
AMQ_API int amq_rows(amq_mesh *mesh, int64_t *rows);

/* Measures what rows and passes of this mesh take on this machine, in about a second. From then on the
 * solver shares out time: AMQ_MILLISECONDS is a budget, AMQ_BOPS is none. Waits for solves that
 * run. Networks on grids have no rows to choose from, and refuse. */
AMQ_API int amq_measure(amq_mesh *mesh);

/* ---- Solving ------------------------------------------------------------------------------- */

enum { AMQ_FLOAT32 = 1, AMQ_FLOAT64 = 2 };

/* A field in the caller's memory, in the caller's units. The network computes in float32. */
typedef struct amq_array {
  void *data;
  int32_t type;                        /* AMQ_FLOAT32 or AMQ_FLOAT64 */
  int32_t reserved;                    /* 0 */
  int64_t rows, channels;
  int64_t row_stride, channel_stride;  /* in numbers, within 2^31; both 0: row after row */
} amq_array;

/* distance (node, 1): how far each node is from the boundary of plane cells, in the unit of the points;
 * 0 on it. It is the last given channel of a solver that was trained with boundary_distance, and may
 * be written into that column of a field: a row_stride as of the field. Needs no solver; types of
 * nodes are not read. Since AMQ_INTERFACE 4. */
AMQ_API int amq_boundary_distance(const amq_mesh_data *data, const amq_array *distance);

/* AMQ_RELATIVE_L2: the smallest budget whose error on samples held out of training was no more, as
 * the file keeps it; what your own problems err may be more. */
enum { AMQ_DEFAULT = 0, AMQ_MEAN_BITS = 1, AMQ_BOPS = 2, AMQ_MILLISECONDS = 3, AMQ_RELATIVE_L2 = 4 };

typedef struct amq_options {
  size_t size;     /* sizeof(amq_options) */
  int32_t unit;    /* of the budget; AMQ_DEFAULT: the file's */
  double budget;   /* what a pass may cost, or AMQ_RELATIVE_L2: err */
  const double *variables; /* time and parameters of the equation */
  int64_t n_variables;
} amq_options;

typedef struct amq_report {
  size_t size;              /* sizeof(amq_report) */
  double mean_bits;         /* the budget, in bits a row; of a time, the mean that nodes got */
  double bops, bops_allowed;  /* bit operations spent, and the budget; 0 where it is time */
  double bops_of_choosing, bops_of_float;
  double milliseconds;                             /* that the call took */
  double milliseconds_planned, milliseconds_allowed; /* of the pass, where the budget is time */
  /* How far the input lies outside of what training saw; 0: inside. The first is the largest of its parts, of which
     one is `saturated` over the nodes. See docs/solver.md. */
  double outside, outside_box, outside_nodes, outside_edges, outside_given;
  int64_t outside_channel;  /* the given channel furthest outside; -1: none */
  int64_t inverted_cells, flat_cells, doubled_cells, bodies, unmarked_boundary_nodes;
  int64_t n_node_bits;      /* room at node_bits */
  float *node_bits;         /* (node) the caller's memory for the mean bits of each node, or NULL */
  /* Since AMQ_INTERFACE 3. */
  int64_t saturated;        /* rows of messages kept in words that were cut at the largest word */
  /* Since AMQ_INTERFACE 4. */
  double cut_share;         /* of rows of static ranges, by a sample: those with numbers beyond them */
} amq_report;

/* given (row, given channel) -> solution (row, solution channel). The two may be the same memory.
 * options, report: may be NULL. */
AMQ_API int amq_solve(amq_mesh *mesh, const amq_array *given, const amq_array *solution,
                      const amq_options *options, amq_report *report);

/* ---- Steps in time ------------------------------------------------------------------------- */

/* start (row, given channel): copied. options: of all steps, may be NULL. */
AMQ_API int amq_rollout_new(amq_mesh *mesh, const amq_array *start, const amq_options *options,
                            amq_rollout **rollout);
AMQ_API int amq_rollout_close(amq_rollout *rollout);
/* Bits are chosen at the next step and at every n-th after it. 1 at first. */
AMQ_API int amq_rollout_allocate_every(amq_rollout *rollout, int64_t n);
/* Sets in state (row, channel), row after row, what the host prescribes; not 0: AMQ_HOST,
 * and the state stays as it was before the step. It is called in the host's floating-point
 * environment. */
typedef int (*amq_boundary)(void *host, float *state, int64_t rows, int64_t channels);
/* One step. boundary, report: may be NULL. */
AMQ_API int amq_rollout_step(amq_rollout *rollout, amq_boundary boundary, void *host,
                             amq_report *report);
/* Copies the state out. */
AMQ_API int amq_rollout_state(amq_rollout *rollout, const amq_array *state);

/* ---- Beginnings ---------------------------------------------------------------------------- */

static inline amq_info amq_info_init(void) {
  amq_info i;
  memset(&i, 0, sizeof i);
  i.size = sizeof i;
  return i;
}
static inline amq_mesh_data amq_mesh_data_init(void) {
  amq_mesh_data m;
  memset(&m, 0, sizeof m);
  m.size = sizeof m;
  m.dim = 2;
  m.nodes_per_cell = 3;
  return m;
}
static inline amq_options amq_options_init(void) {
  amq_options o;
  memset(&o, 0, sizeof o);
  o.size = sizeof o;
  return o;
}
static inline amq_report amq_report_init(void) {
  amq_report r;
  memset(&r, 0, sizeof r);
  r.size = sizeof r;
  return r;
}
/* Row after row. Data that is only read may be const: cast it. */
static inline amq_array amq_array_f32(float *data, int64_t rows, int64_t channels) {
  amq_array a;
  memset(&a, 0, sizeof a);
  a.data = data;
  a.type = AMQ_FLOAT32;
  a.rows = rows;
  a.channels = channels;
  return a;
}
static inline amq_array amq_array_f64(double *data, int64_t rows, int64_t channels) {
  amq_array a;
  memset(&a, 0, sizeof a);
  a.data = data;
  a.type = AMQ_FLOAT64;
  a.rows = rows;
  a.channels = channels;
  return a;
}

#ifdef __cplusplus
}
#endif
#endif
