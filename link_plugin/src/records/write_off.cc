#include "records/write_off.h"

#include <algorithm>
#include <utility>

#include "proof/statement.h"
#include "records/request_file.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxReason = 512;
constexpr std::size_t kStreamSize = 16;

}  // namespace

std::string write_off_of(std::string_view state) { return std::string(state) + ".write_off"; }

bool is_write_off_reason(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReason && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  });
}

Status add_write_off(const std::string& state, const WriteOff& each) {
  return add_requests(write_off_of(state), each.stream + " " + each.reason + "\n");
}

Status take_write_offs(const std::string& state, std::vector<WriteOff>* out) {
  out->clear();
  std::vector<std::string> lines;
  Status status = take_requests(write_off_of(state), &lines);
  for (const std::string& line : lines) {
    if (line.size() <= kStreamSize + 1 || line[kStreamSize] != ' ') continue;
    WriteOff each{.stream = line.substr(0, kStreamSize), .reason = line.substr(kStreamSize + 1)};
    if (is_stream(each.stream) && is_write_off_reason(each.reason)) out->push_back(std::move(each));
  }
  return status;
}

Status finish_write_offs(const std::string& state) { return finish_requests(write_off_of(state)); }

}  // namespace paxect::link
