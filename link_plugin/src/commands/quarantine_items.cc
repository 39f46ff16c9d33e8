#include "commands/quarantine_items.h"

#include <checked_json.h>

#include <set>

#include "base/json_text.h"
#include "base/place.h"
#include "base/printable.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::string_view kReasonEnd = ".reason.json";
constexpr std::size_t kReasonLimit = std::size_t{1} << 20;

void read_reason(const Directory& directory, const std::string& file, QuarantineItem* item) {
  std::string text;
  if (!directory.read_small(file, kReasonLimit, &text).ok()) return;
  json::Document parsed;
  parsed.Parse<kStrictJson>(text.data(), text.size());
  if (parsed.HasParseError() || !parsed.IsObject()) return;
  const json::Value& document = parsed;
  auto read = [&](const char* name, std::string* out) {
    auto member = document.FindMember(name);
    if (member != document.MemberEnd() && member->value.IsString())
      *out = bytes_of_printable(text_of(member->value));
  };
  item->has_reason = true;
  read("event", &item->event);
  read("reason", &item->reason);
  read("detail", &item->detail);
  read("first_utc", &item->first_utc);
  read("last_utc", &item->last_utc);
  read("source", &item->source);
  auto attempts = document.FindMember("attempts");
  if (attempts != document.MemberEnd() && attempts->value.IsUint64())
    item->attempts = attempts->value.GetUint64();
}

// A reason without its file: that one is on its way here, or a command that ended took it away.
bool is_orphan(const Directory& directory, const std::string& name, const std::set<std::string>& names) {
  if (!name.ends_with(kReasonEnd) || names.contains(reason_of(name))) return false;
  QuarantineItem reason;
  read_reason(directory, name, &reason);
  return !reason.event.empty() && !reason.source.empty() && !reason.first_utc.empty();
}

}  // namespace

Status list_quarantine(const std::string& path, std::vector<QuarantineItem>* items) {
  items->clear();
  if (is_absent(path)) return Status::success();
  Directory directory;
  if (Status status = Directory::open(path, &directory); !status.ok()) return status;
  std::set<std::string> names;
  Status status = directory.list([&](const char* name) {
    if (!is_never_taken(name)) names.insert(name);
    return true;
  });
  if (!status.ok()) return status;
  // What goes with another file has no reason of its own.
  auto is_companion = [&](const std::string& name) {
    return names.count(name) != 0 && names.count(reason_of(name)) == 0;
  };
  std::set<std::string> companions;
  for (const std::string& name : names)
    for (const std::string& other : {reason_of(name), sidecar_of(name)})
      if (is_companion(other)) companions.insert(other);
  for (const std::string& name : names) {
    FileStat observed = directory.stat_of(name);
    if (companions.count(name) != 0 || observed.kind != FileKind::kRegular) continue;
    if (is_orphan(directory, name, names)) continue;
    QuarantineItem& item = items->emplace_back();
    item.name = name;
    item.size = observed.identity.size;
    item.has_sidecar = companions.count(sidecar_of(name)) != 0;
    read_reason(directory, reason_of(name), &item);
  }
  return Status::success();
}

}  // namespace paxect::link
