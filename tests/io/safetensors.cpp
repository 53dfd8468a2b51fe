#include <amq/io/safetensors.hpp>

#include "scratch.hpp"

namespace test_safetensors {

using namespace amq;
using namespace amq::io;

namespace {

safetensors::File sample() {
  safetensors::File f;
  f.metadata = {{"architecture", "mp_pde"}, {"note", "quotes \" and \u00e9"}};
  Random r(8);
  for (const auto& code : safetensors::detail::codes) {
    Array a(code.dtype, {2, 3});
    for (auto& b : a.bytes) b = std::byte(r.index(256));
    f.tensors[std::string(code.text) + ".weight"] = a;
  }
  f.tensors["scalar"] = Array::scalar(1.5f);
  f.tensors["empty"] = Array(DType::f32, {0, 4});
  return f;
}

Bytes file(const std::string& header, std::size_t n_data) {
  std::string s;
  for (std::size_t k = 0; k < 8; ++k) s += static_cast<char>(header.size() >> (8 * k) & 255);
  s += header + std::string(n_data, 'x');
  const auto b = as_bytes(s);
  return {b.begin(), b.end()};
}

void refused(const std::string& header, std::size_t n_data, const char* why) {
  AMQ_REFUSES(safetensors::decode(file(header, n_data), "m.safetensors"), why);
  AMQ_REFUSES(safetensors::decode(file(header, n_data), "m.safetensors"), "m.safetensors");
}

}  // namespace

TEST_CASE("tensors and metadata read back as they were written") {
  const test::Scratch dir("safetensors");
  write(dir.path("m"), sample());
  const auto back = safetensors::read(dir.path("m"));
  CHECK(back == sample());
  CHECK(safetensors::decode(read_file(dir.path("m")), "m") == sample());
  write(dir.path("again"), back);
  CHECK(read_file(dir.path("again")) == read_file(dir.path("m")));
  write(dir.path("none"), safetensors::File{});
  CHECK(safetensors::read(dir.path("none")) == safetensors::File{});
  CHECK(dir.n_files() == 3);
}

TEST_CASE("every tensor lies aligned to its own type") {
  const test::Scratch dir("safetensors");
  const auto f = sample();
  write(dir.path("m"), f);
  const Bytes b = read_file(dir.path("m"));
  const auto n = static_cast<std::size_t>(b[0]) | static_cast<std::size_t>(b[1]) << 8;
  CHECK(n % 8 == 0);
  const auto header = json::parse(as_text(std::span(b).subspan(8, n)));
  int seen = 0;
  for (const auto& [name, v] : header.as_object()) {
    if (name == "__metadata__") continue;
    const auto& a = f.at(name);
    CHECK(v.at("data_offsets").at(0).as_uint() % size_of(a.dtype) == 0);
    ++seen;
  }
  CHECK(seen == 16);
}

TEST_CASE("a file of the reference implementation is understood") {
  // The example of the format's specification: a float16 matrix, and padding after the header.
  const auto f = safetensors::decode(
      file(
          R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}  )",
          4),
      "t");
  CHECK(f.metadata.at("format") == "pt");
  CHECK(f.at("a").shape == Extents{1, 2});
  CHECK(f.at("a").dtype == DType::f16);
  AMQ_REFUSES(f.at("b"), "'b'");
}

TEST_CASE("types that amq has not, and more that an entry says, are read past and named") {
  const test::Scratch dir("safetensors");
  const auto f = safetensors::decode(
      file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"quantization":{"of":1}},)"
           R"("b":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[8,11]},)"
           R"("c":{"dtype":"F4","shape":[4],"data_offsets":[11,13]}})",
           13),
      "m.safetensors");
  CHECK(f.at("a").shape == Extents{2});
  CHECK(f.tensors.size() == 1);
  AMQ_REFUSES(f.at("b"), "m.safetensors: b: expected one of BOOL");
  AMQ_REFUSES(f.at("b"), "dtype 'F8_E4M3'");
  CHECK_NOTHROW(safetensors::expect(f, {{"a", {2}}}, true));
  AMQ_REFUSES(safetensors::expect(f, {{"a", {2}}}), "c: not expected, found dtype F4");
  AMQ_REFUSES(safetensors::expect(f, {{"b", {3}}}, true), "b: expected (3,), found dtype F8_E4M3");
  // They would be lost.
  AMQ_REFUSES(write(dir.path("m"), f), "tensors that were read");
  CHECK(dir.n_files() == 0);
  // Their places are as those of others.
  refused(R"({"b":{"dtype":"F4","shape":[4],"data_offsets":[2,4]}})", 4, "no gap");
  refused(R"({"b":{"dtype":"F4","shape":[4],"data_offsets":[4,2]}})", 4, "offsets 4 to 2");
  refused(R"({"b":{"dtype":"F4","shape":[-4],"data_offsets":[0,2]}})", 2, "0 or more");
  // A type of no name is no type that amq has, either.
  const auto nameless = safetensors::decode(
      file(R"({"b":{"dtype":"","shape":[8],"data_offsets":[0,400]}})", 400), "m.safetensors");
  CHECK(nameless.tensors.empty());
  AMQ_REFUSES(nameless.at("b"), "dtype ''");
}

TEST_CASE("hostile headers are refused, naming file and tensor") {
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "m.safetensors: a");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9, "data of 8 bytes");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}})", 9, "8 bytes for F32(2,)");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "offsets 8 to 0");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "no gap");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", 8, "0 or more");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", 8, "two data_offsets");
  refused(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8, "integer");
  refused(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "0 or more");
  refused(R"({"a":{"dtype":"F32","shape":[2]}})", 8, "data_offsets");
  refused(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}})", 0,
          "can exist");
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
          R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          12, "bytes of its own");
  refused(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)"
          R"("a":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}})",
          4, "'a' twice");
  refused(R"({"__metadata__":{"n":1}})", 0, "a string");
  refused(R"({"__metadata__":"x"})", 0, "an object");
  refused(R"([])", 0, "begins with '{'");
  refused("", 0, "begins with '{'");
  refused(R"({"a")", 0, "header");
  AMQ_REFUSES(safetensors::decode(Bytes(7), "m"), "7 bytes");
  AMQ_REFUSES(safetensors::decode(Bytes(8, std::byte{0xff}), "m"), "100 MB");
  Bytes big = file("{}", 0);
  big[3] = std::byte{0x10};  // 268 million bytes of header
  AMQ_REFUSES(safetensors::decode(big, "m"), "100 MB");
}

TEST_CASE("what the format cannot hold is not written, and leaves no file") {
  const test::Scratch dir("safetensors");
  safetensors::File f;
  f.tensors["z"] = Array(DType::c128, {2});
  AMQ_REFUSES(write(dir.path("m"), f), "complex128");
  f.tensors["z"] = Array(DType::f32, {2});
  f.tensors["z"].shape = {3};
  AMQ_REFUSES(write(dir.path("m"), f), "bytes for (3,)");
  f.tensors = {{"__metadata__", Array(DType::f32, {2})}};
  AMQ_REFUSES(write(dir.path("m"), f), "another name");
  CHECK(dir.n_files() == 0);
}

TEST_CASE("all tensors that do not fit a model are listed at once") {
  const auto f = sample();
  std::vector<safetensors::Expected> model;
  for (const auto& [name, a] : f.tensors) model.push_back({name, a.shape});
  CHECK(mismatches(f, model).empty());
  expect(f, model);
  model.push_back({"missing.weight", {7}});
  model[0].shape = {3, 2};
  model[1].shape = {2, -1};
  const std::string unasked = model[2].name;
  model.erase(model.begin() + 2);
  CHECK(mismatches(f, model).size() == 3);
  CHECK(mismatches(f, model, true).size() == 2);
  AMQ_REFUSES(expect(f, model), "3 mismatches");
  AMQ_REFUSES(expect(f, model), "missing.weight: expected (7,), found nothing");
  AMQ_REFUSES(expect(f, model), "expected (3, 2), found (2, 3)");
  AMQ_REFUSES(expect(f, model), (unasked + ": not expected").c_str());
}

TEST_CASE("20000 mutated files are refused or hold tensors whose bytes fit their shapes") {
  const test::Scratch dir("safetensors");
  safetensors::File f;
  f.metadata = {{"k", "v"}};
  f.tensors = {{"a", Array(DType::f32, {2, 3})}, {"b", Array(DType::i8, {5})}};
  write(dir.path("m"), f);
  const Bytes good = read_file(dir.path("m"));
  Random r(9);
  int refusals = 0;
  for (int k = 0; k < 20000; ++k) {
    try {
      for (const auto& [name, a] : safetensors::decode(test::mutate(good, r), "m").tensors) {
        if (a.bytes.size() != count_of(a.shape, 1, "m") * size_of(a.dtype)) FAIL(name);
      }
    } catch (const Error&) {
      ++refusals;
    }
  }
  CHECK(refusals > 10000);
  CHECK(refusals < 20000);
}

}  // namespace test_safetensors
