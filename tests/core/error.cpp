#include <amq/core/error.hpp>

#include <doctest/doctest.h>

#include <string>

namespace test_error {

TEST_CASE("an error says what was expected, what came, where, and the mend") {
  const amq::Error e("darcy", "a mesh of at least 3 nodes", "2 nodes", "Pass a larger mesh.");
  const std::string text = e.what();
  CHECK(text ==
        "amq: darcy: expected a mesh of at least 3 nodes, found 2 nodes. Pass a larger mesh.");
  CHECK(e.where() == "darcy");
  CHECK(e.expected() == "a mesh of at least 3 nodes");
  CHECK(e.found() == "2 nodes");
  CHECK(e.mend() == "Pass a larger mesh.");
}

}  // namespace test_error
