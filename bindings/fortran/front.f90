!> An explicit solver's time loop with the surrogate in it. A front moves through the unit square:
!> behind it the coefficient is 12, ahead of it 3. The network says the pressure u of
!> -div(a grad u) = 1 for the coefficient of this moment; the front goes as fast as the mean pressure
!> pushes it, one explicit Euler step after another.
!>   front MODEL
program front
  use amq
  use, intrinsic :: iso_fortran_env, only: real32, real64, int32
  implicit none
  integer, parameter :: side = 24, nodes = (side + 1)**2, cells_in_all = 2*side**2, steps = 10
  real(real64), parameter :: dt = 1.5d0
  real(real64) :: points(2, nodes), x
  integer(int32) :: cells(3, cells_in_all)
  real(real32) :: a(nodes, 2), u(nodes)  ! (node, channel): the coefficient, its mean around the node
  integer :: step
  character(len=1024) :: path

  call get_command_argument(1, path)
  call square(points, cells)
  ! [fortran]
  block
    type(amq_solver) :: solver
    type(amq_mesh) :: mesh
    type(amq_report) :: report
    call solver%open(trim(path))                                    ! replays its self-test
    call mesh%new(solver, points, cells, mark_boundary=.true.)      ! once a mesh
    x = 0.3d0
    do step = 1, steps
      call coefficient(x, a)
      call mesh%solve(a, u, mean_bits=3d0, report=report)           ! in integers, no copies
      x = x + dt*sum(real(u, real64))/nodes                         ! explicit Euler
      print '(a, i3, a, f7.4, a, f8.2, a)', 'step', step, ': front at', x, ', ', &
          report%bops/1d6, ' million bit operations'
    end do
  end block                                                         ! both are closed here
  ! [fortran]
  if (.not. (x > 0.3d0 .and. x < 1d0)) error stop 'the front left the square'

contains

  subroutine square(points, cells)
    real(real64), intent(out) :: points(:, :)
    integer(int32), intent(out) :: cells(:, :)
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

  !> The coefficient at every node, and its mean over the cells around it.
  subroutine coefficient(x, a)
    real(real64), intent(in) :: x
    real(real32), intent(out) :: a(:, :)
    real(real32) :: total(nodes), count(nodes), of_cell
    integer :: c, k
    total = 0
    count = 0
    do c = 1, cells_in_all
      of_cell = merge(12.0, 3.0, sum(points(1, cells(:, c)))/3 < x)
      do k = 1, 3
        total(cells(k, c)) = total(cells(k, c)) + of_cell
        count(cells(k, c)) = count(cells(k, c)) + 1
      end do
    end do
    a(:, 1) = merge(12.0, 3.0, points(1, :) < x)
    a(:, 2) = total/count
  end subroutine
end program front
