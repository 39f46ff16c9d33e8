#include "stages/codec.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
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
  Codec::Promise promise;
  REQUIRE(Codec::read_promise(source.get(), path, 0, &promise).ok());
  CHECK(promise.size == data.size());
  for (std::size_t size = container.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    if (Status status = Codec::read_promise(source.get(), path, 0, &promise);
        status.fault != Fault::kIntegrity)
      FAIL("cut off at byte " << size << ": " << status.message);
  }
}

}  // namespace
}  // namespace paxect::link
