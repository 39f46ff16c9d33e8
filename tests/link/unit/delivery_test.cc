#include "stages/delivery.h"

#include <fcntl.h>

#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using Names = std::vector<std::string>;

const Stop kNever = [] { return false; };
const AboutTo kAlways = {.name = [] { return Status::success(); }};

// A directory that receives products.
class Target {
 public:
  Target() { REQUIRE(Directory::open(temp_.path(), &directory_).ok()); }

  const Directory& directory() const { return directory_; }
  std::string path(const std::string& name) const { return temp_ / name; }
  Names names() const { return test::list(temp_.path()); }
  std::string contents(const std::string& name) const { return test::read_file(path(name)); }

  // A product that is written and wants this name.
  Product product(const std::string& name, const std::string& contents) const {
    Product made;
    made.directory = &directory_;
    made.temporary = "." + name + ".part";
    made.name = name;
    made.digest = sha256_hex(contents);
    REQUIRE(begin_product(&made).ok());
    REQUIRE(write_product(&made, contents.data(), contents.size()).ok());
    finish_writing(made);
    return made;
  }

 private:
  test::TempDir temp_;
  Directory directory_;
};

TEST_CASE("A product is created exclusively, whatever has its temporary name") {
  Target target;
  test::write_file(target.path(".a.part"), "of another");
  Product product;
  product.directory = &target.directory();
  product.temporary = ".a.part";
  product.name = "a";
  CHECK(begin_product(&product).fault == Fault::kEnvironment);
  CHECK(target.contents(".a.part") == "of another");
  abandon_product(&product);
  CHECK(target.names() == Names{".a.part"});
}

TEST_CASE("A product of several writes has all of them, and its size") {
  Target target;
  const std::string large = test::noise(9 << 20);
  Product product = target.product("a", "begin ");
  REQUIRE(write_product(&product, large.data(), large.size()).ok());
  finish_writing(product);
  CHECK(product.size == 6 + large.size());
  CHECK(target.contents(".a.part") == "begin " + large);
}

TEST_CASE("A product gets its name, and no temporary remains") {
  Target target;
  Product product = target.product("a", "data");
  Published published = Published::kConflict;
  REQUIRE(publish_product(&product, product.digest, kNever, kAlways, &published).ok());
  CHECK(published == Published::kDelivered);
  CHECK(product.name == "a");
  CHECK(target.names() == Names{"a"});
  CHECK(target.contents("a") == "data");
}

TEST_CASE("The same bytes under the name are a duplicate, and the file there stays") {
  Target target;
  test::write_file(target.path("a"), "data");
  const auto inode = target.directory().stat_of("a").identity.inode;
  Product product = target.product("a", "data");
  Published published = Published::kDelivered;
  REQUIRE(publish_product(&product, product.digest, kNever, kAlways, &published).ok());
  CHECK(published == Published::kDuplicate);
  CHECK(target.names() == Names{"a"});
  CHECK(target.directory().stat_of("a").identity.inode == inode);
}

TEST_CASE("Other bytes under the name stay, and the product gets more digits until a name is free") {
  Target target;
  const std::string data = "data";
  const std::string digest = sha256_hex(data);
  Names expected;
  for (const std::string& taken : {std::string("a"), conflict_of("a", digest, 8)}) {
    test::write_file(target.path(taken), "other");
    expected.push_back(taken);
  }
  expected.push_back(conflict_of("a", digest, 16));
  Product product = target.product("a", data);
  Published published = Published::kDelivered;
  REQUIRE(publish_product(&product, digest, kNever, kAlways, &published).ok());
  CHECK(published == Published::kConflict);
  CHECK(product.name == expected.back());
  CHECK(target.names() == expected);
  CHECK(target.contents("a") == "other");
  CHECK(target.contents(product.name) == data);
}

TEST_CASE("Without a free name the product keeps its temporary and the name that it wants") {
  Target target;
  const std::string digest = sha256_hex("data");
  test::write_file(target.path("a"), "other");
  for (std::size_t digits : kConflictDigits)
    test::write_file(target.path(conflict_of("a", digest, digits)), "x");
  Product product = target.product("a", "data");
  Published published = Published::kDelivered;
  Status status = publish_product(&product, digest, kNever, kAlways, &published);
  CHECK(status.fault == Fault::kWait);
  CHECK(status.message.find("move some of them away") != std::string::npos);
  CHECK(product.name == "a");
  CHECK(target.contents(".a.part") == "data");
}

TEST_CASE("A temporary that somebody replaced or removed is neither published nor removed") {
  const bool replaced = GENERATE(true, false);
  Target target;
  Product product = target.product("a", "data");
  std::filesystem::remove(target.path(".a.part"));
  if (replaced) test::write_file(target.path(".a.part"), "of another");
  CHECK(check_own(product).fault == Fault::kEnvironment);
  Published published = Published::kDelivered;
  CHECK(publish_product(&product, product.digest, kNever, kAlways, &published).fault == Fault::kEnvironment);
  abandon_product(&product);
  CHECK(target.names() == (replaced ? Names{".a.part"} : Names{}));
}

TEST_CASE("A product that is abandoned leaves nothing") {
  Target target;
  Product product = target.product("a", "data");
  abandon_product(&product);
  CHECK_FALSE(product.fd);
  CHECK(target.names().empty());
}

TEST_CASE("A container is published with its sidecar, under names that belong together") {
  Target target;
  Product container = target.product("a.freq", "container");
  Product sidecar = target.product("a.freq.sha256", "digest\n");
  const std::string digest = sha256_hex("data");
  const bool is_taken = GENERATE(false, true);
  if (is_taken) test::write_file(target.path("a.freq"), "other");
  Published published = Published::kDelivered;
  REQUIRE(publish_container(&container, &sidecar, digest, kNever, kAlways, &published).ok());
  CHECK(published == (is_taken ? Published::kConflict : Published::kDelivered));
  CHECK(sidecar.name == sidecar_of(container.name));
  CHECK(target.contents(container.name) == "container");
  CHECK(target.contents(sidecar.name) == "digest\n");
  CHECK(target.names().size() == (is_taken ? 3 : 2));
}

TEST_CASE("A sidecar of another container at the name sends both to the next name") {
  Target target;
  Product container = target.product("a.freq", "container");
  Product sidecar = target.product("a.freq.sha256", "digest\n");
  test::write_file(target.path("a.freq.sha256"), "another\n");
  Published published = Published::kDelivered;
  REQUIRE(publish_container(&container, &sidecar, sha256_hex("data"), kNever, kAlways, &published).ok());
  CHECK(published == Published::kConflict);
  CHECK(container.name == conflict_of("a.freq", sha256_hex("data"), 8));
  CHECK(target.contents("a.freq.sha256") == "another\n");
  CHECK_FALSE(test::exists(target.path("a.freq")));
}

TEST_CASE("A container that exists with the same bytes gets the sidecar that it lacks") {
  Target target;
  Product container = target.product("a.freq", "container");
  Product sidecar = target.product("a.freq.sha256", "digest\n");
  test::write_file(target.path("a.freq"), "container");
  Published published = Published::kDelivered;
  // Its temporary goes, so that recovery has to know that it was meant to, and why.
  int named = 0;
  int dropped = 0;
  const AboutTo about_to = {.name =
                                [&] {
                                  ++named;
                                  return Status::success();
                                },
                            .drop =
                                [&] {
                                  ++dropped;
                                  CHECK(test::exists(target.path(container.temporary)));
                                  return Status::success();
                                }};
  REQUIRE(publish_container(&container, &sidecar, sha256_hex("data"), kNever, about_to, &published).ok());
  CHECK((named == 1 && dropped == 1));
  CHECK(published == Published::kDuplicate);
  CHECK(target.names() == Names{"a.freq", "a.freq.sha256"});
}

TEST_CASE("has_content compares size and bytes, and finds nothing where there is no regular file") {
  Target target;
  test::write_file(target.path("a"), "data");
  std::filesystem::create_directory(target.path("folder"));
  auto has = [&](const std::string& name, const std::string& contents) {
    bool same = true;
    REQUIRE(has_content(target.directory(), name, contents.size(), sha256_hex(contents), kNever, &same).ok());
    return same;
  };
  CHECK(has("a", "data"));
  CHECK_FALSE(has("a", "dato"));
  CHECK_FALSE(has("a", "data "));
  CHECK_FALSE(has("b", "data"));
  CHECK_FALSE(has("folder", "data"));
  std::string digest;
  REQUIRE(digest_of(target.directory(), "a", kNever, &digest).ok());
  CHECK(digest == sha256_hex("data"));
}

TEST_CASE("What fails right before the name is given ends the try, and no name is left") {
  Target target;
  const AboutTo changed = {.name = [] { return Status::changed("the source changed"); }};
  Product product = target.product("a", "data");
  Published published = Published::kDelivered;
  CHECK(publish_product(&product, product.digest, kNever, changed, &published).fault == Fault::kChanged);
  Product container = target.product("b.freq", "container");
  Product sidecar = target.product("b.freq.sha256", "digest\n");
  CHECK(publish_container(&container, &sidecar, sha256_hex("data"), kNever, changed, &published).fault ==
        Fault::kChanged);
  CHECK(target.names() == Names{".a.part", ".b.freq.part", ".b.freq.sha256.part"});
}

TEST_CASE("A comparison ends when it is asked to stop, and no name is given on a guess") {
  Target target;
  test::write_file(target.path("a"), "data");
  Product product = target.product("a", "data");
  Published published = Published::kDelivered;
  const Stop now = [] { return true; };
  CHECK(publish_product(&product, product.digest, now, kAlways, &published).fault == Fault::kStopped);
  CHECK(target.names() == Names{".a.part", "a"});
}

}  // namespace
}  // namespace paxect::link
