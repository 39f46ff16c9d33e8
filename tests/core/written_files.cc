#include "written_files.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>

#include "support/catch.h"
#include "support/files.h"

namespace paxect::core {

Written write_output(const std::string& path, const std::string& data, const OutputFile::Context& context) {
  OutputFile file;
  Status status = file.open(path, context, &never);
  if (status.ok()) status = file.write(data.data(), data.size(), &never);
  if (status.ok()) status = file.commit(false);
  return {status, file.warning()};
}
paxect_status code_of(const std::string& path, const OutputFile::Context& context) {
  return write_output(path, "new", context).status.code;
}
std::string message_of(const std::string& path) {
  Status status = write_output(path, "new").status;
  return status.ok() ? "" : status.message.substr(path.size() + 2);
}

FileAttributes attributes_of(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat there {};
  REQUIRE(fstat(file.get(), &there) == 0);
  return {there, file.get()};
}

FileIdentity identity_of(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto identity = FileIdentity::of(file.get());
  REQUIRE(identity);
  return *identity;
}

struct stat stat_of(const std::string& path) {
  struct stat file {};
  INFO(path);
  REQUIRE(stat(path.c_str(), &file) == 0);
  return file;
}
mode_t mode_of(const std::string& path) { return stat_of(path).st_mode & 07777; }

void make(const std::string& path, mode_t mode, uid_t user, gid_t group) {
  test::write_file(path, "old");
  REQUIRE(chown(path.c_str(), user, group) == 0);
  REQUIRE(chmod(path.c_str(), mode) == 0);
}

std::string as_nobody(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    std::string result = "cannot change the user";
    if (setgroups(0, nullptr) == 0 && setresgid(kNogroup, kNogroup, kNogroup) == 0 &&
        setresuid(kNobody, kNobody, kNobody) == 0)
      result = work();
    [[maybe_unused]] ssize_t ignored = write(ends[1], result.data(), result.size());
    _exit(0);
  }
  close(ends[1]);
  std::string result(4096, '\0');
  ssize_t got = read(ends[0], result.data(), result.size());
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  result.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return result;
}

bool is_root() {
  if (geteuid() == 0) return true;
  WARN("skipped: needs root");
  return false;
}

}  // namespace paxect::core
