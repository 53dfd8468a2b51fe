!> A procedure of a module: one inside a program would want an executable stack.
module boundary
  use, intrinsic :: iso_fortran_env, only: real32
  use, intrinsic :: ieee_arithmetic
  implicit none
  type(ieee_round_type) :: seen = ieee_nearest
contains
  subroutine hold(state)
    real(real32), intent(inout) :: state(:, :)
    state(1, 1) = 1.5
    call ieee_get_rounding_mode(seen)
  end subroutine
end module boundary

!> The Fortran module: numbers, layouts, refusals.
!>   fortran_interface DARCY FOLDER_OF_MODELS
program fortran_interface
  use amq
  use boundary, only: hold, seen
  use, intrinsic :: ieee_arithmetic
  use, intrinsic :: iso_fortran_env, only: real32, real64, int32, int64
  implicit none
  integer, parameter :: side = 6, nodes = (side + 1)**2, cells_in_all = 2*side**2
  integer :: failures = 0, checks = 0
  real(real64) :: points(2, nodes)
  integer(int32) :: cells(3, cells_in_all)
  character(len=1024) :: darcy, folder

  call get_command_argument(1, darcy)
  call get_command_argument(2, folder)
  call square()
  call layouts()
  call distances()
  call refusals()
  call rollouts()
  call words()
  call static_ranges()
  print '(i0, a, i0, a)', failures, ' of ', checks, ' checks failed'
  if (failures > 0) error stop 1

contains

  subroutine check(good, what)
    logical, intent(in) :: good
    character(len=*), intent(in) :: what
    checks = checks + 1
    if (good) return
    failures = failures + 1
    print '(2a)', 'failed: ', what
  end subroutine

  subroutine square()
    integer :: i, j, n, k, first
    n = 0
    k = 0
    do j = 0, side
      do i = 0, side
        n = n + 1
        points(:, n) = [real(i, real64)/side, real(j, real64)/side]
        if (i == side .or. j == side) cycle
        first = j*(side + 1) + i + 1
        cells(:, k + 1) = int([first, first + 1, first + side + 2], int32)
        cells(:, k + 2) = int([first, first + side + 2, first + side + 1], int32)
        k = k + 2
      end do
    end do
  end subroutine

  subroutine layouts()
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_info) :: info
    type(amq_report) :: report
    real(real32) :: a(nodes, 2), u(nodes), v(nodes, 1), bits(nodes)
    real(real64) :: a64(nodes, 2), u64(nodes), wide(3, 2*nodes), turned(2, nodes)
    real(real64) :: allowed
    integer(int64) :: rows
    integer :: i
    call solver%open(darcy)
    call solver%inspect(info)
    call check(info%network == 'MpPde', 'the network is named')
    call check(info%scheme == 'w8a1,2,3,4,5,6,8_by_range', 'the scheme is named')
    call check(all(info%levels == [1, 2, 3, 4, 5, 6, 8]), 'levels')
    call check(info%given == 2 .and. info%solution == 1 .and. info%dim == 2, 'channels')
    call check(size(info%held_out_bits) == 0 .and. size(info%held_out_errors) == 0, 'no errors in the file')
    call check(info%adaptive .and. .not. info%on_grid .and. .not. info%rolls_out, 'facts')
    call mesh%new(solver, points, cells, mark_boundary=.true.)
    call mesh%rows(rows)
    call check(rows == nodes, 'rows')
    do i = 1, nodes
      a(i, :) = [real(7.5 + 4.5*sin(0.1*i), real32), real(7.5 + 4.5*cos(0.1*i), real32)]
    end do
    call mesh%solve(a, u, mean_bits=3d0, report=report, node_bits=bits)
    call check(report%bops > 0 .and. report%bops <= report%bops_allowed, 'the budget holds')
    call check(report%mean_bits == 3 .and. report%bodies == 1, 'the report')
    call check(abs(sum(bits)/nodes - 3) < 1, 'node bits')
    call mesh%solve(a, v, mean_bits=3d0)
    call check(all(v(:, 1) == u), 'a solution of two ranks')
    a64 = a
    call mesh%solve(a64, u64, mean_bits=3d0)
    call check(all(u64 == u), 'doubles')
    turned = transpose(a64)
    u64 = 0
    call mesh%solve(turned, u64, channels_first=.true., mean_bits=3d0)
    call check(all(u64 == u), 'channels first')
    wide = -1
    wide(1:3:2, ::2) = transpose(a64)  ! gaps in both directions
    u64 = 0
    call mesh%solve(wide(1:3:2, ::2), u64, channels_first=.true., mean_bits=3d0)
    call check(all(u64 == u), 'sections with gaps')
    allowed = report%bops_allowed
    call mesh%solve(a, u, bops=allowed, report=report)
    call check(abs(report%mean_bits - 3) < 1d-3, 'a budget of bit operations')
    call solver%close()
    call mesh%solve(a, v(:, 1), mean_bits=3d0)  ! the mesh goes on
    call check(all(v(:, 1) == u), 'a closed solver')
  end subroutine

  !> Of a square it is known; into a column of a field as into an array of its own.
  subroutine distances()
    real(real64) :: d(nodes), sought(nodes), field(2, nodes)
    real(real32) :: d32(nodes)
    integer :: stat
    character(len=400) :: errmsg
    errmsg = ''
    sought = min(minval(points, 1), minval(1 - points, 1))
    call amq_boundary_distance(points, cells, d)
    call check(all(abs(d - sought) < 1d-15), 'the distance from the boundary')
    call amq_boundary_distance(points, cells, d32)
    call check(all(d32 == real(d, real32)), 'the same in real32')
    field = -1
    call amq_boundary_distance(points, cells, field(2, :))
    call check(all(field(2, :) == d .and. field(1, :) == -1), 'the same in a channel of a field')
    call amq_boundary_distance(points, cells, d(:3), stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, '49 rows and 1 channels')
    call amq_boundary_distance(points, cells(:, :0), d, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'cells, whose sides')
    call amq_boundary_distance(points, cells - 1, d, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'ids from 1')
  end subroutine

  subroutine refused(stat, errmsg, status, words)
    integer, intent(in) :: stat, status
    character(len=*), intent(inout) :: errmsg
    character(len=*), intent(in) :: words
    call check(stat == status .and. index(errmsg, words) > 0, words//', found: '//trim(errmsg))
    errmsg = ''
  end subroutine

  subroutine refusals()
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_rollout) :: rollout
    real(real32) :: a(nodes, 2), u(nodes)
    integer :: stat
    character(len=400) :: errmsg
    errmsg = ''
    a = 7.5
    call solver%open('no_such_file', stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_file, 'no_such_file')
    call mesh%new(solver, points, cells, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'NULL')
    call solver%open(darcy, stat=stat, errmsg=errmsg)
    call check(stat == amq_ok .and. errmsg == '', 'opened')
    call mesh%new(solver, points, cells - 1, mark_boundary=.true., stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'ids from 1')
    call mesh%new(solver, points, cells, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_input, 'type for every node')
    call mesh%new(solver, points, cells, node_type=[0, 6], stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'a type for every node')
    call mesh%new(solver, points, cells, mark_boundary=.true.)
    call mesh%solve(a(:nodes - 1, :), u, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, '49 rows and 2 channels')
    call mesh%solve(a, u(:3), stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, '49 rows and 1 channels')
    call mesh%solve(a, u, mean_bits=9d0, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_input, 'bits')
    call mesh%solve(a, u, milliseconds=1d0, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_input, 'amq_measure')
    call rollout%start(mesh, a, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_input, 'Rollout')
    call mesh%close()
    call mesh%solve(a, u, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'NULL')
  end subroutine

  subroutine rollouts()
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_rollout) :: rollout
    type(amq_report) :: report
    type(amq_info) :: info
    real(real64) :: state(nodes), change(nodes), next(nodes)
    integer :: stat
    character(len=400) :: errmsg
    type(ieee_round_type) :: mode
    integer :: i
    call solver%open(trim(folder)//'/MpPde.safetensors')
    call mesh%new(solver, points, cells, mark_boundary=.true.)
    do i = 1, nodes
      state(i) = sin(0.37d0*i)
    end do
    call solver%inspect(info)
    call check(all(info%held_out_bits == [4d0, 8d0]) .and. all(info%held_out_errors == [0.25d0, 0.0625d0]), &
               'errors that the file keeps')
    call mesh%solve(state, change, relative_l2=0.25d0, report=report)
    call check(report%mean_bits == 4, 'a tolerance')
    errmsg = ''
    call mesh%solve(state, change, relative_l2=0.01d0, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_input, '0.062500 or more')
    call mesh%solve(state, change, mean_bits=4d0, bops=1d9, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'found more of them')
    call rollout%start(mesh, state, mean_bits=4d0, relative_l2=0.5d0, stat=stat, errmsg=errmsg)
    call refused(stat, errmsg, amq_argument, 'found more of them')
    call mesh%solve(state, next, mean_bits=8d0)
    call mesh%solve(state, change, relative_l2=0.1d0)
    call check(all(change == next), 'the bits of a tolerance')
    call rollout%start(mesh, state, mean_bits=8d0)
    call rollout%allocate_every(2)
    call rollout%step(hold, report=report)
    call rollout%state(next)
    call check(next(1) == 1.5d0, 'the boundary is set')
    call check(all(real(next(2:), real32) == real(state(2:), real32) + real(change(2:), real32)), &
               'a step is the state and its change')
    call check(report%bops > 0, 'a step costs')
    call rollout%step()
    call ieee_set_rounding_mode(ieee_up)
    call rollout%step(hold)
    call check(seen == ieee_up, 'a boundary rounds as its program does')
    call ieee_get_rounding_mode(mode)
    call check(mode == ieee_up, 'and so the program goes on')
    call ieee_set_rounding_mode(ieee_nearest)
  end subroutine

  !> Static ranges: of fields far beyond those of calibration rows are cut, and the report says of what share.
  subroutine static_ranges()
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_report) :: report
    real(real64) :: given(nodes), said(nodes), usual
    integer :: i
    call solver%open(trim(folder)//'/static/MpPde.safetensors')
    call mesh%new(solver, points, cells, mark_boundary=.true.)
    do i = 1, nodes
      given(i) = sin(0.37d0*i)
    end do
    call mesh%solve(given, said, report=report)
    usual = report%cut_share
    call mesh%solve(1d3*given, said, report=report)
    call check(usual >= 0 .and. report%cut_share > usual .and. report%cut_share <= 1, 'rows beyond static ranges')
  end subroutine

  !> Fields far beyond those of calibration reach the largest word, and the report says so.
  subroutine words()
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_report) :: report
    real(real64) :: given(nodes), said(nodes)
    integer :: i
    call solver%open(trim(folder)//'/words/MpPde.safetensors')
    call mesh%new(solver, points, cells, mark_boundary=.true.)
    do i = 1, nodes
      given(i) = mod(i, 7)/7d0
    end do
    call mesh%solve(given, said, report=report)
    call check(report%saturated == 0, 'no row is cut')
    call mesh%solve(1d4*given, said, report=report)
    call check(report%saturated > 0, 'rows that were cut are counted')
    call check(report%cut_share == 0, 'ranges of this scheme are not static')
  end subroutine
end program fortran_interface
