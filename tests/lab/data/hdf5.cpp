#include <amq_lab/data/hdf5.hpp>

#include <amq_lab/data/pdebench.hpp>

#include "../../io/scratch.hpp"

#include <cmath>
#include <filesystem>

namespace test_hdf5 {

using namespace amq;
using namespace amq::lab;

namespace {
Array ramp(DType t, Extents shape) {
  Array a(t, std::move(shape));
  Random r(11);
  for (auto& b : a.bytes)
    b = std::byte(r.index(100));  // no NaN: an exponent of all ones needs more
  return a;
}
std::string shared(const std::string& file) {
  const std::string path = std::string(AMQ_SHARED_DATA) + "/" + file;
  if (std::filesystem::exists(path)) return path;
  MESSAGE("skipped: no ", path);
  return {};
}
}  // namespace

TEST_CASE("datasets and attributes of every type read back as they were written") {
  const test::Scratch dir("hdf5");
  const DType types[] = {DType::u8,  DType::i8,  DType::u16, DType::i16, DType::u32,
                         DType::i32, DType::u64, DType::i64, DType::f32, DType::f64};
  hdf5::Writer out(dir.path("a.h5"));
  for (const auto t : types) {
    out.write("group/" + std::string(name_of(t)), ramp(t, {3, 4, 5}), t == DType::f32 ? 4 : 0);
    out.attribute("group", std::string(name_of(t)), ramp(t, {2}));
  }
  out.write("scalar", Array::scalar(2.5));
  out.write("empty", Array(DType::f32, {0, 3}));
  out.attribute("/", "config", std::string("nu: 0.01"));
  out.attribute("scalar", "Nu", Array::scalar(0.001));
  out.commit();
  CHECK(dir.n_files() == 1);
  const hdf5::Reader in(dir.path("a.h5"));
  for (const auto t : types) {
    CHECK(in.read("group/" + std::string(name_of(t))) == ramp(t, {3, 4, 5}));
    CHECK(in.attribute("group", std::string(name_of(t))) == ramp(t, {2}));
  }
  CHECK(in.read("scalar").as<double>()[0] == 2.5);
  CHECK(in.read("empty").shape == Extents{0, 3});
  CHECK(in.text_attribute("/", "config") == "nu: 0.01");
  CHECK(in.attribute("scalar", "Nu").as<double>()[0] == 0.001);
  CHECK(in.names() == std::vector<std::string>{"empty", "group", "scalar"});
  CHECK(in.names("group").size() == 10);
  CHECK(in.contains("group/int8"));
  CHECK(!in.contains("group/int9"));
  CHECK(!in.contains("nothing/int8"));
}

TEST_CASE("every part of a dataset holds what a loop over the whole would pick") {
  const test::Scratch dir("hdf5");
  std::vector<int> x(7 * 9);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<int>(k);
  hdf5::Writer out(dir.path("a.h5"));
  out.write("x", Array::of(x, {7, 9}), 1);
  out.commit();
  const hdf5::Reader in(dir.path("a.h5"));
  int parts = 0, refused = 0;
  for (Index s = 0; s <= 7; ++s) {
    for (Index n = 0; n <= 4; ++n) {
      for (Index step = 1; step <= 3; ++step) {
        const hdf5::Part part{{s, 1}, {n, 3}, {step, 2}};
        if (n > 0 && s + (n - 1) * step >= 7) {
          AMQ_REFUSES(in.read("x", part), "axis 0");
          ++refused;
          continue;
        }
        std::vector<int> expected;
        for (Index i = 0; i < n; ++i) {
          for (Index j = 0; j < 3; ++j)
            expected.push_back(static_cast<int>((s + i * step) * 9 + 1 + 2 * j));
        }
        if (in.read("x", part).as<int>() != expected) FAIL(s, " ", n, " ", step);
        ++parts;
      }
    }
  }
  CHECK(parts + refused == 8 * 5 * 3);
  CHECK(in.read("x", {.stride = {3, 4}}).shape == Extents{3, 3});
  CHECK(in.read("x", {.start = {6, 8}}).as<int>() == std::vector<int>{62});
  AMQ_REFUSES(in.read("x", {.start = {1}}), "2 axes");
  AMQ_REFUSES(in.read("x", {.start = {-1, 0}}), "0 or more");
  AMQ_REFUSES(in.read("x", {.start = {0, 0}, .count = {1, Index{1} << 62}, .stride = {1, 4}}),
              "axis 1");
}

TEST_CASE("an uncommitted file leaves nothing, and what is missing is named") {
  const test::Scratch dir("hdf5");
  { hdf5::Writer out(dir.path("a.h5")); }
  CHECK(dir.n_files() == 0);
  AMQ_REFUSES(hdf5::Writer(dir.path("no/such.h5")), "folder");
  AMQ_REFUSES(hdf5::Reader(dir.path("none.h5")), "none.h5");
  write_file(dir.path("text.h5"), "no HDF5 at all");
  AMQ_REFUSES(hdf5::Reader(dir.path("text.h5")), "an HDF5 file");
  hdf5::Writer out(dir.path("a.h5"));
  out.write("x", Array::scalar(1));
  AMQ_REFUSES(out.write("x", Array::scalar(1)), "once");
  AMQ_REFUSES(out.write("z", Array(DType::c64, {1})), "complex64");
  out.attribute("/", "t", std::string("text"));
  out.commit();
  const hdf5::Reader in(dir.path("a.h5"));
  AMQ_REFUSES(in.read("y"), "a.h5: expected a dataset 'y'");
  AMQ_REFUSES(in.attribute("x", "nu"), "'nu'");
  AMQ_REFUSES(in.attribute("/", "t"), "real numbers");
  AMQ_REFUSES(in.names("g"), "a group 'g'");
  Bytes b = read_file(dir.path("a.h5"));
  b.resize(b.size() / 2);
  write_file(dir.path("cut.h5"), b);
  AMQ_REFUSES(hdf5::Reader(dir.path("cut.h5")), "cut.h5");
}

TEST_CASE("PDEBench's layouts give samples with time, space and channel") {
  const test::Scratch dir("pdebench");
  std::vector<float> u(2 * 5 * 8), a(2 * 4 * 4), d(2 * 4 * 4);
  for (std::size_t k = 0; k < u.size(); ++k) u[k] = static_cast<float>(k);
  for (std::size_t k = 0; k < a.size(); ++k) a[k] = static_cast<float>(2 * k);
  hdf5::Writer burgers(dir.path("burgers.h5"));
  burgers.write("tensor", Array::of(u, {2, 5, 8}));
  burgers.write("t-coordinate", Array::of(std::vector<float>{0, 1, 2, 3, 4, 5}));
  burgers.write("x-coordinate", Array::of(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  burgers.commit();
  const pdebench::Reader b(dir.path("burgers.h5"));
  CHECK(b.size() == 2);
  CHECK(b.solution(1).shape == Extents{5, 8, 1});
  CHECK(b.solution(1, {2, 4}).as<int>() == std::vector<int>{40, 44, 56, 60, 72, 76});
  CHECK(b.coordinate("t", {2, 1}) == std::vector<double>{0, 2, 4});
  CHECK(b.coordinate("x", {2, 4}) == std::vector<double>{0, 4});
  AMQ_REFUSES(b.solution(2), "0 to 1");
  AMQ_REFUSES(b.solution(0, {0, 1}), "strides");

  hdf5::Writer darcy(dir.path("darcy.h5"));
  darcy.write("tensor", Array::of(d, {2, 1, 4, 4}));
  darcy.write("nu", Array::of(a, {2, 4, 4}));
  darcy.commit();
  const pdebench::Reader c(dir.path("darcy.h5"));
  CHECK(c.solution(0, {1, 2}).shape == Extents{1, 2, 2, 1});
  CHECK(c.coefficient(1, {1, 2}).as<int>() == std::vector<int>{32, 36, 48, 52});

  u[7] = std::nanf("");
  hdf5::Writer sorption(dir.path("sorption.h5"));
  for (const std::string g : {"0000", "0001"}) {
    sorption.write(g + "/data", Array::of(g == "0000" ? u : std::vector<float>(80), {10, 8, 1}));
    sorption.write(g + "/grid/x", Array::of(std::vector<float>(8)));
  }
  sorption.commit();
  const pdebench::Reader s(dir.path("sorption.h5"));
  CHECK(s.size() == 2);
  CHECK(s.solution(1, {5, 2}).shape == Extents{2, 4, 1});
  AMQ_REFUSES(s.solution(0), "0000/data of sample 0");
  hdf5::Writer other(dir.path("other.h5"));
  other.write("x", Array::scalar(1));
  other.commit();
  AMQ_REFUSES(pdebench::Reader(dir.path("other.h5")), "no layout");
}

TEST_CASE("an enumeration is its numbers; h5py's FALSE and TRUE alone are a bool") {
  const test::Scratch dir("hdf5");
  const auto write = [](const std::string& path, hid_t of, bool is_bool) {
    const hdf5::detail::Id file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                                H5Fclose);
    const hdf5::detail::Id type(H5Tenum_create(of), H5Tclose);
    const hsize_t n = 3;
    const hdf5::detail::Id space(H5Screate_simple(1, &n, nullptr), H5Sclose);
    for (const auto& [name, value] :
         is_bool ? std::vector<std::pair<const char*, int>>{{"FALSE", 0}, {"TRUE", 1}}
                 : std::vector<std::pair<const char*, int>>{{"NORMAL", 0}, {"INFLOW", 4}}) {
      int bytes = value;
      H5Tconvert(H5T_NATIVE_INT, of, 1, &bytes, nullptr, H5P_DEFAULT);
      H5Tenum_insert(type, name, &bytes);
    }
    const hdf5::detail::Id d(
        H5Dcreate2(file, "x", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
    std::vector<int> values{0, is_bool ? 1 : 4, 0};
    H5Tconvert(H5T_NATIVE_INT, of, values.size(), values.data(), nullptr, H5P_DEFAULT);
    return H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0;
  };
  const std::string path = dir.path("enum.h5");
  for (const hid_t of : {H5T_STD_I8LE, H5T_STD_U8BE, H5T_STD_I32LE, H5T_STD_I16BE}) {
    REQUIRE(write(path, of, false));
    CHECK(hdf5::Reader(path).read("x").as<int>() == std::vector<int>{0, 4, 0});
  }
  REQUIRE(write(path, H5T_STD_I8LE, true));
  const Array flags = hdf5::Reader(path).read("x");
  CHECK(flags.dtype == DType::boolean);
  CHECK(flags.as<int>() == std::vector<int>{0, 1, 0});
}

TEST_CASE("what is no array of numbers is named by its kind") {
  const test::Scratch dir("hdf5");
  const std::string path = dir.path("kinds.h5");
  {
    const hdf5::detail::Id file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                                H5Fclose);
    const auto add = [&](const char* name, hid_t type, H5S_class_t kind) {
      const hdf5::detail::Id space(H5Screate(kind), H5Sclose);
      const hdf5::detail::Id d(
          H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
      return d.good();
    };
    const hdf5::detail::Id pair(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
    H5Tinsert(pair, "r", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(pair, "i", 8, H5T_NATIVE_DOUBLE);
    REQUIRE(add("complex", pair, H5S_SCALAR));
    REQUIRE(add("text", H5T_C_S1, H5S_SCALAR));
    REQUIRE(add("long double", H5T_NATIVE_LDOUBLE, H5S_SCALAR));
    REQUIRE(add("none", H5T_NATIVE_FLOAT, H5S_NULL));
  }
  const hdf5::Reader in(path);
  AMQ_REFUSES(in.read("complex"), "found a compound, as complex numbers");
  AMQ_REFUSES(in.read("text"), "found text");
  AMQ_REFUSES(in.read("long double"), "found numbers of 16 bytes");
  AMQ_REFUSES(in.read("none"), "without a shape");
}

TEST_CASE("HDF5 is written as other files are: through links, with rights kept, to no device") {
  namespace fs = std::filesystem;
  const test::Scratch dir("hdf5");
  const auto write = [](const std::string& path) {
    hdf5::Writer out(path);
    out.write("x", Array::scalar(1));
    out.commit();
  };
  write(dir.path("run.h5"));
  fs::permissions(dir.path("run.h5"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("run.h5", dir.path("latest.h5"));
  write(dir.path("latest.h5"));
  CHECK(fs::is_symlink(dir.path("latest.h5")));
  CHECK(fs::status(dir.path("run.h5")).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(dir.n_files() == 2);
  AMQ_REFUSES(hdf5::Writer("/dev/null"), "found a device");
  AMQ_REFUSES(hdf5::Reader(dir.path("")), "found a folder");
}

TEST_CASE("what stands beside PDEBench's samples is read past, what lacks in them is named") {
  const test::Scratch dir("pdebench");
  const auto grouped = [&](const std::vector<std::string>& more, std::size_t nx = 8) {
    hdf5::Writer out(dir.path("g.h5"));
    for (const std::string g : {"0000", "0001"}) {
      out.write(g + "/data", Array::of(std::vector<float>(80, 1), {10, 8, 1}));
      out.write(g + "/grid/x", Array::of(std::vector<float>(nx)));
    }
    for (const auto& name : more) out.write(name, Array::scalar(1));
    out.commit();
    return pdebench::Reader(dir.path("g.h5"));
  };
  CHECK(grouped({".meta/a", "config/nu", "x"}).size() == 2);
  AMQ_REFUSES(grouped({"0002/grid/x"}), "0002: expected 'data'");
  AMQ_REFUSES(grouped({}, 9).coordinate("x"), "8 numbers, as the solution has, found 9");
  AMQ_REFUSES(grouped({}).coordinate("x", {1, 0}), "strides of 1 or more");
  const auto stacked = [&](std::size_t nx, std::size_t nt) {
    hdf5::Writer out(dir.path("s.h5"));
    out.write("tensor", Array::of(std::vector<float>(80, 1), {2, 5, 8}));
    out.write("x-coordinate", Array::of(std::vector<float>(nx)));
    out.write("t-coordinate", Array::of(std::vector<float>(nt)));
    out.commit();
    return pdebench::Reader(dir.path("s.h5"));
  };
  CHECK(stacked(8, 5).coordinate("t").size() == 5);
  CHECK(stacked(8, 6).coordinate("t").size() == 5);
  AMQ_REFUSES(stacked(8, 4).coordinate("t"), "5 numbers, as the solution has, found 4");
  AMQ_REFUSES(stacked(7, 5).coordinate("x"), "8 numbers, as the solution has, found 7");
}

TEST_CASE("the reference files have the published shapes") {
  if (const auto path = shared("burgers/1D_Burgers_Sols_Nu0.01_ref_full.hdf5"); !path.empty()) {
    const pdebench::Reader in(path);
    CHECK(in.solution(0).shape == Extents{201, 1024, 1});
    CHECK(in.coordinate("t").size() == 201);
    CHECK(in.file().attribute("/", "Nu").as<double>()[0] == 0.01);
  }
  if (const auto path = shared("diffsorp/1D_diff-sorp_NA_NA_ref_fv1024.h5"); !path.empty()) {
    const pdebench::Reader in(path);
    CHECK(in.solution(0).shape == Extents{101, 1024, 1});
    CHECK(in.coordinate("x").size() == 1024);
    CHECK(in.file().text_attribute("0000", "config").find("fv1024") != std::string::npos);
  }
  if (const auto path = shared("darcy/2D_DarcyFlow_beta1.0_Ref.hdf5"); !path.empty()) {
    const pdebench::Reader in(path);
    CHECK(in.solution(3, {1, 2}).shape == Extents{1, 64, 64, 1});
    for (const float a : in.coefficient(3).as<float>()) CHECK_MESSAGE((a == 0.1f || a == 1.0f), a);
  }
}

}  // namespace test_hdf5
