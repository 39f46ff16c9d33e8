#include "base/published_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {

TEST_CASE("A symbolic link of ours stays, and the file that it leads to is replaced") {
  TempDir directory;
  std::filesystem::create_directory(directory / "elsewhere");
  write_file(directory / "elsewhere/file", "old");
  std::filesystem::create_symlink("elsewhere/file", directory / "link");
  std::filesystem::create_symlink("link", directory / "link_to_link");
  CHECK(link::publish_file(directory / "link_to_link", "new", link::Durable::kNothing).ok());
  CHECK(std::filesystem::is_symlink(directory / "link_to_link"));
  CHECK(std::filesystem::is_symlink(directory / "link"));
  CHECK(read_file(directory / "elsewhere/file") == "new");
  std::filesystem::remove(directory / "elsewhere/file");
  CHECK(link::publish_file(directory / "link", "made", link::Durable::kNothing).ok());
  CHECK(read_file(directory / "elsewhere/file") == "made");
}

TEST_CASE("A symbolic link of another user is not followed") {
  TempDir directory;
  write_file(directory / "ours", "ours");
  std::filesystem::create_symlink("ours", directory / "link");
  if (lchown((directory / "link").c_str(), 1, 1) != 0) {
    WARN("skipped: only root can give a file away");
    return;
  }
  link::Status status = link::publish_file(directory / "link", "new", link::Durable::kNothing);
  CHECK(status.message.find("is a symbolic link of another user (uid 1)") != std::string::npos);
  CHECK(read_file(directory / "ours") == "ours");
}

TEST_CASE("What is not a regular file is never replaced") {
  TempDir directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  std::filesystem::create_symlink("fifo", directory / "link");
  std::filesystem::create_symlink("loop", directory / "loop");
  for (const std::string& path : {fifo, directory / "link", std::string("/dev/null")}) {
    INFO(path);
    link::Status status = link::publish_file(path, "new", link::Durable::kNothing);
    CHECK(status.message.find("is not a regular file and is not replaced") != std::string::npos);
  }
  CHECK(std::filesystem::is_fifo(fifo));
  CHECK_FALSE(link::publish_file(directory / "loop", "new", link::Durable::kNothing).ok());
}

}  // namespace paxect::test
