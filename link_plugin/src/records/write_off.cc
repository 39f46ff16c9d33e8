#include "records/write_off.h"

#include <algorithm>
#include <utility>

#include "proof/key.h"
#include "proof/statement.h"
#include "records/request_file.h"
#include "records/write_off_line.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxReason = 512;
constexpr std::string_view kNone = "-";
constexpr std::size_t kKeyDigits = 2 * sizeof(PublicKey);  // of whole_key_text()

// The text up to the mark, which is removed with it; all of it where there is none.
std::string_view cut(std::string_view* text, char mark) {
  const std::size_t end = text->find(mark);
  const std::string_view part = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return part;
}

bool parse_entries(std::string_view text, EntryRanges* out) {
  if (text == kNone) return true;
  while (!text.empty()) {
    std::string_view range = cut(&text, ',');
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!parse_number(cut(&range, '-'), 1, UINT64_MAX - 1, &first) ||
        !parse_number(range, first, UINT64_MAX - 1, &last))
      return false;
    add_range(out, first, last);
  }
  return true;
}

}  // namespace

std::string write_off_line(const WriteOff& each) {
  const StreamAddress& address = each.address;
  std::string line(address.node.empty() ? kNone : address.node);
  line += " " + std::string(address.key.empty() ? kNone : address.key) + " " + address.stream + " " +
          std::to_string(each.last_list) + " ";
  if (each.entries.empty()) line += kNone;
  const char* comma = "";
  for (const auto& [first, last] : each.entries) {
    line += comma + std::to_string(first) + "-" + std::to_string(last);
    comma = ",";
  }
  return line + " " + each.reason + "\n";
}

bool parse_write_off(std::string_view line, WriteOff* out) {
  const std::string_view node = cut(&line, ' ');
  const std::string_view key = cut(&line, ' ');
  out->address.stream = cut(&line, ' ');
  if (node != kNone || key != kNone) {
    if (!is_node_name(node) || (key != kNone && !is_hex(key, kKeyDigits))) return false;
    out->address.node = node;
    if (key != kNone) out->address.key = key;
  }
  if (!is_stream(out->address.stream) || !parse_number(cut(&line, ' '), 0, UINT64_MAX - 1, &out->last_list) ||
      !parse_entries(cut(&line, ' '), &out->entries))
    return false;
  out->reason = line;
  return is_write_off_reason(line);
}

std::string write_off_of(std::string_view state) { return std::string(state) + ".write_off"; }

bool is_write_off_reason(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReason && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  });
}

Status add_write_offs(const std::string& state, const std::vector<WriteOff>& all) {
  std::string lines;
  for (const WriteOff& each : all) lines += write_off_line(each);
  return add_requests(write_off_of(state), lines);
}

Status take_write_offs(const std::string& state, std::vector<WriteOff>* out) {
  out->clear();
  std::vector<std::string> lines;
  Status status = take_requests(write_off_of(state), &lines);
  for (const std::string& line : lines)
    if (WriteOff each; parse_write_off(line, &each)) out->push_back(std::move(each));
  return status;
}

Status finish_write_offs(const std::string& state) { return finish_requests(write_off_of(state)); }

}  // namespace paxect::link
