#include "base/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <string_view>
#include <vector>

namespace paxect::link {
namespace {

struct Line {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string device, root, point, type, source;
};

// "\040" and the like stand for blanks and other characters that would end a field.
std::string unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned byte = 0;
    if (field[i] == '\\' && field.size() - i > 3 &&
        std::from_chars(field.data() + i + 1, field.data() + i + 4, byte, 8).ec == std::errc()) {
      text += static_cast<char>(byte);
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  while (!line.empty()) {
    std::size_t end = std::min(line.find(' '), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

// ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS, see proc(5).
bool parse(std::string_view text, Line* line) {
  std::vector<std::string_view> fields = fields_of(text);
  std::size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 2 >= fields.size()) return false;
  auto number = [](std::string_view digits, std::uint64_t* out) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), *out).ec == std::errc();
  };
  line->device = fields[2];
  line->root = unescaped(fields[3]);
  line->point = unescaped(fields[4]);
  line->type = unescaped(fields[dash + 1]);
  line->source = unescaped(fields[dash + 2]);
  return number(fields[0], &line->id) && number(fields[1], &line->parent);
}

std::map<std::uint64_t, Line> parse_all(std::string_view text) {
  std::map<std::uint64_t, Line> lines;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    Line line;
    if (parse(text.substr(0, end), &line)) lines[line.id] = line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string below(const std::string& directory, std::string_view rest) {
  return directory == "/" ? std::string(rest) : directory + std::string(rest);
}

// Whether a mount shows what its parent has at that point anyway.
bool is_on_itself(const Line& line, const Line& parent) {
  if (line.device != parent.device || !line.point.starts_with(parent.point)) return false;
  std::string_view rest = std::string_view(line.point).substr(parent.point == "/" ? 0 : parent.point.size());
  return !rest.empty() && line.root == below(parent.root, rest);
}

std::string read_whole(int fd) {
  std::string text;
  std::array<char, 16384> buffer;
  for (;;) {
    ssize_t got = pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Mounts::Mounts() : list_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

Mount Mounts::of(int directory) const {
  struct statx info {};
  if (!list_ || statx(directory, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) != 0 ||
      (info.stx_mask & STATX_MNT_ID) == 0)
    return {};
  const std::map<std::uint64_t, Line> lines = parse_all(read_whole(list_.get()));
  auto found = lines.find(info.stx_mnt_id);
  if (found == lines.end()) return {};
  for (;;) {
    auto parent = lines.find(found->second.parent);
    if (parent == lines.end() || parent == found || !is_on_itself(found->second, parent->second)) break;
    found = parent;
  }
  const Line& line = found->second;
  return {line.id, line.point, line.type + " " + line.source + " on " + line.point};
}

}  // namespace paxect::link
