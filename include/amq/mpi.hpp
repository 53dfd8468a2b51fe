#pragma once
/// @file
/// Ranks that are processes of an MPI program. The only header of amq that asks for MPI: no door
/// reaches it.
///
///     MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
///     {
///       amq::parallel::MpiCommunicator world(MPI_COMM_WORLD);
///       amq::parallel::PartSolver part(solver, my_mesh, world);
///     }
///     MPI_Finalize();
///
/// MPI has no way to end a call that waits for a rank which has given up. So nothing here waits in
/// MPI: what is asked for is tested again and again, and so is whether a rank has sent the error it
/// ended with. Then all ranks throw that error. What was on its way is left there: the program
/// should end, by MPI_Abort where it must be sure to.
///
/// Messages of the same memory and lengths as ones before, as passes at uniform bits and steps
/// between allocations have them, are persistent requests: begun again, not made again. Whose
/// lengths are new are sent as they are; no other rank needs to know which.

#include <amq/parallel/communicator.hpp>

#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace amq::parallel {

class MpiCommunicator final : public Communicator {
 public:
  /// Works on two copies of `of`: its messages meet no others.
  /// @throws Error before MPI_Init_thread, and where MPI gave less than MPI_THREAD_FUNNELED, which
  ///         hosts with threads need: one thread talks, others may run
  explicit MpiCommunicator(MPI_Comm of) {
    int begun = 0, level = 0;
    MPI_Initialized(&begun);
    if (!begun)
      throw Error("MpiCommunicator", "MPI to be initialized", "that it is not",
                  "Call MPI_Init_thread first.");
    MPI_Query_thread(&level);
    if (level < MPI_THREAD_FUNNELED)
      throw Error("MpiCommunicator", "MPI with threads (MPI_THREAD_FUNNELED or more)",
                  "level " + std::to_string(level),
                  "Begin with MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided).");
    MPI_Comm_dup(of, &data_);
    MPI_Comm_dup(of, &faults_);
    MPI_Comm_set_errhandler(data_, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(faults_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(data_, &rank_);
    MPI_Comm_size(data_, &size_);
    MPI_Comm here = MPI_COMM_NULL;
    MPI_Comm_split_type(data_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    int ranks_here = 1;
    MPI_Comm_size(here, &ranks_here);
    MPI_Comm_free(&here);
    crowded_ = ranks_here > static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    const auto peers = static_cast<std::size_t>(size_ - 1);
    for (Kept& k : kept_)
      k.send.reserve(peers), k.receive.reserve(peers), k.requests.reserve(2 * peers);
  }
  ~MpiCommunicator() override {
    if (failed_) return;  // with calls that will never end
    for (Kept& k : kept_) k.free();
    MPI_Comm_free(&data_);
    MPI_Comm_free(&faults_);
  }

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }

  void begin(std::span<const Message> send, std::span<const Message> receive) override {
    require_good();
    received_.assign(receive.begin(), receive.end());
    begun_ = kept(send, receive);
    if (begun_) {
      if (!begun_->requests.empty())
        check(MPI_Startall(static_cast<int>(begun_->requests.size()), begun_->requests.data()));
      ++restarted_;
      return;
    }
    requests_.clear();
    for (const Message& m : receive)
      check(MPI_Irecv(m.bytes.data(), length(m), MPI_BYTE, m.peer, tag, data_, &add()));
    for (const Message& m : send)
      check(MPI_Isend(m.bytes.data(), length(m), MPI_BYTE, m.peer, tag, data_, &add()));
  }
  void finish() override {
    auto& requests = begun_ ? begun_->requests : requests_;
    statuses_.resize(requests.size());
    wait([&](int& done) {
      return MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done,
                         statuses_.data());
    });
    begun_ = nullptr;
    for (std::size_t k = 0; k < received_.size(); ++k) {
      int bytes = 0;
      MPI_Get_count(&statuses_[k], MPI_BYTE, &bytes);
      if (bytes != length(received_[k])) wrong_length(received_[k], std::to_string(bytes));
    }
    requests_.clear();
    received_.clear();
  }
  /// How often begin() has begun persistent requests.
  [[nodiscard]] std::int64_t restarted() const noexcept { return restarted_; }
  void sum(std::span<std::int64_t> x) override { reduce(x, MPI_SUM); }
  void max(std::span<std::int64_t> x) override { reduce(x, MPI_MAX); }
  void abort(const Error& why) noexcept override {
    if (failed_) return;
    failed_ = true;
    try {
      error_.assign(1, why);
      std::string text;
      for (const std::string* part : {&why.where(), &why.expected(), &why.found(), &why.mend()})
        text += *part + '\0';
      text_.assign(text.begin(), text.end());
      std::vector<MPI_Request> sent;
      for (int r = 0; r < size_; ++r)
        if (r != rank_) {
          sent.push_back(MPI_REQUEST_NULL);
          MPI_Isend(text_.data(), static_cast<int>(text_.size()), MPI_CHAR, r, tag, faults_,
                    &sent.back());
        }
      // Short messages leave at once; longer ones wait for ranks, which may have ended: some time.
      int done = 0;
      for (int k = 0; k < 20'000 && !done; ++k) {
        MPI_Testall(static_cast<int>(sent.size()), sent.data(), &done, MPI_STATUSES_IGNORE);
        std::this_thread::yield();
      }
    } catch (...) {  // no memory for words: the others wait for MPI_Abort
    }
  }

 private:
  static constexpr int tag = 1;
  static constexpr std::size_t most_kept = 64;  // a pass has one a layer; programs some parts

  /// Messages that were sent before.
  struct Kept {
    std::uint64_t hash = 0, used = 0;
    bool made = false;
    std::vector<Message> send, receive;
    std::vector<MPI_Request> requests;

    void free() {
      for (MPI_Request& r : requests) MPI_Request_free(&r);
      requests.clear();
      made = false;
    }
  };
  [[nodiscard]] static bool same(std::span<const Message> a, std::span<const Message> b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      return x.peer == y.peer && x.bytes.data() == y.bytes.data() &&
             x.bytes.size() == y.bytes.size();
    });
  }
  /// The requests of such messages, made when they come for the second time: those of chosen bits
  /// mostly never do. Null: there are none.
  Kept* kept(std::span<const Message> send, std::span<const Message> receive) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    const auto add = [&](auto word) {
      hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x100000001b3u;
    };
    for (const auto list : {send, receive}) {
      add(list.size());
      for (const Message& m : list)
        add(m.peer), add(m.bytes.size()), add(reinterpret_cast<std::uintptr_t>(m.bytes.data()));
    }
    Kept* oldest = &kept_.front();
    for (Kept& k : kept_) {
      if (k.hash == hash && k.used > 0) {
        k.used = ++exchanges_;
        if (!k.made) make(k, send, receive);
        return same(k.send, send) && same(k.receive, receive) ? &k : nullptr;
      }
      if (k.used < oldest->used) oldest = &k;
    }
    oldest->free();
    oldest->hash = hash;
    oldest->used = ++exchanges_;
    return nullptr;
  }
  void make(Kept& k, std::span<const Message> send, std::span<const Message> receive) {
    k.send.assign(send.begin(), send.end());
    k.receive.assign(receive.begin(), receive.end());
    k.made = true;
    const auto add = [&]() -> MPI_Request& { return k.requests.emplace_back(MPI_REQUEST_NULL); };
    for (const Message& m : receive)
      check(MPI_Recv_init(m.bytes.data(), length(m), MPI_BYTE, m.peer, tag, data_, &add()));
    for (const Message& m : send)
      check(MPI_Send_init(m.bytes.data(), length(m), MPI_BYTE, m.peer, tag, data_, &add()));
  }
  MPI_Request& add() { return requests_.emplace_back(MPI_REQUEST_NULL); }
  [[nodiscard]] int length(const Message& m) const {
    if (m.bytes.size() > static_cast<std::size_t>(INT_MAX))
      throw Error("MpiCommunicator", "messages below 2 GiB", std::to_string(m.bytes.size()),
                  "Cut the mesh into more parts.");
    return static_cast<int>(m.bytes.size());
  }
  [[noreturn]] void wrong_length(const Message& m, const std::string& found) {
    const Error e(
        "message from rank " + std::to_string(m.peer) + " to rank " + std::to_string(rank_),
        std::to_string(m.bytes.size()) + " bytes", found,
        "Do both ranks solve the same model on parts of the same mesh?");
    abort(e);
    throw Error(e);
  }
  void check(int code) {
    if (code == MPI_SUCCESS) return;
    for (std::size_t k = 0; k < std::min(received_.size(), statuses_.size()); ++k)
      if (int kind = 0;
          MPI_Error_class(statuses_[k].MPI_ERROR, &kind) == MPI_SUCCESS && kind == MPI_ERR_TRUNCATE)
        wrong_length(received_[k], "more");
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int size = 0;
    MPI_Error_string(code, text.data(), &size);
    const Error e("MPI on rank " + std::to_string(rank_), "success", text.data(),
                  "See the message of MPI.");
    abort(e);
    throw Error(e);
  }
  void require_good() {
    if (!error_.empty()) throw Error(error_.front());
    look_for_faults();
  }
  /// Another rank's last words, if there are any.
  void look_for_faults() {
    int there = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, tag, faults_, &there, &status);
    if (!there) return;
    int size = 0;
    MPI_Get_count(&status, MPI_CHAR, &size);
    std::string text(static_cast<std::size_t>(size), ' ');
    MPI_Recv(text.data(), size, MPI_CHAR, status.MPI_SOURCE, tag, faults_, MPI_STATUS_IGNORE);
    std::array<std::string, 4> part;
    std::size_t k = 0;
    for (const char c : text) {
      if (c == '\0')
        ++k;
      else if (k < part.size())
        part[k] += c;
    }
    failed_ = true;
    error_.assign(1, Error(part[0], part[1], part[2], part[3]));
    throw Error(error_.front());
  }
  template <typename Test>
  void wait(const Test& test) {
    for (int k = 1;; ++k) {
      int done = 0;
      check(test(done));
      if (done) return;
      if (k % 16 != 0) continue;
      look_for_faults();
      // A rank that yields may soon be back, while the one it waits for has no core.
      if (crowded_ && k > 64)
        std::this_thread::sleep_for(std::chrono::microseconds(10));
      else
        std::this_thread::yield();
    }
  }
  void reduce(std::span<std::int64_t> x, MPI_Op op) {
    require_good();
    if (x.size() > static_cast<std::size_t>(INT_MAX))
      throw Error("MpiCommunicator", "fewer than 2^31 numbers", std::to_string(x.size()),
                  "Reduce them in parts.");
    result_.resize(x.size());
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Iallreduce(x.data(), result_.data(), static_cast<int>(x.size()), MPI_INT64_T, op,
                         data_, &request));
    wait([&](int& done) { return MPI_Test(&request, &done, MPI_STATUS_IGNORE); });
    std::copy(result_.begin(), result_.end(), x.begin());
  }

  MPI_Comm data_ = MPI_COMM_NULL, faults_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  bool crowded_ = false;  // more ranks on this machine than it has cores
  bool failed_ = false;
  std::vector<Kept> kept_ = std::vector<Kept>(most_kept);
  std::uint64_t exchanges_ = 0;
  Kept* begun_ = nullptr;
  std::int64_t restarted_ = 0;
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
  std::vector<Message> received_;
  std::vector<std::int64_t> result_;
  std::vector<Error> error_;
  std::vector<char> text_;
};

}  // namespace amq::parallel
