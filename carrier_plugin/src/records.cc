#include "records.h"

#include <fcntl.h>
#include <unistd.h>

#include "digest.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kCheckSize = 8;
constexpr std::size_t kBlock = std::size_t{1} << 20U;
constexpr std::size_t kMaxLine = std::size_t{1} << 20U;

std::string line_of(std::string_view record) {
  return std::string(record) + " " + digest_of(record).substr(0, kCheckSize) + "\n";
}

bool record_of(std::string_view line, std::string* out) {
  if (line.size() < kCheckSize + 1 || line[line.size() - kCheckSize - 1] != ' ') return false;
  const std::string_view record = line.substr(0, line.size() - kCheckSize - 1);
  if (digest_of(record).substr(0, kCheckSize) != line.substr(line.size() - kCheckSize)) return false;
  *out = record;
  return true;
}

}  // namespace

Status Records::read(const std::string& path, const std::function<void(const std::string&)>& each,
                     std::uint64_t* damaged) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return errno == ENOENT ? Status::success() : Status::system("cannot open " + path);
  std::string record;
  std::string line;  // of a longer one only the beginning
  const auto take_line = [&] {
    if (line.size() <= kMaxLine && record_of(line, &record)) {
      each(record);
    } else if (!line.empty()) {
      ++*damaged;
    }
    line.clear();
  };
  std::string block(kBlock, '\0');
  for (;;) {
    const ssize_t size = ::read(file.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Status::system("cannot read " + path);
    if (size == 0) break;
    std::string_view left(block.data(), static_cast<std::size_t>(size));
    while (!left.empty()) {
      const std::size_t end = left.find('\n');
      if (line.size() <= kMaxLine) line += left.substr(0, end);
      if (end == std::string_view::npos) break;
      take_line();
      left.remove_prefix(end + 1);
    }
  }
  take_line();
  return Status::success();
}

Status Records::rewrite(const std::string& path, const std::vector<std::string>& records) {
  std::string text;
  for (const std::string& record : records) text += line_of(record);
  if (Status status = replace_file(path, text); !status.ok()) return status;
  path_ = path;
  file_ = UniqueFd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!file_.valid()) return Status::system("cannot open " + path);
  dirty_ = torn_ = failed_ = false;
  size_ = text.size();
  return Status::success();
}

Status Records::append(std::string_view record) {
  const std::string line = (torn_ ? "\n" : "") + line_of(record);
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    torn_ = false;
    dirty_ = true;
    size_ += line.size();
    return Status::success();
  }
  torn_ = torn_ || written > 0;
  return Status::system("cannot write " + path_, written < 0 ? errno : ENOSPC);
}

Status Records::flush() {
  if (failed_) return Status::system("cannot flush " + path_ + ": an earlier flush failed", EIO);
  if (!dirty_) return Status::success();
  if (fdatasync(file_.get()) != 0) {
    failed_ = true;
    return Status::system("cannot flush " + path_);
  }
  dirty_ = false;
  return Status::success();
}

}  // namespace paxect::carrier
