#pragma once
// What every communicator promises, whatever carries its messages.

#include <amq/core/random.hpp>
#include <amq/parallel/communicator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace transport {

using namespace amq;
using namespace amq::parallel;

/// What rank `from` sends to rank `to` in a round; both can tell.
inline std::vector<std::byte> letter(int from, int to, std::size_t round) {
  Random random(1000 * static_cast<std::uint64_t>(from) + 10 * static_cast<std::uint64_t>(to) +
                round);
  const std::size_t sizes[] = {1, 100, 5000, 300'000};  // short ones leave at once, long ones wait
  std::vector<std::byte> x(sizes[round % 4] + static_cast<std::size_t>(from));
  for (auto& b : x) b = static_cast<std::byte>(random.bits());
  return x;
}
inline std::int64_t number(int rank, std::size_t k) {
  return static_cast<std::int64_t>(Random(static_cast<std::uint64_t>(rank) * 77 + k).bits() >> 8) -
         (std::int64_t{1} << 55);
}

/// Messages of the same memory, again and again, as passes send them; lengths change between some,
/// now and then of all memory at once. "", or what is wrong.
inline std::string repeated(Communicator& c) {
  const auto peers = static_cast<std::size_t>(c.size());
  const auto me = static_cast<std::size_t>(c.rank());
  std::vector<std::vector<std::byte>> out(peers), in(peers);
  for (std::size_t r = 0; r < peers; ++r) out[r].resize(2000), in[r].resize(2000);
  for (std::size_t round = 0; round < 60; ++round) {
    // Some lengths come back, others never do.
    const auto length = [&](std::size_t from, std::size_t to) {
      return (round % 7 == 3 ? 1000 + round : round % 3 == 0 ? 700 : 64) + 3 * from + to;
    };
    const auto letter = [&](std::size_t from, std::size_t to, std::size_t k) {
      return static_cast<std::byte>(round * 31 + from * 17 + to * 7 + k);
    };
    std::vector<Communicator::Message> send, receive;
    for (std::size_t r = 0; r < peers; ++r) {
      if (r == me) continue;
      const auto to = std::span(out[r]).first(length(me, r));
      for (std::size_t k = 0; k < to.size(); ++k) to[k] = letter(me, r, k);
      send.push_back({static_cast<int>(r), to});
      receive.push_back({static_cast<int>(r), std::span(in[r]).first(length(r, me))});
    }
    c.begin(send, receive);
    c.finish();
    for (const auto& m : receive)
      for (std::size_t k = 0; k < m.bytes.size(); ++k)
        if (m.bytes[k] != letter(static_cast<std::size_t>(m.peer), me, k))
          return "a letter of round " + std::to_string(round) + " is wrong";
  }
  return "";
}

/// "good", or what is not.
inline std::string laws(Communicator& c) {
  for (std::size_t round = 0; round < 8; ++round) {
    // Letters to all, while numbers are reduced.
    std::vector<std::vector<std::byte>> out, in;
    std::vector<Communicator::Message> send, receive;
    for (int r = 0; r < c.size(); ++r) {
      out.push_back(letter(c.rank(), r, round));
      in.emplace_back(letter(r, c.rank(), round).size());
    }
    for (int r = 0; r < c.size(); ++r)
      if (r != c.rank()) {
        send.push_back({r, out[static_cast<std::size_t>(r)]});
        receive.push_back({r, in[static_cast<std::size_t>(r)]});
      }
    c.begin(send, receive);
    std::vector<std::int64_t> sum, most;
    for (std::size_t k = 0; k < 300; ++k) sum.push_back(number(c.rank(), k) / c.size());
    for (std::size_t k = 0; k < 300; ++k) most.push_back(number(c.rank(), k));
    c.sum(sum);
    c.max(most);
    c.finish();
    for (std::size_t k = 0; k < 300; ++k) {
      std::int64_t s = 0, m = number(0, k);
      for (int r = 0; r < c.size(); ++r) {
        s += number(r, k) / c.size();
        m = std::max(m, number(r, k));
      }
      if (sum[k] != s) return "a sum is wrong";
      if (most[k] != m) return "a maximum is wrong";
    }
    for (int r = 0; r < c.size(); ++r)
      if (r != c.rank() && in[static_cast<std::size_t>(r)] != letter(r, c.rank(), round))
        return "a letter is wrong";
  }
  if (const auto found = repeated(c); !found.empty()) return found;
  // An error of one rank is met by all, who go on.
  for (int who = 0; who < c.size(); ++who) {
    std::string met;
    try {
      together(c, [&] {
        if (c.rank() == who) throw Error("rank " + std::to_string(who), "a", "b", "c.");
      });
    } catch (const CommonError& e) {
      met = e.where();
    }
    if (met != "rank " + std::to_string(who)) return "an error was met as '" + met + "'";
  }
  require_same(c, "number", 7);
  try {
    require_same(c, "number", c.rank() == 0 ? 7 : std::uint64_t{7} << 40);
    if (c.size() > 1) return "different numbers were taken for the same";
  } catch (const CommonError&) {
  }
  std::int64_t one = 1;
  c.sum({&one, 1});
  return one == c.size() ? "good" : "a last sum is wrong";
}

/// 0: a rank throws. 1, 2: its message is too short or too long. @throws Error, on every rank
inline void fail(int kind, int who, Communicator& c) {
  if (kind == 0 && c.rank() == who)
    or_abort(
        c, [] { throw Error("host", "memory", "that it has run out of something", "Free some."); });
  std::vector<std::byte> out(c.rank() != who ? 5u : kind == 1 ? 3u : 9u), in(5);
  const Communicator::Message send{(c.rank() + 1) % c.size(), out},
      receive{(c.rank() + c.size() - 1) % c.size(), in};
  c.begin({&send, 1}, {&receive, 1});
  c.finish();
  for (std::int64_t k = 0; k < 5; ++k) {
    std::int64_t one = 1;
    c.sum({&one, 1});
  }
}
inline const char* words_of(int kind) {
  return kind == 0 ? "that it has run out of something" : "5 bytes, found";
}

}  // namespace transport
