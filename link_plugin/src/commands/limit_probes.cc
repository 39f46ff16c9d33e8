#include "commands/limit_probes.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/file_system_type.h"
#include "base/relay_paths.h"
#include "commands/console.h"

namespace paxect::link {
namespace {

using Verdict = Finding::Verdict;

constexpr std::uint64_t kFewInodes = 1000;

// Whether the file may have this size. A file system without holes (FAT) would write zeros: there the largest
// offset of the file system answers alone.
bool allows_size(int fd, std::uint64_t size, bool has_holes) {
  if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) return false;
  const auto end = static_cast<off_t>(size);
  if (lseek(fd, end, SEEK_SET) != end) return false;
  return !has_holes || ftruncate(fd, end) == 0 || errno != EFBIG;
}

std::uint64_t file_size_limit() {
  rlimit limit{};
  const bool is_limited = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return is_limited ? limit.rlim_cur : std::numeric_limits<std::uint64_t>::max();
}

bool has_holes(const ProbeDirectory& place) {
  std::uint64_t magic = 0;
  const std::string name = file_system_magic(place.fd(), &magic) ? file_system_name(magic) : "";
  return name != "fat" && name != "exfat";
}

// Whether exactly this name is listed.
bool is_listed(const ProbeDirectory& place, const std::string& name) {
  bool found = false;
  const Status listed = place.directory().list([&](const char* entry) {
    found = found || name == entry;
    return !found;
  });
  return listed.ok() && found;
}

}  // namespace

Finding probe_file_size(const ProbeDirectory& place, std::uint64_t largest) {
  const std::string what = "file size";
  const std::string good = "a container of max_file_mb (" + size_text(largest) + ") can exist";
  const std::string bad = "larger files than that wait, deferred: lower max_file_mb in the policy, ";
  const std::uint64_t limit = file_size_limit();
  // A file beyond the limit of the process would end it by a signal.
  if (limit < largest)
    return verdict(what, false, "the process may write files of at most " + size_text(limit) + " (ulimit -f)",
                   good, bad + "or raise the limit");
  UniqueFd file = place.file("size");
  if (!file) return verdict(what, false, words_of(errno), good, bad + "or use another file system");
  const bool sparse = has_holes(place);
  if (allows_size(file.get(), largest, sparse)) return verdict(what, true, size_text(largest), good, bad);
  std::uint64_t fits = 0;
  for (std::uint64_t refused = largest; refused - fits > 1;) {
    const std::uint64_t middle = fits + (refused - fits) / 2;
    (allows_size(file.get(), middle, sparse) ? fits : refused) = middle;
  }
  return verdict(what, false, "files end at " + size_text(fits), good, bad + "or use another file system");
}

Finding probe_case(const ProbeDirectory& place) {
  UniqueFd file = place.file("case");
  bool sensitive = file && !place.has("CASE");
  return verdict("case of names", sensitive, sensitive ? "A and a are two names" : "A and a are one name",
                 "names that differ in case only both keep theirs",
                 "of names that differ in case only, the second arrives as NAME.HHHHHHHH");
}

Finding probe_names(const ProbeDirectory& place) {
  // What FAT, exFAT and NTFS refuse, alone and in a name that a file may have.
  const std::array<std::pair<std::string, std::string>, 14> names = {{
      {"colon", "a:b"},
      {"?", "a?b"},
      {"*", "a*b"},
      {"\"", "a\"b"},
      {"<", "a<b"},
      {">", "a>b"},
      {"|", "a|b"},
      {"backslash", "a\\b"},
      {"newline", "a\nb"},
      {"bytes that are no UTF-8", "a\xff\x80z"},
      {"a dot at the end", "dot."},
      {"a blank at the end", "blank "},
      {"CON", "CON"},
      {std::to_string(kNameMax) + " bytes", std::string(kNameMax, 'n')},
  }};
  std::string refused;
  for (const auto& [text, name] : names)
    if (!place.file(name) || !is_listed(place, name)) refused += (refused.empty() ? "" : ", ") + text;
  return verdict("bytes in names", refused.empty(),
                 refused.empty() ? "any, up to " + std::to_string(kNameMax) : "refused: " + refused,
                 "every name comes through as it is",
                 "files with such names wait, deferred: rename them, or use another file system");
}

Finding probe_room(const ProbeDirectory& place, std::uint64_t largest) {
  struct statvfs room {};
  if (fstatvfs(place.fd(), &room) != 0)
    return {"room", Verdict::kNote, "unknown: " + words_of(errno), "nothing follows from it"};
  std::uint64_t bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
  // Some file systems make inodes as they go, and count none.
  bool counts_inodes = room.f_files > 0;
  std::string found = size_text(bytes) + " free";
  if (counts_inodes) found += ", " + std::to_string(room.f_favail) + " inodes";
  bool holds = bytes / 2 >= largest && (!counts_inodes || room.f_favail >= kFewInodes);
  return verdict("room", holds, found,
                 "there is room for a file of max_file_mb (" + size_text(largest) + ") and its container",
                 "too little for a file of max_file_mb (" + size_text(largest) +
                     ") and its container, or for a thousand files: they would wait, deferred");
}

}  // namespace paxect::link
