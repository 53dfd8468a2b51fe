// A stranger's first program: Eigen, xsimd and threads must be found with amq.
#include <amq/config.hpp>
#include <amq/core/eigen.hpp>
#include <amq/core/thread_pool.hpp>

#include <iostream>
#include <xsimd/xsimd.hpp>

int main() {
  amq::core::Matrix m = amq::core::Matrix::Ones(2, 3);
  amq::ThreadPool pool(2);
  pool.parallel_for(2, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) m(static_cast<Eigen::Index>(i), 0) = 2;
  });
  std::cout << "amq " << AMQ_VERSION << " sum " << m.sum() << "\n";
}
