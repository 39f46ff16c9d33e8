#include "proof/receipt.h"

#include <algorithm>
#include <array>
#include <utility>

namespace paxect::link {
namespace {

constexpr std::string_view kKind = "receipt";
constexpr std::string_view kEnd = "# end";
constexpr std::array<std::string_view, 4> kOutcomes = {"delivered", "expected", "missing", "refused"};
constexpr std::size_t kMaxReason = 64;

std::uint64_t through(const std::vector<OutcomeRange>& outcomes) {
  return outcomes.empty() ? 0 : outcomes.back().last;
}

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReason &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// "delivered 1-255", "refused 256-256 checksum_mismatch"
bool parse_outcome(std::string_view line, OutcomeRange* out) {
  const std::size_t blank = line.find(' ');
  const auto* name = std::find(kOutcomes.begin(), kOutcomes.end(), line.substr(0, blank));
  if (blank == std::string_view::npos || name == kOutcomes.end()) return false;
  out->outcome = static_cast<Outcome>(name - kOutcomes.begin());
  line.remove_prefix(blank + 1);
  const std::size_t end = line.find(' ');
  if ((end != std::string_view::npos) != (out->outcome == Outcome::kRefused)) return false;
  const std::string_view range = line.substr(0, end);
  if (end != std::string_view::npos) out->reason = line.substr(end + 1);
  const std::size_t dash = range.find('-');
  return dash != std::string_view::npos && parse_number(range.substr(0, dash), 1, kMaxNumber, &out->first) &&
         parse_number(range.substr(dash + 1), out->first, kMaxNumber, &out->last) &&
         (out->outcome != Outcome::kRefused || is_reason(out->reason));
}

Status read_outcomes(LineReader* reader, Receipt* out) {
  std::string_view line;
  for (;;) {
    if (Status status = reader->line(&line); !status.ok()) return status;
    if (line == kEnd) return reader->end();
    OutcomeRange range;
    if (!parse_outcome(line, &range))
      return reader->fail("not an outcome and FIRST-LAST, with a reason after 'refused' alone");
    if (range.first != through(out->outcomes) + 1)
      return reader->fail("does not begin with " + std::to_string(through(out->outcomes) + 1));
    if (!out->outcomes.empty() && out->outcomes.back().outcome == range.outcome &&
        out->outcomes.back().reason == range.reason)
      return reader->fail("the same outcome as in the line before");
    out->outcomes.push_back(std::move(range));
  }
}

// "NUMBER SHA256", the last list before each gap and the last one of all. None where no list of the stream
// was verified.
Status read_lists(LineReader* reader, Receipt* out) {
  while (reader->has_field("list")) {
    std::string_view value;
    if (Status status = reader->field("list", &value); !status.ok()) return status;
    const std::size_t blank = value.find(' ');
    const std::string_view digest =
        blank == std::string_view::npos ? std::string_view() : value.substr(blank + 1);
    const std::uint64_t last = out->list;
    if (last > 0) out->before.push_back({last, out->list_digest});
    if (!parse_number(value.substr(0, blank), 1, kMaxNumber, &out->list) || !is_digest(digest))
      return reader->fail("'list' is not the number and the SHA-256 of a list");
    // With no list missing between them one would do.
    if (last > 0 && out->list < last + 2)
      return reader->fail("'list' is not behind a gap after list " + std::to_string(last));
    if (out->before.size() >= kMaxListsInReceipt) return reader->fail("too many lists");
    out->list_digest = digest;
  }
  return Status::success();
}

}  // namespace

Status parse_receipt(std::string_view text, Receipt* out) {
  if (text.size() > kMaxStatementSize) return Status::invalid("larger than 4 MiB");
  LineReader reader(text);
  Receipt receipt;
  std::string_view value;
  std::uint64_t claimed = 0;
  if (Status status = read_head(&reader, kKind, &receipt.head); !status.ok()) return status;
  if (receipt.head.to.size() != 1) return Status::invalid("'to' is not one node");
  if (Status status = reader.field("about", &value); !status.ok()) return status;
  if (!is_stream(value)) return reader.fail("'about' is not 16 hexadecimal digits in lower case");
  receipt.about = value;
  if (Status status = read_lists(&reader, &receipt); !status.ok()) return status;
  if (Status status = reader.field("through", 0, kMaxNumber, &claimed); !status.ok()) return status;
  if (Status status = read_made(&reader, &receipt.head); !status.ok()) return status;
  if (Status status = read_log_head(&reader, &receipt.head); !status.ok()) return status;
  if (Status status = read_outcomes(&reader, &receipt); !status.ok()) return status;
  if (claimed != through(receipt.outcomes))
    return Status::invalid("the outcomes end with " + std::to_string(through(receipt.outcomes)) +
                           ", and 'through' says " + std::to_string(claimed));
  if (receipt.list == 0 && claimed > 0)
    return Status::invalid("it says what became of entries, and names no list that has them");
  if (receipt_text(receipt) != text) return Status::invalid("not in the form in which receipts are written");
  *out = std::move(receipt);
  return Status::success();
}

std::string receipt_text(const Receipt& receipt) {
  std::string text = head_text(kKind, receipt.head);
  text += field_text("about", receipt.about);
  for (const ListDigest& each : receipt.before)
    text += field_text("list", std::to_string(each.number) + " " + each.digest);
  if (receipt.list > 0) text += field_text("list", std::to_string(receipt.list) + " " + receipt.list_digest);
  text += field_text("through", std::to_string(through(receipt.outcomes)));
  text += made_text(receipt.head);
  text += log_head_text(receipt.head);
  for (const OutcomeRange& range : receipt.outcomes) {
    text += std::string(kOutcomes[static_cast<std::size_t>(range.outcome)]) + " " +
            std::to_string(range.first) + "-" + std::to_string(range.last);
    text += (range.reason.empty() ? "" : " ") + range.reason + "\n";
  }
  return text + std::string(kEnd) + "\n";
}

}  // namespace paxect::link
