// A file system in user space that cannot rename without replacing, gives each name of a file an inode number
// of its own, and fails to remove anything for a while: what the relay gives its name back stays what it was.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <map>
#include <set>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"
#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

std::atomic<bool> is_in_user_space = false;
std::atomic<bool> fails_to_remove = false;

int fail(int error) {
  errno = error;
  return -1;
}

// What link(2) is there: the same contents and times under the new name, and another inode number.
int copy_file(int from_directory, const char* from, int to_directory, const char* to) {
  const link::UniqueFd source(openat(from_directory, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!source) return -1;
  const link::UniqueFd copy(openat(to_directory, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!copy) return -1;
  std::array<char, 4096> block;
  for (ssize_t got = 0; (got = read(source.get(), block.data(), block.size())) > 0;)
    if (write(copy.get(), block.data(), static_cast<std::size_t>(got)) != got) return -1;
  struct stat info {};
  if (fstat(source.get(), &info) != 0) return -1;
  const std::array<timespec, 2> times = {info.st_atim, info.st_mtim};
  return futimens(copy.get(), times.data());
}

// The relay in this rig works on such a file system from here on, until the end of the scope.
class InUserSpace {
 public:
  InUserSpace() { is_in_user_space = fails_to_remove = true; }
  ~InUserSpace() { is_in_user_space = fails_to_remove = false; }
  InUserSpace(const InUserSpace&) = delete;
  InUserSpace& operator=(const InUserSpace&) = delete;
  void heal() { fails_to_remove = false; }
};

std::vector<std::string> without_hidden(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  return names;
}

// Every line of the log is about a file that was put, or what the relay makes of it.
void check_log(const LinkRig& rig, const std::set<std::string>& names) {
  CHECK(rig.events("name_conflict").empty());
  CHECK(rig.events("policy_block").empty());
  for (const LogEntry& entry : rig.log()) {
    if (entry.event != "encode" && entry.event != "decode" && entry.event != "duplicate") continue;
    INFO(entry.line);
    CHECK(names.contains(std::string(link::base_name(entry.source))));
  }
}

constexpr int kFiles = 4;

// The relay takes the files that `put` has put, while nothing can be removed and afterwards.
template <class Put>
void relay_through_outage(LinkRig& rig, Put put) {
  constexpr std::uint64_t kOutage = 8'000'000'000;
  constexpr std::uint64_t kAfter = 600'000'000'000;
  InUserSpace file_system;
  rig.start();
  put();
  rig.settle(kOutage);
  file_system.heal();
  rig.settle(kAfter);
}

void check_delivered(const LinkRig& rig, const std::vector<std::string>& outputs,
                     const std::set<std::string>& names) {
  CHECK(without_hidden(rig.delivered()) == outputs);
  for (const std::string& stem : outputs) CHECK(read_file(rig.outbox(stem)) == "contents of " + stem);
  CHECK(rig.waiting().empty());
  check_log(rig, names);
}

TEST_CASE("While removals fail, a relay takes no sidecar of its own for a file of a producer") {
  for (const bool takes_all : {true, false}) {
    LinkRig rig;
    rig.host.set("node", "north");
    if (takes_all)
      write_file(rig.policy(), "{\"trusted_nodes\": [\"north\"], \"allowed_suffixes\": [\"*\"]}\n");
    std::set<std::string> names;
    std::vector<std::string> outputs;
    relay_through_outage(rig, [&] {
      for (int i = 0; i < kFiles; ++i) {
        const std::string stem = "f" + std::to_string(i);
        rig.put(stem + ".txt", "contents of " + stem);
        names.insert({stem + ".txt", stem + ".freq"});
        outputs.push_back(stem);
      }
    });
    check_delivered(rig, outputs, names);
  }
}

TEST_CASE("While removals fail, a receiver takes no sidecar of a container for a file") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  std::set<std::string> names;
  std::vector<std::string> outputs;
  std::map<std::string, std::string> containers;
  for (int i = 0; i < kFiles; ++i) {
    const std::string stem = "f" + std::to_string(i);
    containers[stem] = container_of("contents of " + stem);
    names.insert(stem + ".freq");
    outputs.push_back(stem);
  }
  relay_through_outage(rig, [&] {
    for (const auto& [stem, bytes] : containers) {
      rig.put(stem + ".freq.sha256", link::sha256_hex(bytes) + "\n");
      rig.put(stem + ".freq", bytes);
    }
  });
  check_delivered(rig, outputs, names);
}

}  // namespace
}  // namespace paxect::test

// In the place of those of the C library, for this program and what it loads.
extern "C" {
__attribute__((visibility("default"))) int unlinkat(int directory, const char* name, int flags) noexcept;
int unlinkat(int directory, const char* name, int flags) noexcept {
  using namespace paxect::test;
  if (fails_to_remove && flags == 0) return fail(EIO);
  return static_cast<int>(syscall(SYS_unlinkat, directory, name, flags));
}
__attribute__((visibility("default"))) int renameat2(int directory, const char* name, int to_directory,
                                                     const char* to, unsigned flags) noexcept;
int renameat2(int directory, const char* name, int to_directory, const char* to, unsigned flags) noexcept {
  using namespace paxect::test;
  if (is_in_user_space && flags != 0) return fail(EINVAL);
  return static_cast<int>(syscall(SYS_renameat2, directory, name, to_directory, to, flags));
}
__attribute__((visibility("default"))) int linkat(int directory, const char* name, int to_directory,
                                                  const char* to, int flags) noexcept;
int linkat(int directory, const char* name, int to_directory, const char* to, int flags) noexcept {
  using namespace paxect::test;
  if (is_in_user_space) return copy_file(directory, name, to_directory, to);
  return static_cast<int>(syscall(SYS_linkat, directory, name, to_directory, to, flags));
}
}
