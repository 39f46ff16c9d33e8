#include "event_log.h"

#include <fcntl.h>

#include <array>
#include <ctime>

#include "json_object.h"
#include "status.h"
#include "unique_fd.h"

namespace paxect::carrier {

std::string utc_text(std::int64_t utc_ns) {
  const auto seconds = static_cast<time_t>(utc_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

void EventLog::write(std::string_view event, const Job& job, std::string_view peer, std::string_view reason) {
  if (path_.empty()) return;
  JsonObject object;
  object.add("datetime_utc", utc_text(host_.realtime_ns())).add("event", event).add("name", job.name);
  object.add("id", job.id).add("sha256", job.digest).add("size", job.size).add("peer", peer);
  if (!reason.empty()) object.add("reason", reason);
  const std::string line = object.text() + "\n";
  const UniqueFd file(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  const bool written =
      file.valid() && ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (!written && !reported_)
    host_.log(PAXECT_LOG_WARN, Status::system("cannot write the log " + path_).message());
  reported_ = !written;
}

}  // namespace paxect::carrier
