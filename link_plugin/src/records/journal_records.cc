// The records of the journal as text.
#include <algorithm>

#include "records/journal_format.h"
#include "records/journal_line.h"

namespace paxect::link {

std::string place_record(const KnownPlace& place) {
  return JournalLine("place")
      .text(place.role)
      .text(place.token)
      .text(place.mount)
      .text(place.path)
      .text(place.fingerprint)
      .finish();
}

std::string begin_record(const Intent& intent) {
  return JournalLine("begin")
      .number(intent.id)
      .identity(intent.identity)
      .text(intent.source_place)
      .text(intent.target_place)
      .flag(intent.into_inbox)
      .flag(intent.container)
      .flag(intent.source_nested)
      .flag(intent.target_nested)
      .text(intent.source)
      .text(intent.folder)
      .text(intent.temporary)
      .text(intent.name)
      .text(intent.side_temporary)
      .number(intent.log_offset)
      .text(intent.target_instance)
      .text(intent.boot)
      .finish();
}

std::string sizes_record(std::span<const Intent> intents) {
  JournalLine line("sizes");
  bool any = false;
  for (const Intent& intent : intents) {
    if (!intent.sizes) continue;
    any = true;
    line.number(intent.id).number(intent.sizes->data).number(intent.sizes->container);
  }
  return any ? line.finish() : "";
}

std::string repaired_record(std::span<const Intent> intents) {
  JournalLine line("repaired");
  bool any = false;
  for (const Intent& intent : intents) {
    if (!intent.repair) continue;
    any = true;
    line.number(intent.id)
        .text(intent.repair->digest)
        .number(intent.repair->cells)
        .number(intent.repair->damaged);
  }
  return any ? line.finish() : "";
}

std::string uses_record(std::span<const Intent> intents) {
  JournalLine line("uses");
  bool any = false;
  for (const Intent& intent : intents) {
    if (!intent.entry) continue;
    any = true;
    line.number(intent.id)
        .number(intent.entry->stream)
        .number(intent.entry->number)
        .text(intent.folder)
        .text(intent.name);
  }
  return any ? line.finish() : "";
}

std::string prepare_record(std::span<const Intent> intents) {
  JournalLine line("prepare");
  for (const Intent& intent : intents)
    line.number(intent.id)
        .text(intent.source_digest)
        .text(intent.digest)
        .text(intent.data_digest)
        .number(intent.size)
        .number(intent.inode)
        .number(intent.side_inode)
        .number(intent.ctime_ns);
  return line.finish();
}

std::string under_record(std::uint64_t id, const std::string& name) {
  return JournalLine("under").number(id).text(name).finish();
}

std::string ids_record(std::string_view kind, std::span<const std::uint64_t> ids) {
  JournalLine line(kind);
  for (std::uint64_t id : ids) line.number(id);
  return line.finish();
}

std::string again_record(const std::string& place, const std::string& path) {
  return JournalLine("again").text(place).text(path).finish();
}

std::string done_record(const std::string& place, const std::string& path, const SourceRecord& record) {
  JournalLine line("done");
  line.text(place).identity(record.identity).flag(record.nested).text(record.digest).text(path);
  if (!record.original.empty()) line.text(record.original);
  return line.finish();
}

std::string aside_record(const Aside& aside) {
  return JournalLine("aside")
      .number(aside.id)
      .number(aside.log_offset)
      .text(aside.place)
      .identity(aside.identity)
      .text(aside.path)
      .text(aside.target)
      .text(aside.message)
      .text(aside.sidecar)
      .finish();
}

std::string held_record(const std::string& place, const std::string& path, const SourceRecord& record) {
  return JournalLine("held").text(place).identity(record.identity).flag(record.nested).text(path).finish();
}

std::string keys_record() { return JournalLine("keys").finish(); }

std::string reported_record(const std::string& digest) {
  return JournalLine("reported").text(digest).finish();
}

std::string log_record(const LogHead& head) {
  return JournalLine("log").number(head.lines).text(head.chain).finish();
}

std::string journal_text(const JournalContents& contents) {
  std::string text = journal_text_without_log(contents);
  // Behind the header: at the end of the file, a loss of other records is noticed.
  if (contents.log.lines > 0) text.insert(text.find('\n') + 1, log_record(contents.log));
  return text;
}

std::string without_log_records(std::string_view text) {
  std::string rest;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = text.substr(begin, end - begin);
    if (!line.starts_with("log ")) rest += line;
    begin = end;
  }
  return rest;
}

std::string journal_text_without_log(const JournalContents& contents) {
  std::vector<std::string> lines;
  for (const KnownPlace& place : contents.places) lines.push_back(place_record(place));
  for (const auto& [place, records] : contents.done.places())
    for (const auto& [path, record] : records) lines.push_back(done_record(place, path, record));
  for (const auto& [place, records] : contents.again.places())
    for (const auto& [path, record] : records) {
      lines.push_back(done_record(place, path, record));
      lines.push_back(again_record(place, path));
    }
  for (const auto& [place, records] : contents.held.places())
    for (const auto& [path, record] : records) lines.push_back(held_record(place, path, record));
  for (const Aside& aside : contents.asides) lines.push_back(aside_record(aside));
  for (const auto& [place, folder] : contents.unseen)
    lines.push_back(JournalLine("unseen").text(place).text(folder).finish());
  if (contents.had_keys) lines.push_back(keys_record());
  for (const std::string& digest : contents.reported) lines.push_back(reported_record(digest));
  for (std::string& line : contents.received.records()) lines.push_back(std::move(line));
  for (std::string& line : contents.sent.records()) lines.push_back(std::move(line));
  for (const Intent& intent : contents.intents) {
    lines.push_back(begin_record(intent));
    if (intent.sizes) lines.push_back(sizes_record(std::span(&intent, 1)));
    if (intent.repair) lines.push_back(repaired_record(std::span(&intent, 1)));
    if (intent.entry) lines.push_back(uses_record(std::span(&intent, 1)));
    if (!intent.digest.empty()) lines.push_back(prepare_record(std::span(&intent, 1)));
    const std::span<const std::uint64_t> id(&intent.id, 1);
    if (!intent.tried_name.empty()) lines.push_back(under_record(intent.id, intent.tried_name));
    if (intent.named) lines.push_back(ids_record("name", id));
    if (intent.linked) lines.push_back(ids_record("link", id));
    if (intent.duplicate) lines.push_back(ids_record("duplicate", id));
    if (intent.aborted || (!intent.digest.empty() && !intent.prepared))
      lines.push_back(ids_record("abort", id));
    if (intent.doubtful) lines.push_back(ids_record("doubt", id));
    if (intent.finished) lines.push_back(ids_record("finish", id));
  }
  std::string text = JournalLine("journal")
                         .number(kJournalFormat)
                         .text(contents.relay_token)
                         .number(contents.last_id)
                         .number(lines.size())
                         .finish();
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace paxect::link
