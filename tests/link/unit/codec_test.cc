#include "stages/codec.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "settings/policy.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

TEST_CASE("A file that grows as fast as it is read is read to where it ended") {
  test::TempDir temp;
  const std::string path = temp / "file";
  const std::string data = test::noise(1 << 20, 1);
  Codec codec([] { return false; });
  std::string container;
  Codec::Result result;
  // Both ways the file gets longer by twice what is read of it.
  auto grow = [&] {
    if (std::filesystem::file_size(path) > (64 << 20)) return Status::environment("read without end");
    std::ofstream(path, std::ios::binary | std::ios::app) << data << data;
    return Status::success();
  };
  test::write_file(path, data);
  UniqueFd source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Codec::Write keep = [&](const void* bytes, std::size_t size) {
    container.append(static_cast<const char*>(bytes), size);
    return grow();
  };
  REQUIRE(codec.encode(source.get(), path, data.size(), keep, &result).ok());
  CHECK(result.data_size == data.size());

  test::write_file(path, container);
  source.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Codec::Write check = [&](const void*, std::size_t) { return grow(); };
  REQUIRE(codec.decode(source.get(), path, container.size(), UINT64_MAX, check, &result).ok());
  CHECK(result.container_size == container.size());
}

TEST_CASE("A container that was cut off anywhere promises nothing") {
  test::TempDir temp;
  const std::string path = temp / "file";
  const std::string data = test::noise(20'000, 3);
  Codec codec([] { return false; }, {.level = 1, .frame_size = 4096, .channels = 1});
  test::write_file(path, data);
  UniqueFd source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string container;
  Codec::Result result;
  Codec::Write keep = [&](const void* bytes, std::size_t size) {
    container.append(static_cast<const char*>(bytes), size);
    return Status::success();
  };
  REQUIRE(codec.encode(source.get(), path, data.size(), keep, &result).ok());
  test::write_file(path, container);
  source.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Codec::FooterInfo footer;
  REQUIRE(Codec::read_footer(source.get(), 0, &footer).ok());
  CHECK(footer.size == data.size());
  for (std::size_t size = container.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    if (Status status = Codec::read_footer(source.get(), 0, &footer); status.fault != Fault::kIntegrity)
      FAIL("cut off at byte " << size << ": " << status.message);
  }
}

// The frames are the worst ones: each is a window of its own, which has as much parity as one of 16 MiB.
TEST_CASE("The policy lets a protected container pass whose data it allows") {
  test::TempDir temp;
  const std::string path = temp / "file";
  Policy policy;
  for (const std::uint64_t size : {0ull, 100ull, 1ull << 20, 27ull << 20})
    for (const std::int64_t percent : {0, 1, 25, 50}) {
      INFO(size << " bytes, " << percent << " %");
      test::write_file(path, test::noise(size, 4));
      UniqueFd source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      Codec codec([] { return false; }, {.level = -7, .frame_size = 9 << 20, .protect = percent});
      Codec::Write discard = [](const void*, std::size_t) { return Status::success(); };
      Codec::Result result;
      REQUIRE(codec.encode(source.get(), path, size, discard, &result).ok());
      policy.max_file_bytes = size;
      CHECK(result.container_size <= policy.max_container_bytes(static_cast<unsigned>(percent)));
      CHECK(policy.container_size_block(result.container_size).empty());
    }
}

}  // namespace
}  // namespace paxect::link
