#pragma once
/// @file
/// Ranks that are threads of one process: for tests, and to see what a network would cost.

#include <amq/parallel/communicator.hpp>

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace amq::parallel {

/// What a network takes: a message of n bytes arrives latency + n / bandwidth after it was sent,
/// and a rank sends one after the other. A reduction takes 2 ceil(log2 ranks) such messages.
struct NetworkCost {
  double latency = 0;    ///< seconds
  double bandwidth = 0;  ///< bytes per second of one rank; 0: nothing is charged

  [[nodiscard]] double seconds(double bytes) const noexcept {
    return bandwidth > 0 ? latency + bytes / bandwidth : 0;
  }
};

class LocalCommunicator;

/// Ranks of one process, each in a thread of its own. Time is kept by a clock a rank, which counts
/// what its thread computes and what the network charges: it does not matter how many cores there
/// are, nor who waits for whom.
class LocalRanks {
 public:
  explicit LocalRanks(int size, NetworkCost cost = {});
  /// f(communicator) on every rank.
  /// @throws the error of the first rank that gave up, after all have ended
  template <typename F>
  void run(const F& f);
  [[nodiscard]] int size() const noexcept { return size_; }
  /// Of the last run: seconds until the last rank was done, and bytes that all sent.
  [[nodiscard]] double seconds() const noexcept { return seconds_; }
  [[nodiscard]] std::int64_t bytes_sent() const noexcept { return bytes_; }

 private:
  friend class LocalCommunicator;
  /// A message on its way; the memory stays for the next one.
  struct Mail {
    bool there = false;
    std::vector<std::byte> bytes;
    double arrives = 0;
  };
  struct Reduction {
    std::vector<std::int64_t> value, result;
    int arrived = 0, leaving = 0;
    double time = 0, done = 0;
  };
  /// @pre mutex_ is held
  void give_up(const Error& why) {
    if (!error_) error_ = why;
    wake_all();
  }
  /// Of a message alone its two ranks hear: woken in vain, the others would take the cores.
  void wake(int rank) { changed_[static_cast<std::size_t>(rank)].notify_one(); }
  void wake_all() {
    for (auto& changed : changed_) changed.notify_one();
  }
  int size_;
  NetworkCost cost_;
  std::mutex mutex_;
  std::deque<std::condition_variable> changed_;  // (rank), which alone waits for it
  std::map<std::pair<int, int>, Mail> mail_;     // (from, to)
  Reduction reduction_;
  std::vector<char> ended_;  // (rank)
  std::optional<Error> error_;
  double seconds_ = 0;
  std::int64_t bytes_ = 0;
};

/// One of LocalRanks.
class LocalCommunicator final : public Communicator {
 public:
  LocalCommunicator(LocalRanks& ranks, int rank) : ranks_(&ranks), rank_(rank), seen_(cpu()) {}
  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return ranks_->size_; }

  /// Waits while the peer has not taken the message before.
  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    tick();
    {
      std::unique_lock lock(ranks_->mutex_);
      require_good();
      for (const Message& m : send) {
        check_peer(m.peer);
        LocalRanks::Mail& mail = ranks_->mail_[{rank_, m.peer}];
        const auto peer = static_cast<std::size_t>(m.peer);
        wait(lock, [&] { return ranks_->error_ || !mail.there || ranks_->ended_[peer]; });
        if (mail.there) require_running(peer);
        require_good();
        const double bytes = static_cast<double>(m.bytes.size());
        if (ranks_->cost_.bandwidth > 0)
          wire_free_ = std::max(wire_free_, clock_) + bytes / ranks_->cost_.bandwidth;
        mail.there = true;
        mail.arrives = wire_free_ + ranks_->cost_.latency;
        // Room for a few times as much: messages of a pass differ by their rows' bits.
        if (mail.bytes.capacity() < m.bytes.size())
          mail.bytes.reserve(std::max<std::size_t>(4 * m.bytes.size(), 4096));
        mail.bytes.assign(m.bytes.begin(), m.bytes.end());
        ranks_->bytes_ += static_cast<std::int64_t>(m.bytes.size());
        ranks_->wake(m.peer);
      }
    }
    awaited_.assign(receive.begin(), receive.end());
    seen_ = cpu();
  }
  void finish() override {
    tick();
    std::unique_lock lock(ranks_->mutex_);
    for (const Message& m : awaited_) {
      check_peer(m.peer);
      LocalRanks::Mail& mail = ranks_->mail_[{m.peer, rank_}];
      const auto peer = static_cast<std::size_t>(m.peer);
      wait(lock, [&] { return ranks_->error_ || mail.there || ranks_->ended_[peer]; });
      if (!mail.there) require_running(peer);
      require_good();
      mail.there = false;
      if (mail.bytes.size() != m.bytes.size()) {
        const Error e(
            "message from rank " + std::to_string(m.peer) + " to rank " + std::to_string(rank_),
            std::to_string(m.bytes.size()) + " bytes", std::to_string(mail.bytes.size()),
            "Do both ranks solve the same model on parts of the same mesh?");
        ranks_->give_up(e);
        throw Error(e);
      }
      std::copy(mail.bytes.begin(), mail.bytes.end(), m.bytes.begin());
      clock_ = std::max(clock_, mail.arrives);
      ranks_->wake(m.peer);  // it may wait to send the next one
    }
    awaited_.clear();
    seen_ = cpu();
  }
  void sum(std::span<std::int64_t> x) override {
    reduce(x, [](std::int64_t a, std::int64_t b) { return a + b; });
  }
  void max(std::span<std::int64_t> x) override {
    reduce(x, [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
  }
  void abort(const Error& why) noexcept override {
    const std::lock_guard lock(ranks_->mutex_);
    ranks_->give_up(why);
  }
  /// Seconds that this rank has computed and waited for messages, by its own clock.
  [[nodiscard]] double clock() noexcept {
    tick();
    return clock_;
  }

 private:
  template <typename Until>
  void wait(std::unique_lock<std::mutex>& lock, const Until& until) {
    ranks_->changed_[static_cast<std::size_t>(rank_)].wait(lock, until);
  }
  static double cpu() noexcept {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  void tick() noexcept {
    const double now = cpu();
    clock_ += now - seen_;
    seen_ = now;
  }
  /// @pre the mutex is held
  void require_good() const {
    if (ranks_->error_) throw Error(*ranks_->error_);
  }
  /// @pre the mutex is held
  void require_running(std::size_t peer) const {
    if (!ranks_->error_ && ranks_->ended_[peer])
      ranks_->give_up(Error("rank " + std::to_string(peer), "a rank that goes on with the others",
                            "one that has ended", "Call the same functions on all ranks."));
    require_good();
  }
  void check_peer(int peer) const {
    if (peer < 0 || peer >= size() || peer == rank_)
      throw Error("message of rank " + std::to_string(rank_),
                  "another of " + std::to_string(size()) + " ranks", std::to_string(peer),
                  "Cut the mesh for as many ranks as there are.");
  }
  template <typename Op>
  void reduce(std::span<std::int64_t> x, const Op& op) {
    tick();
    std::unique_lock lock(ranks_->mutex_);
    auto& r = ranks_->reduction_;
    // Those of the reduction before may still be reading it.
    wait(lock, [&] { return ranks_->error_ || r.leaving == 0; });
    require_good();
    if (r.arrived == 0) {
      r.value.assign(x.begin(), x.end());
      r.result.reserve(x.size());  // the two change places
      r.time = clock_;
    } else if (r.value.size() != x.size()) {
      const Error e("reduction on rank " + std::to_string(rank_),
                    std::to_string(r.value.size()) + " numbers, as on the other ranks",
                    std::to_string(x.size()), "Call the same functions on all ranks.");
      ranks_->give_up(e);
      throw Error(e);
    } else {
      for (std::size_t k = 0; k < x.size(); ++k) r.value[k] = op(r.value[k], x[k]);
      r.time = std::max(r.time, clock_);
    }
    if (++r.arrived == size()) {
      r.arrived = 0;
      r.leaving = size();
      r.result.swap(r.value);
      const int rounds = 2 * static_cast<int>(std::bit_width(static_cast<unsigned>(size() - 1)));
      r.done = r.time + rounds * ranks_->cost_.seconds(8.0 * static_cast<double>(x.size()));
      ranks_->wake_all();
    } else {
      const auto any_ended = [&] {
        return std::find(ranks_->ended_.begin(), ranks_->ended_.end(), 1);
      };
      wait(lock,
           [&] { return ranks_->error_ || r.leaving > 0 || any_ended() != ranks_->ended_.end(); });
      if (r.leaving == 0 && any_ended() != ranks_->ended_.end())
        require_running(static_cast<std::size_t>(any_ended() - ranks_->ended_.begin()));
      require_good();
    }
    std::copy(r.result.begin(), r.result.end(), x.begin());
    clock_ = std::max(clock_, r.done);
    if (--r.leaving == 0) ranks_->wake_all();
    seen_ = cpu();
  }

  LocalRanks* ranks_;
  int rank_;
  std::vector<Message> awaited_;
  double clock_ = 0, wire_free_ = 0, seen_ = 0;
};

inline LocalRanks::LocalRanks(int size, NetworkCost cost) : size_(size), cost_(cost) {
  if (size < 1)
    throw Error("LocalRanks", "at least one rank", std::to_string(size), "Ask for one.");
  changed_.resize(static_cast<std::size_t>(size));
}

template <typename F>
void LocalRanks::run(const F& f) {
  mail_.clear();
  reduction_ = {};
  ended_.assign(static_cast<std::size_t>(size_), 0);
  error_.reset();
  seconds_ = 0;
  bytes_ = 0;
  const auto one = [&](int rank) {
    LocalCommunicator c(*this, rank);
    try {
      f(c);
      const double t = c.clock();
      const std::lock_guard lock(mutex_);
      seconds_ = std::max(seconds_, t);
      ended_[static_cast<std::size_t>(rank)] = 1;
      wake_all();
    } catch (...) {
      c.abort(detail::caught_on(rank));
    }
  };
  std::vector<std::thread> threads;
  for (int r = 0; r < size_; ++r) threads.emplace_back(one, r);
  for (auto& t : threads) t.join();
  if (error_) throw Error(*error_);
}

}  // namespace amq::parallel
