#include "relay/list_copies.h"

#include <utility>

#include "base/clock.h"
#include "proof/statement_name.h"
#include "relay/statement_file.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kRetry = 5 * kSecond;

}  // namespace

void ListCopies::add(OwnList list) {
  if (!parts_.config.proof_also.empty()) copies_.push_back(std::move(list));
}

void ListCopies::copy() {
  if (!is_due()) return;
  Directory folder;
  Status status = Directory::open(parts_.config.proof_also, &folder);
  if (status.ok() && !std::exchange(has_swept_, true)) sweep_statements(folder, parts_.config.node);
  while (status.ok() && !copies_.empty()) {
    const OwnList& list = copies_.front();
    bool is_other = false;
    status = put_list(folder, *parts_.config.sign_key.key(), list, &is_other);
    const bool is_taken = status.event == kTaken;
    if (!status.ok() && !is_taken) break;
    if (is_other || is_taken)
      parts_.reporter.log(
          {.level = Level::kError,
           .name = "list_copy_lost",
           .target = folder.path_of(list.name),
           .status = "rejected",
           .message = is_taken ? "this list cannot be copied: " + status.message
                               : "this list has another text than the one in the outbox, signed by the key "
                                 "of this node: find out who else has the key"});
    status = Status::success();
    copies_.pop_front();
  }
  if (status.ok()) status = folder.sync();
  if (!status.ok() && copies_.size() > kMaxCopies) {
    const std::uint64_t lost = copies_.size() - kMaxCopies / 2;
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "list_copy_lost",
                         .target = parts_.config.proof_also + "/" + copies_.front().name,
                         .status = "skipped",
                         .message = "proof_also was away for too long: " + status.message,
                         .numbers = {{"count", lost}}});
    copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(lost));
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
