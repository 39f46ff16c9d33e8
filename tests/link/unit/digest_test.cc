#include "base/digest.h"

#include <fcntl.h>

#include "base/blocks.h"
#include "base/unique_fd.h"
#include "link/no_sha256.h"
#include "stages/codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-4

Status never_called(const void*, std::size_t) { return Status::success(); }

}  // namespace

TEST_CASE("Contents and names have the digests of FIPS 180-4") {
  CHECK(sha256_hex("") == kEmpty);
  CHECK(sha256_hex("abc") == kAbc);
  std::string digest;
  CHECK(Sha256().finish(&digest).ok());
  CHECK(digest == kEmpty);
  Sha256 sha;
  sha.update("a", 1);
  sha.update("bc", 2);
  CHECK(sha.finish(&digest).ok());
  CHECK(digest == kAbc);
  CHECK(fingerprint("abc") != fingerprint("abd"));
}

TEST_CASE("Without SHA-256 in libcrypto, names have their digests and contents a failure that says so") {
  test::NoSha256 scope;
  CHECK(sha256_hex("abc") == kAbc);
  std::string digest = "of before";
  Sha256 sha;
  sha.update("abc", 3);
  Status status = sha.finish(&digest);
  CHECK(status.fault == Fault::kEnvironment);
  CHECK(status.message ==
        "libcrypto offers no SHA-256: check the providers in its openssl.cnf, OPENSSL_CONF and "
        "OPENSSL_MODULES, and the memory limit of the process");
  CHECK(digest.empty());
  CHECK(check_sha256().message == status.message);
  scope.restore();
  CHECK(check_sha256().ok());
}

TEST_CASE("Without SHA-256 in libcrypto, nothing is measured, encoded or decoded") {
  test::TempDir temp;
  Codec codec([] { return false; });
  auto open_file = [&](const std::string& contents) {
    test::write_file(temp / "file", contents);
    return UniqueFd(open((temp / "file").c_str(), O_RDONLY | O_CLOEXEC));
  };
  std::string container;
  const Codec::Write keep = [&](const void* bytes, std::size_t size) {
    container.append(static_cast<const char*>(bytes), size);
    return Status::success();
  };
  Codec::Result result;
  UniqueFd data = open_file("data");
  REQUIRE(codec.encode(data.get(), "file", 4, keep, &result).ok());
  const std::string damaged = container.substr(0, container.size() - 1);

  test::NoSha256 scope;
  std::uint64_t size = 0;
  std::string digest;
  data = open_file("data");
  CHECK(measure(
            data.get(), "file", [] { return false; }, &size, &digest)
            .fault == Fault::kEnvironment);
  CHECK(digest.empty());
  CHECK(codec.encode(data.get(), "file", 4, never_called, &result).fault == Fault::kEnvironment);
  for (const std::string& contents : {container, damaged}) {
    data = open_file(contents);
    CHECK(codec.decode(data.get(), "file", contents.size(), UINT64_MAX, never_called, &result).fault ==
          Fault::kEnvironment);
    CHECK(result.container_digest.empty());
  }
}

}  // namespace paxect::link
