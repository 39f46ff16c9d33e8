#include "records.h"

#include <fcntl.h>

#include "digest.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::size_t kCheckSize = 8;
constexpr std::size_t kMaxFile = std::size_t{1} << 30U;

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
  std::string text;
  bool missing = false;
  if (Status status = read_file(path, kMaxFile, &text, &missing); !status.ok() || missing) return status;
  std::string record;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (record_of(std::string_view(text).substr(begin, end - begin), &record)) {
      each(record);
    } else if (end > begin) {
      ++*damaged;
    }
    begin = end + 1;
  }
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
  if (failed_) return Status::failure("cannot flush " + path_ + ": an earlier flush failed");
  if (!dirty_) return Status::success();
  if (fdatasync(file_.get()) != 0) {
    failed_ = true;
    return Status::system("cannot flush " + path_);
  }
  dirty_ = false;
  return Status::success();
}

}  // namespace paxect::carrier
