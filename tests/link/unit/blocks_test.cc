#include "base/blocks.h"

#include <fcntl.h>

#include "base/digest.h"
#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

using link::Fault;
using link::Status;

struct File {
  TempDir directory;
  std::string path;
  link::UniqueFd fd;

  explicit File(const std::string& contents) : path(directory / "file") {
    write_file(path, contents);
    fd.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
};

const link::Stop kNever = [] { return false; };

}  // namespace

TEST_CASE("A file is handed out in blocks up to the given size") {
  const std::string contents = text(1'000'000);
  File file(contents);
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{700'000}, UINT64_MAX}) {
    std::string found;
    Status status =
        link::each_block(file.fd.get(), file.path, size, kNever, [&](const void* data, std::size_t got) {
          found.append(static_cast<const char*>(data), got);
          return Status::success();
        });
    CHECK(status.ok());
    CHECK(found == contents.substr(0, size));
  }
}

TEST_CASE("Before each block it is asked whether to stop") {
  File file(text(2'000'000));
  int looks = 0;
  std::size_t taken = 0;
  Status status = link::each_block(
      file.fd.get(), file.path, UINT64_MAX, [&] { return ++looks > 3; },
      [&](const void*, std::size_t got) {
        taken += got;
        return Status::success();
      });
  CHECK(status.fault == Fault::kStopped);
  CHECK(taken == 3 * (std::size_t{256} << 10));
}

TEST_CASE("A failure to read or to take a block ends the loop and is reported") {
  File file(text(600'000));
  Status status = link::each_block(file.fd.get(), file.path, UINT64_MAX, kNever,
                                   [](const void*, std::size_t) { return Status::environment("no room"); });
  CHECK(status.message == "no room");
  File directory("");
  directory.fd.reset(open(directory.directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  status = link::each_block(directory.fd.get(), "a directory", 1, kNever,
                            [](const void*, std::size_t) { return Status::success(); });
  CHECK(status.fault == Fault::kEnvironment);
  CHECK(status.message.find("a directory") != std::string::npos);
}

TEST_CASE("A file is measured in size and digest") {
  const std::string contents = text(600'000);
  File file(contents);
  std::uint64_t size = 0;
  std::string digest;
  CHECK(link::measure(file.fd.get(), file.path, kNever, &size, &digest).ok());
  CHECK(size == contents.size());
  CHECK(digest == link::sha256_hex(contents));
}

}  // namespace paxect::test
