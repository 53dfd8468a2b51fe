#pragma once
/// @file
/// How ranks, each with a part of one mesh, talk to each other.
///
/// | communicator       | ranks are                      | header                             |
/// |--------------------|--------------------------------|------------------------------------|
/// | SerialCommunicator | one: the caller                | this one                           |
/// | LocalCommunicator  | threads of this process        | amq/parallel/local_communicator.hpp |
/// | MpiCommunicator    | processes of an MPI program    | amq/mpi.hpp, included by name only |
///
/// A host with a transport of its own derives a fourth.

#include <amq/core/error.hpp>
#include <amq/core/everyone.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amq::parallel {

/// An error that all ranks throw, the same one, at the same call: none waits for another, and the
/// communicator may be used again.
class CommonError : public Error {
 public:
  using Error::Error;
  explicit CommonError(const Error& e) : Error(e) {}
};

/// Every rank calls these functions in the same order, from one thread at a time. A call that
/// cannot go on, because another rank has given up, because a message has another length or the
/// transport fails, throws amq::Error on every rank; afterwards the communicator is of no more use.
/// No floats are ever summed: what is reduced has no order.
class Communicator {
 public:
  struct Message {
    int peer = 0;
    std::span<std::byte> bytes;
  };

  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;

  /// Sends and receives at once; returns before it is done. The memory is the communicator's until
  /// finish(). At most one message a peer and direction; both sides know the lengths.
  virtual void begin(std::span<const Message> send, std::span<const Message> receive) = 0;
  /// @throws Error where a message is shorter or longer than the memory it was meant for
  virtual void finish() = 0;
  /// Entry by entry over all ranks, to all ranks.
  virtual void sum(std::span<std::int64_t> x) = 0;
  virtual void max(std::span<std::int64_t> x) = 0;
  /// Gives up: calls of other ranks, now or later, throw this error.
  virtual void abort(const Error& why) noexcept = 0;
};

/// One rank, which has the whole mesh.
class SerialCommunicator final : public Communicator {
 public:
  [[nodiscard]] int rank() const noexcept override { return 0; }
  [[nodiscard]] int size() const noexcept override { return 1; }
  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    if (!send.empty() || !receive.empty())
      throw Error("SerialCommunicator", "no messages, since there is one rank",
                  std::to_string(send.size() + receive.size()), "Was the mesh cut for more ranks?");
  }
  void finish() override {}
  void sum(std::span<std::int64_t>) override {}
  void max(std::span<std::int64_t>) override {}
  void abort(const Error&) noexcept override {}
};

namespace detail {

/// The same words on every rank: those of `from`.
inline void broadcast(Communicator& c, int from, std::span<std::int64_t> words) {
  if (c.rank() != from) std::fill(words.begin(), words.end(), 0);
  c.sum(words);
}
inline void broadcast(Communicator& c, int from, std::string& text) {
  auto size = static_cast<std::int64_t>(text.size());
  broadcast(c, from, {&size, 1});
  std::vector<std::int64_t> words(static_cast<std::size_t>(size) / 8 + 1, 0);
  if (c.rank() == from) std::memcpy(words.data(), text.data(), text.size());
  broadcast(c, from, words);
  text.assign(reinterpret_cast<const char*>(words.data()), static_cast<std::size_t>(size));
}

/// What a rank has just caught, in amq's words. @pre in a handler
[[nodiscard]] inline Error caught_on(int rank) {
  const std::string where = "rank " + std::to_string(rank);
  try {
    throw;
  } catch (const Error& e) {
    return e;
  } catch (const std::exception& e) {
    return {where, "no exception", e.what(), "See the message."};
  } catch (...) {
    return {where, "no exception", "one without a message",
            "Throw what derives from std::exception."};
  }
}

}  // namespace detail

/// Runs f() on every rank; where it throws on one, all throw the error of the first of them. f
/// itself must not communicate: it is for checks of what one rank alone was given.
/// @throws CommonError
template <typename F>
void together(Communicator& c, const F& f) {
  std::array<std::string, 4> text;
  bool failed = true;
  try {
    f();
    failed = false;
  } catch (...) {
    const Error e = detail::caught_on(c.rank());
    text = {e.where(), e.expected(), e.found(), e.mend()};
  }
  std::int64_t first = failed ? -c.rank() : -c.size();
  c.max({&first, 1});
  if (first == -c.size()) return;
  for (std::string& t : text) detail::broadcast(c, static_cast<int>(-first), t);
  throw CommonError(text[0], text[1], text[2], text[3]);
}
/// @throws CommonError unless all gave the same number
inline void require_same(Communicator& c, std::string_view what, std::uint64_t mine) {
  // Two halves: complements of 64 bits would not be ordered by max().
  const auto low = static_cast<std::int64_t>(mine & 0xffffffffu),
             high = static_cast<std::int64_t>(mine >> 32);
  std::array<std::int64_t, 4> x{low, -low, high, -high};
  c.max(x);
  if (x[0] != -x[1] || x[2] != -x[3])
    throw CommonError(
        "ranks", "the same " + std::string(what) + " on all " + std::to_string(c.size()) + " ranks",
        "different ones",
        "Load the same file, and ask for the same budget and mesh, on every rank.");
}
/// Runs f(); what it throws on this rank ends the others, too, unless they throw it themselves.
template <typename F>
decltype(auto) or_abort(Communicator& c, const F& f) {
  try {
    return f();
  } catch (const CommonError&) {
    throw;
  } catch (...) {
    c.abort(detail::caught_on(c.rank()));
    throw;
  }
}

}  // namespace amq::parallel
