#include <amq/core/arena.hpp>

#include <amq/core/buffer_pool.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace test_arena {

TEST_CASE(
    "an arena hands out aligned rooms that do not overlap, and a second pass allocates nothing") {
  amq::core::Arena arena;
  for (int pass = 0; pass < 3; ++pass) {
    std::vector<std::pair<float*, std::size_t>> rooms;
    for (std::size_t n = 1; n < 200000; n = n * 3 + 1)
      rooms.emplace_back(arena.allocate<float>(n), n);
    for (std::size_t r = 0; r < rooms.size(); ++r) {
      CHECK(reinterpret_cast<std::uintptr_t>(rooms[r].first) % 64 == 0);
      for (std::size_t k = 0; k < rooms[r].second; ++k) rooms[r].first[k] = static_cast<float>(r);
    }
    for (std::size_t r = 0; r < rooms.size(); ++r)
      for (std::size_t k = 0; k < rooms[r].second; ++k)
        REQUIRE(rooms[r].first[k] == static_cast<float>(r));
    const std::size_t before = arena.capacity();
    arena.reset();
    CHECK(arena.capacity() == before);
  }
}

TEST_CASE("a buffer serves again when its last handle is gone, and not before") {
  amq::core::BufferPool<float> pool;
  auto a = pool.acquire(10, 10);
  const float* first = a.view().data;
  {
    const auto copy = a;
    a = {};
    CHECK_FALSE(pool.acquire(10, 10).view().data == first);
    CHECK(copy.view().data == first);
    CHECK(copy.columns(3, 2).view().stride == 10);
  }
  const std::size_t bytes = pool.bytes();
  const auto b = pool.acquire(5, 20), c = pool.acquire(1, 100);
  CHECK(pool.bytes() == bytes);
  CHECK((b.view().data == first || c.view().data == first));
}

TEST_CASE("memory of no pool is zeros, and stays as long as a handle does") {
  auto a = amq::core::BufferPool<float>::alone(3, 4);
  CHECK(a.sole_user());
  for (amq::Index i = 0; i < 3; ++i)
    for (amq::Index j = 0; j < 4; ++j) CHECK(a.read()(i, j) == 0.0f);
  a.view()(2, 3) = 7;
  const auto copy = a;
  a = {};
  CHECK(copy.read()(2, 3) == 7.0f);
}

TEST_CASE("with room for the whole, a larger part needs no other buffer") {
  amq::core::BufferPool<float> pool;
  pool.make_room(3, 10);
  const float* first = pool.acquire(3, 7).view().data;
  const std::size_t bytes = pool.bytes();
  CHECK(bytes >= 70 * sizeof(float));
  for (const amq::Index part : {1, 4, 10}) {
    pool.make_room(part, 10);
    const auto h = pool.acquire(part, 7);
    CHECK(h.view().data == first);
    CHECK(h.view().rows == part);
  }
  pool.make_room(1, 1);
  CHECK(pool.acquire(10, 7).view().data == first);
  CHECK(pool.bytes() == bytes);
}

}  // namespace test_arena
