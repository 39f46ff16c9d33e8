#include "relay/list_copies.h"

#include "base/clock.h"
#include "proof/statement_name.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

// Files that wait; they are in memory.
constexpr std::size_t kMaxCopies = 2000;
constexpr std::uint64_t kRetry = 5 * kSecond;

}  // namespace

void ListCopies::add(const std::string& name, const std::string& text) {
  if (!parts_.config.proof_also.empty()) copies_.push_back({name, text});
}

void ListCopies::copy() {
  if (!is_due()) return;
  Directory folder;
  Status status = Directory::open(parts_.config.proof_also, &folder);
  while (status.ok() && !copies_.empty()) {
    const Copy& copy = copies_.front();
    status = put_statement(folder, copy.name, copy.text);
    if (status.ok()) copies_.pop_front();
  }
  if (status.ok()) status = folder.sync();
  if (!status.ok() && copies_.size() > kMaxCopies) {
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "list_copy_lost",
                         .target = parts_.config.proof_also + "/" + copies_.front().name,
                         .status = "skipped",
                         .message = "proof_also was away for too long: " + status.message});
    while (copies_.size() > kMaxCopies / 2) copies_.pop_front();
  }
  retry_ns_ = status.ok() ? 0 : parts_.host.monotonic_ns() + kRetry;
  parts_.reporter.report_problem("proof_also", status.message);
}

std::optional<std::uint64_t> ListCopies::first_of(const std::string& stream) const {
  StatementName waiting;
  if (copies_.empty() || !parse_statement_name(copies_.front().name, &waiting) || waiting.stream != stream)
    return std::nullopt;
  return waiting.number;
}

}  // namespace paxect::link
