#include "action_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <utility>

#include "json_text.h"

namespace paxect::panel {
namespace {

std::string utc_text(std::int64_t utc_ns) {
  const auto seconds = static_cast<time_t>(utc_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

// Whether the last line has no end: a full disk has broken it off.
bool ends_torn(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  char last = '\n';
  return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

Status ActionLog::open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!file.valid()) return Status::system("cannot open the log of actions " + path);
  file_ = std::move(file);
  return Status::success();
}

Status ActionLog::write(std::int64_t utc_ns, const Action& action, const std::string& outcome) {
  std::string line = ends_torn(file_.get()) ? "\n" : "";
  line += R"({"datetime_utc": )" + json_string(utc_text(utc_ns));
  line += R"(, "who": )" + ascii_json_string(printable(action.who));
  line += R"(, "section": )" + json_string(action.section);
  line += R"(, "action": )" + json_string(action.name);
  line += R"(, "about": [)";
  for (std::size_t i = 0; i < action.words.size(); ++i)
    line += (i == 0 ? "" : ", ") + ascii_json_string(action.words[i]);
  line += R"(], "outcome": )" + ascii_json_string(printable(outcome)) + "}\n";
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  const bool is_whole = written == static_cast<ssize_t>(line.size());
  if (!is_whole || fdatasync(file_.get()) != 0)
    return Status::system("cannot write the log of actions", written < 0 ? errno : EIO);
  return Status::success();
}

}  // namespace paxect::panel
