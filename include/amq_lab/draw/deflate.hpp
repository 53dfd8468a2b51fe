#pragma once
/// @file
/// A small deflate compressor (RFC 1951) in zlib's envelope (RFC 1950), so that pictures need no
/// library. Greedy matches and one Huffman code per block: within a few per cent of zlib's level 4.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace amq::lab {

namespace detail {

class BitWriter {
 public:
  explicit BitWriter(std::vector<std::byte>& out) : out_(out) {}
  void put(std::uint32_t bits, int n) {
    held_ |= static_cast<std::uint64_t>(bits) << n_;
    for (n_ += n; n_ >= 8; n_ -= 8, held_ >>= 8)
      out_.push_back(static_cast<std::byte>(held_ & 255));
  }
  void flush() { put(0, (8 - n_) % 8); }

 private:
  std::vector<std::byte>& out_;
  std::uint64_t held_ = 0;
  int n_ = 0;
};

/// Code lengths of at most `most` bits for symbols that occur that often (Huffman, 1952). Too long
/// a code is mended by flattening the counts, which costs little and is rare.
inline std::vector<int> code_lengths(std::vector<std::uint32_t> counts, int most) {
  for (;;) {
    struct Node {
      std::uint64_t weight;
      int left, right;
    };
    std::vector<Node> nodes;
    std::vector<int> roots, lengths(counts.size(), 0);
    for (std::size_t s = 0; s < counts.size(); ++s) {
      nodes.push_back({counts[s], -1, -1});
      if (counts[s] > 0) roots.push_back(static_cast<int>(s));
    }
    if (roots.size() == 1) lengths[static_cast<std::size_t>(roots[0])] = 1;
    const auto heavier = [&](int a, int b) {
      const auto wa = nodes[static_cast<std::size_t>(a)].weight,
                 wb = nodes[static_cast<std::size_t>(b)].weight;
      return wa != wb ? wa > wb : a > b;
    };
    std::make_heap(roots.begin(), roots.end(), heavier);
    const auto pop = [&] {
      std::pop_heap(roots.begin(), roots.end(), heavier);
      const int r = roots.back();
      roots.pop_back();
      return r;
    };
    while (roots.size() > 1) {
      const int a = pop(), b = pop();
      nodes.push_back(
          {nodes[static_cast<std::size_t>(a)].weight + nodes[static_cast<std::size_t>(b)].weight, a,
           b});
      roots.push_back(static_cast<int>(nodes.size()) - 1);
      std::push_heap(roots.begin(), roots.end(), heavier);
    }
    // A parent comes after its children, so depths flow down in one backward pass.
    std::vector<int> depth(nodes.size(), 0);
    int deepest = 0;
    for (std::size_t k = nodes.size(); k-- > counts.size();) {
      for (const int child : {nodes[k].left, nodes[k].right})
        depth[static_cast<std::size_t>(child)] = depth[k] + 1;
    }
    for (std::size_t s = 0; s < counts.size(); ++s) {
      if (depth[s] > 0) lengths[s] = depth[s];
      deepest = std::max(deepest, depth[s]);
    }
    if (deepest <= most) return lengths;
    for (auto& c : counts) c = c > 0 ? c / 4 + 1 : 0;
  }
}

/// Canonical codes, bits reversed as deflate sends them.
inline std::vector<std::uint32_t> codes_of(const std::vector<int>& lengths) {
  std::array<std::uint32_t, 16> first{}, count{};
  for (const int l : lengths) ++count[static_cast<std::size_t>(l)];
  count[0] = 0;
  for (std::size_t l = 1; l < 16; ++l) first[l] = (first[l - 1] + count[l - 1]) << 1;
  std::vector<std::uint32_t> codes(lengths.size(), 0);
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const int l = lengths[s];
    if (l == 0) continue;
    std::uint32_t c = first[static_cast<std::size_t>(l)]++, reversed = 0;
    for (int k = 0; k < l; ++k, c >>= 1) reversed = reversed << 1 | (c & 1);
    codes[s] = reversed;
  }
  return codes;
}

/// A literal byte (distance 0), or `length` bytes again from `distance` back.
struct Token {
  std::uint16_t length, distance;
};
/// Symbol, and the extra bits that follow it.
struct Symbol {
  int code, extra_bits;
  std::uint32_t extra;
};
inline Symbol length_symbol(int length) {
  if (length == 258) return {285, 0, 0};
  int code = 257, base = 3, bits = 0;
  for (int k = 0; length >= base + (1 << bits); ++k) {
    base += 1 << bits;
    ++code;
    bits = k + 1 < 8 ? 0 : (k + 1) / 4 - 1;
  }
  return {code, bits, static_cast<std::uint32_t>(length - base)};
}
inline Symbol distance_symbol(int distance) {
  int code = 0, base = 1, bits = 0;
  while (distance >= base + (1 << bits)) {
    base += 1 << bits;
    ++code;
    bits = code < 2 ? 0 : code / 2 - 1;
  }
  return {code, bits, static_cast<std::uint32_t>(distance - base)};
}

inline void write_block(BitWriter& out, std::span<const Token> tokens, bool last) {
  std::vector<std::uint32_t> literals(286, 0), distances(30, 0);
  for (const auto& t : tokens) {
    ++literals[static_cast<std::size_t>(t.distance ? length_symbol(t.length).code : t.length)];
    if (t.distance) ++distances[static_cast<std::size_t>(distance_symbol(t.distance).code)];
  }
  literals[256] = 1;
  auto l_lengths = code_lengths(literals, 15), d_lengths = code_lengths(distances, 15);
  while (l_lengths.size() > 257 && l_lengths.back() == 0) l_lengths.pop_back();
  while (d_lengths.size() > 1 && d_lengths.back() == 0) d_lengths.pop_back();
  // The lengths themselves are run-length coded: 16 repeats, 17 and 18 are runs of zero.
  std::vector<int> all = l_lengths;
  all.insert(all.end(), d_lengths.begin(), d_lengths.end());
  std::vector<Symbol> runs;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t n = 1;
    while (i + n < all.size() && all[i + n] == all[i]) ++n;
    std::size_t left = n;
    if (all[i] == 0) {
      for (; left >= 3; left -= std::min<std::size_t>(left, 138)) {
        const auto k = static_cast<std::uint32_t>(std::min<std::size_t>(left, 138));
        runs.push_back(k < 11 ? Symbol{17, 3, k - 3} : Symbol{18, 7, k - 11});
      }
    } else {
      runs.push_back({all[i], 0, 0});
      for (--left; left >= 3; left -= std::min<std::size_t>(left, 6)) {
        runs.push_back({16, 2, static_cast<std::uint32_t>(std::min<std::size_t>(left, 6)) - 3});
      }
    }
    for (; left > 0; --left) runs.push_back({all[i], 0, 0});
    i += n;
  }
  std::vector<std::uint32_t> run_counts(19, 0);
  for (const auto& r : runs) ++run_counts[static_cast<std::size_t>(r.code)];
  const auto r_lengths = code_lengths(run_counts, 7);
  const auto r_codes = codes_of(r_lengths), l_codes = codes_of(l_lengths),
             d_codes = codes_of(d_lengths);
  constexpr std::size_t order[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
  std::size_t n_run = 19;
  while (n_run > 4 && r_lengths[order[n_run - 1]] == 0) --n_run;
  out.put(last ? 1 : 0, 1);
  out.put(2, 2);
  out.put(static_cast<std::uint32_t>(l_lengths.size() - 257), 5);
  out.put(static_cast<std::uint32_t>(d_lengths.size() - 1), 5);
  out.put(static_cast<std::uint32_t>(n_run - 4), 4);
  for (std::size_t k = 0; k < n_run; ++k)
    out.put(static_cast<std::uint32_t>(r_lengths[order[k]]), 3);
  const auto send = [&](const auto& codes, const auto& lengths, const Symbol& s) {
    out.put(codes[static_cast<std::size_t>(s.code)], lengths[static_cast<std::size_t>(s.code)]);
    out.put(s.extra, s.extra_bits);
  };
  for (const auto& r : runs) send(r_codes, r_lengths, r);
  for (const auto& t : tokens) {
    send(l_codes, l_lengths, t.distance ? length_symbol(t.length) : Symbol{t.length, 0, 0});
    if (t.distance) send(d_codes, d_lengths, distance_symbol(t.distance));
  }
  send(l_codes, l_lengths, Symbol{256, 0, 0});
}

}  // namespace detail

/// RFC 1950's checksum.
[[nodiscard]] inline std::uint32_t adler32(std::span<const std::byte> bytes) noexcept {
  std::uint32_t a = 1, b = 0;
  for (std::size_t i = 0; i < bytes.size();) {
    // 5552 is the most bytes whose sums stay within 32 bits.
    for (const std::size_t end = std::min(bytes.size(), i + 5552); i < end; ++i) {
      a += static_cast<std::uint32_t>(bytes[i]);
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

/// Compressed bytes in zlib's envelope. About 50 MB/s.
[[nodiscard]] inline std::vector<std::byte> zlib_compress(std::span<const std::byte> in) {
  constexpr std::size_t window = 32768, n_hash = 1 << 15, tokens_per_block = 1 << 15;
  constexpr int tries = 24;
  std::vector<std::byte> out{std::byte{0x78}, std::byte{0x9c}};
  detail::BitWriter bits(out);
  std::vector<detail::Token> tokens;
  std::vector<std::int64_t> head(n_hash, -1), before(window, -1);
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(in[i]); };
  const auto hash = [&](std::size_t i) {
    return ((byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16) * 0x9e3779b1u) >> 17;
  };
  const auto remember = [&](std::size_t i) {
    if (i + 3 > in.size()) return;
    auto& h = head[hash(i)];
    before[i % window] = h;
    h = static_cast<std::int64_t>(i);
  };
  for (std::size_t i = 0; i < in.size();) {
    std::size_t best = 0, from = 0;
    if (i + 3 <= in.size()) {
      const std::size_t most = std::min<std::size_t>(258, in.size() - i);
      auto c = head[hash(i)];
      for (int k = 0; k < tries && c >= 0 && i - static_cast<std::size_t>(c) < window; ++k) {
        const auto at = static_cast<std::size_t>(c);
        if (best == 0 || in[at + best] == in[i + best]) {
          std::size_t n = 0;
          while (n < most && in[at + n] == in[i + n]) ++n;
          if (n > best) {
            best = n;
            from = i - at;
          }
          if (n == most) break;
        }
        c = before[at % window];
      }
    }
    // Three bytes from far away cost more than three literals.
    if (best < 3 || (best == 3 && from > 4096)) best = 0;
    if (best == 0)
      tokens.push_back({static_cast<std::uint16_t>(byte(i)), 0});
    else
      tokens.push_back({static_cast<std::uint16_t>(best), static_cast<std::uint16_t>(from)});
    for (std::size_t k = std::max<std::size_t>(best, 1); k > 0; --k) remember(i++);
    if (tokens.size() == tokens_per_block) {
      detail::write_block(bits, tokens, false);
      tokens.clear();
    }
  }
  detail::write_block(bits, tokens, true);
  bits.flush();
  const auto sum = adler32(in);
  for (int k = 24; k >= 0; k -= 8) out.push_back(static_cast<std::byte>(sum >> k & 255));
  return out;
}

}  // namespace amq::lab
