# What amq stands on, found once: included by CMakeLists.txt and by the installed package. Sets
# amq_missing_ to a sentence where something is absent, and amq_xsimd_include_ to xsimd's folders.
set(amq_missing_ "")
macro(amq_need_ name least target)
  # Whoever brings a copy by add_subdirectory or FetchContent has the target already.
  if(NOT TARGET ${target})
    # Eigen 5 refuses find_package(Eigen3 3.4): ask without a version and look by hand.
    find_package(${name} CONFIG QUIET)
    if(NOT TARGET ${target})
      set(amq_missing_ "amq needs ${name} ${least} or newer, and CMake finds none")
    elseif(DEFINED ${name}_VERSION AND ${name}_VERSION VERSION_LESS ${least})
      set(amq_missing_ "amq needs ${name} ${least} or newer, found ${${name}_VERSION}")
    endif()
  endif()
endmacro()
amq_need_(Eigen3 3.4 Eigen3::Eigen)
amq_need_(xsimd 8.1 xsimd)
find_package(Threads QUIET)
if(NOT TARGET Threads::Threads)
  set(amq_missing_ "amq needs threads, and CMake finds none: is the language CXX enabled?")
endif()

# Debian's xsimd target links an xtl that is not there: take its include directories only.
set(amq_xsimd_include_ "")
if(TARGET xsimd)
  get_target_property(amq_xsimd_include_ xsimd INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT amq_xsimd_include_)
    set(amq_xsimd_include_ "")
  endif()
endif()

# The lab draws with libpng; who does not draw can do without.
find_package(PNG QUIET)
set(amq_lab_libraries_)
if(TARGET PNG::PNG)
  set(amq_lab_libraries_ PNG::PNG)
endif()
