!> amq from Fortran: trained networks on meshes and grids, solved in integers.
!>
!>     use amq
!>     type(amq_solver) :: solver
!>     type(amq_mesh) :: mesh
!>     call solver%open('darcy.safetensors')
!>     call mesh%new(solver, points, cells, mark_boundary=.true.)   ! points(dim, node), cells(corner, cell)
!>     call mesh%solve(a, u, mean_bits=3.0d0)                       ! a(node, channel), u(node)
!>
!> Ids of nodes begin at 1. Fields are arrays (node, channel) of real32 or real64, those of a call of one kind, with any
!> strides, or (channel, node) with channels_first=.true.; none is copied by this module. Every procedure has
!> stat and errmsg, as allocate has: without stat an error ends the program with its sentence. What
!> is open is closed when it goes out of scope. Do not assign one handle to another: pass it.
module amq
  use, intrinsic :: iso_c_binding
  use, intrinsic :: iso_fortran_env, only: real32, real64, int32, int64
  implicit none
  private

  public :: amq_solver, amq_mesh, amq_rollout, amq_info, amq_report, amq_executor
  public :: amq_version, amq_boundary, amq_boundary_distance
  integer, parameter, public :: amq_ok = 0, amq_argument = 1, amq_closed = 2, amq_file = 3, &
      amq_input = 4, amq_memory = 5, amq_host = 6, amq_internal = 7
  integer, parameter, public :: amq_ignore = 0, amq_do_report = 1, amq_refuse = 2
  integer, parameter :: several = -1  !< in place of a unit: more than one budget was given

  !> See amq_executor in amq.h: threads of the host.
  type, bind(c) :: amq_executor
    integer(c_size_t) :: threads = 1
    type(c_funptr) :: parallel_for = c_null_funptr
    type(c_ptr) :: host = c_null_ptr
  end type

  !> What a file holds.
  type :: amq_info
    character(len=:), allocatable :: network, scheme
    logical :: on_grid = .false., adaptive = .false., marks_boundary = .false., rolls_out = .false.
    integer :: dim = 0
    integer, allocatable :: levels(:)
    integer(int64) :: given = 0, solution = 0, variables = 0, parameters = 0
    real(real64) :: bytes = 0, least_nodes = 0, most_nodes = 0, budget = 0
    !> What answers to samples held out of training erred, and at how many mean bits, ascending.
    real(real64), allocatable :: held_out_bits(:), held_out_errors(:)
  end type

  !> What a solve cost, and how far its input lay outside of what training saw: amq_report in amq.h.
  type, bind(c) :: amq_report
    integer(c_size_t) :: size = 0
    real(c_double) :: mean_bits = 0, bops = 0, bops_allowed = 0, bops_of_choosing = 0, bops_of_float = 0
    real(c_double) :: milliseconds = 0, milliseconds_planned = 0, milliseconds_allowed = 0
    real(c_double) :: outside = 0, outside_box = 0, outside_nodes = 0, outside_edges = 0, outside_given = 0
    integer(c_int64_t) :: outside_channel = -1  !< counted from 1; 0: none
    integer(c_int64_t) :: inverted_cells = 0, flat_cells = 0, doubled_cells = 0, bodies = 0
    integer(c_int64_t) :: unmarked_boundary_nodes = 0, n_node_bits = 0
    type(c_ptr) :: node_bits = c_null_ptr
    integer(c_int64_t) :: saturated = 0  !< rows of messages kept in words that were cut at the largest word
    real(c_double) :: cut_share = 0  !< of rows of static ranges, by a sample: those with numbers beyond them
  end type

  type, bind(c) :: c_info
    integer(c_size_t) :: size
    character(kind=c_char) :: network(64), scheme(128)
    integer(c_int32_t) :: on_grid, dim, adaptive, marks_boundary, rolls_out, n_levels, levels(16)
    integer(c_int64_t) :: given, solution, variables, parameters
    real(c_double) :: bytes, least_nodes, most_nodes, budget
    integer(c_int64_t) :: held_out
  end type
  type, bind(c) :: c_mesh_data
    integer(c_size_t) :: size
    integer(c_int32_t) :: dim, nodes_per_cell, cell_dim, first_id, mark_boundary
    integer(c_int64_t) :: n_nodes, n_cells
    type(c_ptr) :: points
    integer(c_int64_t) :: point_stride
    type(c_ptr) :: cells, node_type
  end type
  type, bind(c) :: c_array
    type(c_ptr) :: data
    integer(c_int32_t) :: kind, reserved
    integer(c_int64_t) :: rows, channels, row_stride, channel_stride
  end type
  type, bind(c) :: c_options
    integer(c_size_t) :: size
    integer(c_int32_t) :: unit
    real(c_double) :: budget
    type(c_ptr) :: variables
    integer(c_int64_t) :: n_variables
  end type

  !> A model file.
  type :: amq_solver
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: open => solver_open
    procedure :: close => solver_close
    procedure :: inspect => solver_inspect
    procedure :: out_of_range => solver_out_of_range
    final :: solver_final
  end type

  !> A mesh or a grid, made ready for a solver, which may be closed before it.
  type :: amq_mesh
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: new => mesh_new
    procedure :: new_grid => mesh_new_grid
    procedure :: close => mesh_close
    procedure :: rows => mesh_rows
    procedure :: measure => mesh_measure
    procedure, private :: solve_22_32, solve_21_32, solve_11_32, solve_22_64, solve_21_64, solve_11_64
    !> solve(given, solution [, channels_first, mean_bits | bops | milliseconds | relative_l2, variables, report,
    !> node_bits, stat, errmsg])
    generic :: solve => solve_22_32, solve_21_32, solve_11_32, solve_22_64, solve_21_64, solve_11_64
    final :: mesh_final
  end type

  !> A state that goes from step to step.
  type :: amq_rollout
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure, private :: start_2_32, start_1_32, start_2_64, start_1_64
    !> start(mesh, state [, channels_first, mean_bits | bops | milliseconds | relative_l2, variables, stat, errmsg])
    generic :: start => start_2_32, start_1_32, start_2_64, start_1_64
    procedure :: allocate_every => rollout_allocate_every
    procedure :: step => rollout_step
    procedure, private :: state_2_32, state_1_32, state_2_64, state_1_64
    !> state(into [, channels_first, stat, errmsg])
    generic :: state => state_2_32, state_1_32, state_2_64, state_1_64
    procedure :: close => rollout_close
    final :: rollout_final
  end type

  abstract interface
    !> Sets in state(channel, node) what the boundary prescribes.
    subroutine amq_boundary(state)
      import :: c_float
      real(c_float), intent(inout) :: state(:, :)
    end subroutine
  end interface
  type :: boundary_holder
    procedure(amq_boundary), pointer, nopass :: set => null()
  end type

  interface
    function c_version() bind(c, name='amq_version') result(r)
      import :: c_ptr
      type(c_ptr) :: r
    end function
    function c_last_error() bind(c, name='amq_last_error') result(r)
      import :: c_ptr
      type(c_ptr) :: r
    end function
    function c_strlen(s) bind(c, name='strlen') result(n)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: s
      integer(c_size_t) :: n
    end function
    function c_open(path, executor, solver) bind(c, name='amq_open') result(rc)
      import :: c_char, c_ptr, c_int
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), value :: executor
      type(c_ptr), intent(out) :: solver
      integer(c_int) :: rc
    end function
    function c_close(solver) bind(c, name='amq_close') result(rc)
      import :: c_ptr, c_int
      type(c_ptr), value :: solver
      integer(c_int) :: rc
    end function
    function c_inspect(solver, info) bind(c, name='amq_inspect') result(rc)
      import :: c_ptr, c_int, c_info
      type(c_ptr), value :: solver
      type(c_info), intent(inout) :: info
      integer(c_int) :: rc
    end function
    function c_held_out_error(solver, k, mean_bits, relative_l2) bind(c, name='amq_held_out_error') result(rc)
      import :: c_ptr, c_int, c_int64_t, c_double
      type(c_ptr), value :: solver
      integer(c_int64_t), value :: k
      real(c_double), intent(out) :: mean_bits, relative_l2
      integer(c_int) :: rc
    end function
    function c_out_of_range(solver, policy, tolerance) bind(c, name='amq_out_of_range') result(rc)
      import :: c_ptr, c_int, c_double
      type(c_ptr), value :: solver
      integer(c_int), value :: policy
      real(c_double), value :: tolerance
      integer(c_int) :: rc
    end function
    function c_mesh_new(solver, data, mesh) bind(c, name='amq_mesh_new') result(rc)
      import :: c_ptr, c_int, c_mesh_data
      type(c_ptr), value :: solver
      type(c_mesh_data), intent(in) :: data
      type(c_ptr), intent(out) :: mesh
      integer(c_int) :: rc
    end function
    function c_boundary_distance(data, distance) bind(c, name='amq_boundary_distance') result(rc)
      import :: c_int, c_mesh_data, c_array
      type(c_mesh_data), intent(in) :: data
      type(c_array), intent(in) :: distance
      integer(c_int) :: rc
    end function
    function c_grid_new(solver, dims, points, axes, mesh) bind(c, name='amq_grid_new') result(rc)
      import :: c_ptr, c_int, c_int64_t
      type(c_ptr), value :: solver
      integer(c_int), value :: dims
      integer(c_int64_t), intent(in) :: points(*)
      type(c_ptr), intent(in) :: axes(*)
      type(c_ptr), intent(out) :: mesh
      integer(c_int) :: rc
    end function
    function c_mesh_close(mesh) bind(c, name='amq_mesh_close') result(rc)
      import :: c_ptr, c_int
      type(c_ptr), value :: mesh
      integer(c_int) :: rc
    end function
    function c_rows(mesh, rows) bind(c, name='amq_rows') result(rc)
      import :: c_ptr, c_int, c_int64_t
      type(c_ptr), value :: mesh
      integer(c_int64_t), intent(out) :: rows
      integer(c_int) :: rc
    end function
    function c_measure(mesh) bind(c, name='amq_measure') result(rc)
      import :: c_ptr, c_int
      type(c_ptr), value :: mesh
      integer(c_int) :: rc
    end function
    function c_solve(mesh, given, solution, options, report) bind(c, name='amq_solve') result(rc)
      import :: c_ptr, c_int, c_array, c_options
      type(c_ptr), value :: mesh
      type(c_array), intent(in) :: given, solution
      type(c_options), intent(in) :: options
      type(c_ptr), value :: report
      integer(c_int) :: rc
    end function
    function c_rollout_new(mesh, start, options, rollout) bind(c, name='amq_rollout_new') result(rc)
      import :: c_ptr, c_int, c_array, c_options
      type(c_ptr), value :: mesh
      type(c_array), intent(in) :: start
      type(c_options), intent(in) :: options
      type(c_ptr), intent(out) :: rollout
      integer(c_int) :: rc
    end function
    function c_rollout_close(rollout) bind(c, name='amq_rollout_close') result(rc)
      import :: c_ptr, c_int
      type(c_ptr), value :: rollout
      integer(c_int) :: rc
    end function
    function c_rollout_allocate_every(rollout, n) bind(c, name='amq_rollout_allocate_every') result(rc)
      import :: c_ptr, c_int, c_int64_t
      type(c_ptr), value :: rollout
      integer(c_int64_t), value :: n
      integer(c_int) :: rc
    end function
    function c_rollout_step(rollout, boundary, host, report) bind(c, name='amq_rollout_step') result(rc)
      import :: c_ptr, c_int, c_funptr
      type(c_ptr), value :: rollout
      type(c_funptr), value :: boundary
      type(c_ptr), value :: host, report
      integer(c_int) :: rc
    end function
    function c_rollout_state(rollout, state) bind(c, name='amq_rollout_state') result(rc)
      import :: c_ptr, c_int, c_array
      type(c_ptr), value :: rollout
      type(c_array), intent(in) :: state
      integer(c_int) :: rc
    end function
  end interface

  !> amq_boundary_distance(points, cells, distance [, cell_dim, stat, errmsg]): how far each node is from the boundary
  !> of plane cells, in the unit of the points; the last given channel of solvers that were trained with it.
  interface amq_boundary_distance
    module procedure boundary_distance_32, boundary_distance_64
  end interface

  !> An array as the library takes it: address, extents, strides.
  interface as_array
    module procedure as_array_1_32, as_array_2_32, as_array_1_64, as_array_2_64
  end interface

contains

  function text_at(p) result(text)
    type(c_ptr), intent(in) :: p
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: c(:)
    integer :: i, n
    n = int(c_strlen(p))
    allocate (character(len=n) :: text)
    call c_f_pointer(p, c, [n])
    do i = 1, n
      text(i:i) = c(i)
    end do
  end function

  function text_of(c) result(text)
    character(kind=c_char), intent(in) :: c(:)
    character(len=:), allocatable :: text
    integer :: i, n
    n = 0
    do while (n < size(c))
      if (c(n + 1) == c_null_char) exit
      n = n + 1
    end do
    allocate (character(len=n) :: text)
    do i = 1, n
      text(i:i) = c(i)
    end do
  end function

  function amq_version() result(text)
    character(len=:), allocatable :: text
    text = text_at(c_version())
  end function

  !> As allocate does: an error without stat ends the program.
  !> Whether a call names more than one budget, which is told.
  logical function has_several(options, stat, errmsg)
    type(c_options), intent(in) :: options
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    character(len=*), parameter :: why = 'amq: budget: expected one of mean_bits, bops, milliseconds and relative_l2, '// &
        'found more of them. Give one.'
    has_several = options%unit == several
    if (.not. has_several) return
    if (present(errmsg)) errmsg = why
    if (present(stat)) then
      stat = amq_argument
      return
    end if
    print '(a)', why
    error stop 1
  end function

  subroutine answer(rc, stat, errmsg)
    integer(c_int), intent(in) :: rc
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    if (present(stat)) stat = int(rc)
    if (rc == 0) return
    if (present(errmsg)) errmsg = text_at(c_last_error())
    if (present(stat)) return
    print '(a)', text_at(c_last_error())
    error stop 1
  end subroutine

  ! ---- Solver

  subroutine solver_open(this, path, executor, stat, errmsg)
    class(amq_solver), intent(inout) :: this
    character(len=*), intent(in) :: path
    type(amq_executor), intent(in), target, optional :: executor  !< copied
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_ptr) :: host, made
    integer(c_int) :: rc
    host = c_null_ptr
    if (present(executor)) host = c_loc(executor)
    rc = c_open(trim(path)//c_null_char, host, made)
    if (rc == 0) then
      call solver_final(this)
      this%handle = made
    end if
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine solver_close(this)
    class(amq_solver), intent(inout) :: this
    call solver_final(this)
  end subroutine

  subroutine solver_final(this)
    type(amq_solver), intent(inout) :: this
    integer(c_int) :: rc
    if (c_associated(this%handle)) rc = c_close(this%handle)
    this%handle = c_null_ptr
  end subroutine

  subroutine solver_inspect(this, info, stat, errmsg)
    class(amq_solver), intent(in) :: this
    type(amq_info), intent(out) :: info
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_info) :: c
    integer(c_int) :: rc
    integer(c_int64_t) :: k
    c%size = c_sizeof(c)
    rc = c_inspect(this%handle, c)
    if (rc == 0) then
      info%network = text_of(c%network)
      info%scheme = text_of(c%scheme)
      info%on_grid = c%on_grid /= 0
      info%adaptive = c%adaptive /= 0
      info%marks_boundary = c%marks_boundary /= 0
      info%rolls_out = c%rolls_out /= 0
      info%dim = int(c%dim)
      info%levels = int(c%levels(:c%n_levels))
      info%given = c%given
      info%solution = c%solution
      info%variables = c%variables
      info%parameters = c%parameters
      info%bytes = c%bytes
      info%least_nodes = c%least_nodes
      info%most_nodes = c%most_nodes
      info%budget = c%budget
      allocate (info%held_out_bits(c%held_out), info%held_out_errors(c%held_out))
      do k = 1, c%held_out
        rc = c_held_out_error(this%handle, k - 1, info%held_out_bits(k), info%held_out_errors(k))
        if (rc /= 0) exit
      end do
    end if
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine solver_out_of_range(this, policy, tolerance, stat, errmsg)
    class(amq_solver), intent(in) :: this
    integer, intent(in) :: policy  !< amq_ignore, amq_do_report, amq_refuse
    real(real64), intent(in), optional :: tolerance
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    real(c_double) :: t
    t = 0
    if (present(tolerance)) t = tolerance
    call answer(c_out_of_range(this%handle, int(policy, c_int), t), stat, errmsg)
  end subroutine

  ! ---- Mesh

  !> As the library takes it, without types of nodes. What it points to is the caller's.
  function as_mesh_data(points, cells, cell_dim) result(d)
    real(real64), intent(in), target, contiguous :: points(:, :)
    integer(int32), intent(in), target, contiguous :: cells(:, :)
    integer, intent(in), optional :: cell_dim
    type(c_mesh_data) :: d
    d%size = c_sizeof(d)
    d%dim = size(points, 1)
    d%nodes_per_cell = size(cells, 1)
    d%cell_dim = 0
    if (present(cell_dim)) d%cell_dim = cell_dim
    d%first_id = 1
    d%mark_boundary = 0
    d%n_nodes = size(points, 2)
    d%n_cells = size(cells, 2)
    d%points = c_null_ptr
    if (size(points) > 0) d%points = c_loc(points)
    d%point_stride = 0
    d%cells = c_null_ptr
    if (size(cells) > 0) d%cells = c_loc(cells)
    d%node_type = c_null_ptr
  end function

  subroutine boundary_distance_32(points, cells, distance, cell_dim, stat, errmsg)
    real(real64), intent(in), target, contiguous :: points(:, :)    !< (dim, node)
    integer(int32), intent(in), target, contiguous :: cells(:, :)   !< (corner, cell), ids from 1
    real(real32), intent(inout), target :: distance(:)              !< (node)
    integer, intent(in), optional :: cell_dim
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_boundary_distance(as_mesh_data(points, cells, cell_dim), as_array(distance)), stat, errmsg)
  end subroutine
  subroutine boundary_distance_64(points, cells, distance, cell_dim, stat, errmsg)
    real(real64), intent(in), target, contiguous :: points(:, :)
    integer(int32), intent(in), target, contiguous :: cells(:, :)
    real(real64), intent(inout), target :: distance(:)
    integer, intent(in), optional :: cell_dim
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_boundary_distance(as_mesh_data(points, cells, cell_dim), as_array(distance)), stat, errmsg)
  end subroutine

  subroutine mesh_new(this, solver, points, cells, node_type, mark_boundary, cell_dim, stat, errmsg)
    class(amq_mesh), intent(inout) :: this
    type(amq_solver), intent(in) :: solver
    real(real64), intent(in), target, contiguous :: points(:, :)    !< (dim, node)
    integer(int32), intent(in), target, contiguous :: cells(:, :)   !< (corner, cell), ids from 1
    integer, intent(in), optional :: node_type(:)                   !< (node) 0 normal, 6 wall, ...
    logical, intent(in), optional :: mark_boundary
    integer, intent(in), optional :: cell_dim
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_mesh_data) :: d
    type(c_ptr) :: made
    integer(c_int8_t), allocatable, target :: types(:)
    integer(c_int) :: rc
    d = as_mesh_data(points, cells, cell_dim)
    if (present(mark_boundary)) d%mark_boundary = merge(1, 0, mark_boundary)
    allocate (types(max(1, size(points, 2))))
    if (present(node_type)) then
      if (size(node_type) /= size(points, 2)) then
        if (present(errmsg)) errmsg = 'amq: mesh%new, node_type: expected a type for every node'
        if (.not. present(stat)) error stop 'amq: mesh%new, node_type: expected a type for every node'
        stat = amq_argument
        return
      end if
      ! What is no type becomes one that does not exist, and is refused by its node.
      types(:size(node_type)) = int(merge(node_type, 127, node_type >= 0 .and. node_type < 127), c_int8_t)
      d%node_type = c_loc(types)
    end if
    rc = c_mesh_new(solver%handle, d, made)
    if (rc == 0) then
      call mesh_final(this)
      this%handle = made
    end if
    call answer(rc, stat, errmsg)
  end subroutine

  !> A regular grid: rows of fields run along the last axis first, as u(i_last, ..., i_first) lies.
  subroutine mesh_new_grid(this, solver, x, y, z, stat, errmsg)
    class(amq_mesh), intent(inout) :: this
    type(amq_solver), intent(in) :: solver
    real(real64), intent(in), target, contiguous :: x(:)
    real(real64), intent(in), target, contiguous, optional :: y(:), z(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    integer(c_int64_t) :: n(3)
    type(c_ptr) :: axes(3), made
    integer(c_int) :: rc, dims
    n = 0
    axes = c_null_ptr
    dims = 1
    n(1) = size(x)
    axes(1) = c_loc(x)
    if (present(y)) then
      dims = 2
      n(2) = size(y)
      axes(2) = c_loc(y)
      if (present(z)) then
        dims = 3
        n(3) = size(z)
        axes(3) = c_loc(z)
      end if
    end if
    rc = c_grid_new(solver%handle, dims, n, axes, made)
    if (rc == 0) then
      call mesh_final(this)
      this%handle = made
    end if
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine mesh_close(this)
    class(amq_mesh), intent(inout) :: this
    call mesh_final(this)
  end subroutine

  subroutine mesh_final(this)
    type(amq_mesh), intent(inout) :: this
    integer(c_int) :: rc
    if (c_associated(this%handle)) rc = c_mesh_close(this%handle)
    this%handle = c_null_ptr
  end subroutine

  subroutine mesh_rows(this, rows, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    integer(int64), intent(out) :: rows
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    rows = 0
    call answer(c_rows(this%handle, rows), stat, errmsg)
  end subroutine

  subroutine mesh_measure(this, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_measure(this%handle), stat, errmsg)
  end subroutine

  ! ---- Arrays

  !> In numbers of so many bytes.
  pure function numbers_between(p, q, bytes) result(n)
    type(c_ptr), intent(in) :: p, q
    integer, intent(in) :: bytes
    integer(c_int64_t) :: n
    n = (transfer(q, 0_c_intptr_t) - transfer(p, 0_c_intptr_t))/bytes
  end function

  subroutine turn(a, channels_first)
    type(c_array), intent(inout) :: a
    logical, intent(in), optional :: channels_first
    integer(c_int64_t) :: n
    if (.not. present(channels_first)) return
    if (.not. channels_first) return
    n = a%rows
    a%rows = a%channels
    a%channels = n
    n = a%row_stride
    a%row_stride = a%channel_stride
    a%channel_stride = n
  end subroutine

  function as_array_1_32(x, channels_first) result(a)
    real(real32), intent(in), target :: x(:)
    logical, intent(in), optional :: channels_first
    type(c_array) :: a
    if (present(channels_first)) continue  ! of one channel both are the same
    a = c_array(c_null_ptr, 1, 0, size(x), 1, 1, 1)
    if (size(x) > 0) a%data = c_loc(x(1))
    if (size(x) > 1) a%row_stride = numbers_between(c_loc(x(1)), c_loc(x(2)), 4)
  end function
  function as_array_1_64(x, channels_first) result(a)
    real(real64), intent(in), target :: x(:)
    logical, intent(in), optional :: channels_first
    type(c_array) :: a
    if (present(channels_first)) continue  ! of one channel both are the same
    a = c_array(c_null_ptr, 2, 0, size(x), 1, 1, 1)
    if (size(x) > 0) a%data = c_loc(x(1))
    if (size(x) > 1) a%row_stride = numbers_between(c_loc(x(1)), c_loc(x(2)), 8)
  end function
  function as_array_2_32(x, channels_first) result(a)
    real(real32), intent(in), target :: x(:, :)
    logical, intent(in), optional :: channels_first
    type(c_array) :: a
    a = c_array(c_null_ptr, 1, 0, size(x, 1), size(x, 2), 1, max(1, size(x, 1)))
    if (size(x) > 0) a%data = c_loc(x(1, 1))
    if (size(x) > 0 .and. size(x, 1) > 1) a%row_stride = numbers_between(c_loc(x(1, 1)), c_loc(x(2, 1)), 4)
    if (size(x) > 0 .and. size(x, 2) > 1) a%channel_stride = numbers_between(c_loc(x(1, 1)), c_loc(x(1, 2)), 4)
    call turn(a, channels_first)
  end function
  function as_array_2_64(x, channels_first) result(a)
    real(real64), intent(in), target :: x(:, :)
    logical, intent(in), optional :: channels_first
    type(c_array) :: a
    a = c_array(c_null_ptr, 2, 0, size(x, 1), size(x, 2), 1, max(1, size(x, 1)))
    if (size(x) > 0) a%data = c_loc(x(1, 1))
    if (size(x) > 0 .and. size(x, 1) > 1) a%row_stride = numbers_between(c_loc(x(1, 1)), c_loc(x(2, 1)), 8)
    if (size(x) > 0 .and. size(x, 2) > 1) a%channel_stride = numbers_between(c_loc(x(1, 1)), c_loc(x(1, 2)), 8)
    call turn(a, channels_first)
  end function

  function as_options(mean_bits, bops, milliseconds, relative_l2, variables) result(o)
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), target, contiguous, optional :: variables(:)
    type(c_options) :: o
    o%size = c_sizeof(o)
    o%unit = 0
    o%budget = 0
    o%variables = c_null_ptr
    o%n_variables = 0
    if (count([present(mean_bits), present(bops), present(milliseconds), present(relative_l2)]) > 1) then
      o%unit = several
    else if (present(mean_bits)) then
      o%unit = 1
      o%budget = mean_bits
    else if (present(bops)) then
      o%unit = 2
      o%budget = bops
    else if (present(milliseconds)) then
      o%unit = 3
      o%budget = milliseconds
    else if (present(relative_l2)) then
      o%unit = 4
      o%budget = relative_l2
    end if
    if (present(variables)) then
      o%n_variables = size(variables)
      if (size(variables) > 0) o%variables = c_loc(variables)
    end if
  end function

  ! ---- Solving

  subroutine solve_arrays(this, given, solution, mean_bits, bops, milliseconds, relative_l2, variables, report, &
                          node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    type(c_array), intent(in) :: given, solution
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), optional :: variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(amq_report), target :: r
    real(real64), allocatable, target :: v(:)
    type(c_options) :: options
    integer(c_int) :: rc
    r%size = c_sizeof(r)
    if (present(node_bits)) then
      if (size(node_bits) > 0) r%node_bits = c_loc(node_bits)
      r%n_node_bits = size(node_bits)
    end if
    if (present(variables)) then
      allocate (v(size(variables)))
      v(:) = variables
    else
      allocate (v(0))
    end if
    options = as_options(mean_bits, bops, milliseconds, relative_l2, v)
    if (has_several(options, stat, errmsg)) return
    rc = c_solve(this%handle, given, solution, options, c_loc(r))
    r%outside_channel = r%outside_channel + 1
    r%node_bits = c_null_ptr
    if (present(report)) report = r
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine solve_22_32(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real32), intent(in), target :: given(:, :)
    real(real32), intent(inout), target :: solution(:, :)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine
  subroutine solve_21_32(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real32), intent(in), target :: given(:, :)
    real(real32), intent(inout), target :: solution(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine
  subroutine solve_11_32(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real32), intent(in), target :: given(:)
    real(real32), intent(inout), target :: solution(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine
  subroutine solve_22_64(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real64), intent(in), target :: given(:, :)
    real(real64), intent(inout), target :: solution(:, :)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine
  subroutine solve_21_64(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real64), intent(in), target :: given(:, :)
    real(real64), intent(inout), target :: solution(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine
  subroutine solve_11_64(this, given, solution, channels_first, mean_bits, bops, milliseconds, &
                          relative_l2, variables, report, node_bits, stat, errmsg)
    class(amq_mesh), intent(in) :: this
    real(real64), intent(in), target :: given(:)
    real(real64), intent(inout), target :: solution(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2, variables(:)
    type(amq_report), intent(out), optional :: report
    real(real32), intent(out), target, contiguous, optional :: node_bits(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call solve_arrays(this, as_array(given, channels_first), as_array(solution, channels_first), &
                      mean_bits, bops, milliseconds, relative_l2, variables, report, node_bits, stat, errmsg)
  end subroutine

  ! ---- Steps in time

  subroutine start_array(this, mesh, state, options, stat, errmsg)
    class(amq_rollout), intent(inout) :: this
    type(amq_mesh), intent(in) :: mesh
    type(c_array), intent(in) :: state
    type(c_options), intent(in) :: options
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(c_ptr) :: made
    integer(c_int) :: rc
    if (has_several(options, stat, errmsg)) return
    rc = c_rollout_new(mesh%handle, state, options, made)
    if (rc == 0) then
      call rollout_final(this)
      this%handle = made
    end if
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine start_2_32(this, mesh, state, channels_first, mean_bits, bops, milliseconds, relative_l2, variables, stat, errmsg)
    class(amq_rollout), intent(inout) :: this
    type(amq_mesh), intent(in) :: mesh
    real(real32), intent(in), target :: state(:, :)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), target, contiguous, optional :: variables(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call start_array(this, mesh, as_array(state, channels_first), &
                     as_options(mean_bits, bops, milliseconds, relative_l2, variables), stat, errmsg)
  end subroutine
  subroutine state_2_32(this, into, channels_first, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    real(real32), intent(inout), target :: into(:, :)
    logical, intent(in), optional :: channels_first
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_rollout_state(this%handle, as_array(into, channels_first)), stat, errmsg)
  end subroutine
  subroutine start_1_32(this, mesh, state, channels_first, mean_bits, bops, milliseconds, relative_l2, variables, stat, errmsg)
    class(amq_rollout), intent(inout) :: this
    type(amq_mesh), intent(in) :: mesh
    real(real32), intent(in), target :: state(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), target, contiguous, optional :: variables(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call start_array(this, mesh, as_array(state, channels_first), &
                     as_options(mean_bits, bops, milliseconds, relative_l2, variables), stat, errmsg)
  end subroutine
  subroutine state_1_32(this, into, channels_first, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    real(real32), intent(inout), target :: into(:)
    logical, intent(in), optional :: channels_first
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_rollout_state(this%handle, as_array(into, channels_first)), stat, errmsg)
  end subroutine
  subroutine start_2_64(this, mesh, state, channels_first, mean_bits, bops, milliseconds, relative_l2, variables, stat, errmsg)
    class(amq_rollout), intent(inout) :: this
    type(amq_mesh), intent(in) :: mesh
    real(real64), intent(in), target :: state(:, :)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), target, contiguous, optional :: variables(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call start_array(this, mesh, as_array(state, channels_first), &
                     as_options(mean_bits, bops, milliseconds, relative_l2, variables), stat, errmsg)
  end subroutine
  subroutine state_2_64(this, into, channels_first, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    real(real64), intent(inout), target :: into(:, :)
    logical, intent(in), optional :: channels_first
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_rollout_state(this%handle, as_array(into, channels_first)), stat, errmsg)
  end subroutine
  subroutine start_1_64(this, mesh, state, channels_first, mean_bits, bops, milliseconds, relative_l2, variables, stat, errmsg)
    class(amq_rollout), intent(inout) :: this
    type(amq_mesh), intent(in) :: mesh
    real(real64), intent(in), target :: state(:)
    logical, intent(in), optional :: channels_first
    real(real64), intent(in), optional :: mean_bits, bops, milliseconds, relative_l2
    real(real64), intent(in), target, contiguous, optional :: variables(:)
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call start_array(this, mesh, as_array(state, channels_first), &
                     as_options(mean_bits, bops, milliseconds, relative_l2, variables), stat, errmsg)
  end subroutine
  subroutine state_1_64(this, into, channels_first, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    real(real64), intent(inout), target :: into(:)
    logical, intent(in), optional :: channels_first
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_rollout_state(this%handle, as_array(into, channels_first)), stat, errmsg)
  end subroutine

  subroutine rollout_allocate_every(this, n, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    integer, intent(in) :: n
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    call answer(c_rollout_allocate_every(this%handle, int(n, c_int64_t)), stat, errmsg)
  end subroutine

  function set_boundary(host, state, rows, channels) bind(c) result(rc)
    type(c_ptr), value :: host, state
    integer(c_int64_t), value :: rows, channels
    integer(c_int) :: rc
    type(boundary_holder), pointer :: holder
    real(c_float), pointer :: s(:, :)
    call c_f_pointer(host, holder)
    call c_f_pointer(state, s, [channels, rows])
    call holder%set(s)
    rc = 0
  end function

  subroutine rollout_step(this, boundary, report, stat, errmsg)
    class(amq_rollout), intent(in) :: this
    procedure(amq_boundary), optional :: boundary
    type(amq_report), intent(out), optional :: report
    integer, intent(out), optional :: stat
    character(len=*), intent(inout), optional :: errmsg
    type(boundary_holder), target :: holder
    type(amq_report), target :: r
    type(c_funptr) :: f
    integer(c_int) :: rc
    r%size = c_sizeof(r)
    f = c_null_funptr
    if (present(boundary)) then
      holder%set => boundary
      f = c_funloc(set_boundary)
    end if
    rc = c_rollout_step(this%handle, f, c_loc(holder), c_loc(r))
    r%outside_channel = r%outside_channel + 1
    if (present(report)) report = r
    call answer(rc, stat, errmsg)
  end subroutine

  subroutine rollout_close(this)
    class(amq_rollout), intent(inout) :: this
    call rollout_final(this)
  end subroutine

  subroutine rollout_final(this)
    type(amq_rollout), intent(inout) :: this
    integer(c_int) :: rc
    if (c_associated(this%handle)) rc = c_rollout_close(this%handle)
    this%handle = c_null_ptr
  end subroutine

end module amq
