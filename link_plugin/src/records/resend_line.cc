#include "records/resend_line.h"

#include "proof/statement.h"

namespace paxect::link {

std::string resend_line(const ResendRequest& request) {
  return request.stream + " " + std::to_string(request.first) + " " + std::to_string(request.last) + "\n";
}

bool parse_resend_line(std::string_view line, ResendRequest* out) {
  const std::size_t after_stream = line.find(' ');
  if (after_stream == std::string_view::npos) return false;
  const std::string_view range = line.substr(after_stream + 1);
  const std::size_t blank = range.find(' ');
  ResendRequest read{.stream = std::string(line.substr(0, after_stream))};
  if (!is_stream(read.stream) || !parse_number(range.substr(0, blank), 1, kMaxNumber, &read.first))
    return false;
  read.last = read.first;
  if (blank != std::string_view::npos &&
      !parse_number(range.substr(blank + 1), read.first, kMaxNumber, &read.last))
    return false;
  *out = std::move(read);
  return true;
}

}  // namespace paxect::link
