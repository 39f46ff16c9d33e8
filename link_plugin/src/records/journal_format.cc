#include "records/journal_format.h"

#include <algorithm>
#include <map>

#include "records/journal_line.h"

namespace paxect::link {
namespace {

// ---- records -------------------------------------------------------------------------------------------

Intent read_begin(JournalWords& words) {
  Intent intent;
  words.number(&intent.id);
  intent.identity = words.identity();
  intent.source_place = words.text();
  intent.target_place = words.text();
  for (bool* flag : {&intent.into_inbox, &intent.container, &intent.source_nested, &intent.target_nested})
    *flag = words.flag();
  for (std::string* name :
       {&intent.source, &intent.folder, &intent.temporary, &intent.name, &intent.side_temporary})
    *name = words.text();
  words.number(&intent.log_offset);
  intent.target_instance = words.text();
  intent.boot = words.text();
  return intent;
}

Aside read_aside(JournalWords& words) {
  Aside aside;
  words.number(&aside.id);
  words.number(&aside.log_offset);
  aside.place = words.text();
  aside.identity = words.identity();
  for (std::string* text : {&aside.path, &aside.target, &aside.message, &aside.sidecar}) *text = words.text();
  return aside;
}

// ---- reading -------------------------------------------------------------------------------------------

class Parser {
 public:
  // A valid line.
  void take(std::string_view line);
  // An invalid line, counted from 1.
  void note_damage(std::size_t number);
  // All complete lines were given; they are the first `valid` bytes.
  JournalContents finish(std::size_t valid);

 private:
  void take_place(JournalWords& words);
  void take_repaired(JournalWords& words);
  void take_sizes(JournalWords& words);
  void take_uses(JournalWords& words);
  void take_prepare(JournalWords& words);
  template <class Change>
  void each_intent(JournalWords& words, const Change& change) {
    while (!words.empty()) {
      std::uint64_t id = 0;
      words.number(&id);
      contents_.last_id = std::max(contents_.last_id, id);
      if (auto found = intents_.find(id); found != intents_.end()) change(found->second);
    }
  }

  JournalContents contents_;
  std::map<std::uint64_t, Intent> intents_;
  std::size_t expected_ = 0;  // lines that were written together with the header
  std::size_t lines_ = 0;     // that are valid, after the header
  std::size_t damaged_ = 0;   // lines
  std::size_t first_damaged_ = 0;
};

void Parser::take(std::string_view line) {
  ++lines_;
  JournalWords words(line);
  std::string_view kind = words.next();
  if (kind == "journal") {
    words.next();
    contents_.relay_token = words.text();
    std::uint64_t last_id = 0;
    words.number(&last_id);
    contents_.last_id = std::max(contents_.last_id, last_id);
    words.number(&expected_);
    lines_ = 0;
  } else if (kind == "place") {
    take_place(words);
  } else if (kind == "begin") {
    Intent intent = read_begin(words);
    contents_.last_id = std::max(contents_.last_id, intent.id);
    intents_[intent.id] = intent;
  } else if (kind == "prepare") {
    take_prepare(words);
  } else if (kind == "uses") {
    take_uses(words);
  } else if (kind == "repaired") {
    take_repaired(words);
  } else if (kind == "sizes") {
    take_sizes(words);
  } else if (kind == "name") {
    each_intent(words, [](Intent& intent) { intent.named = true; });
  } else if (kind == "link") {
    each_intent(words, [](Intent& intent) { intent.linked = true; });
  } else if (kind == "duplicate") {
    each_intent(words, [](Intent& intent) { intent.duplicate = true; });
  } else if (kind == "abort") {
    each_intent(words, [this](Intent& intent) {
      intent.prepared = false;
      intent.aborted = true;
      contents_.received.release(intent.id);
    });
  } else if (kind == "finish") {
    each_intent(words, [this](Intent& intent) {
      intent.finished = true;
      contents_.received.settle(intent.id);
      if (intent.entry && intent.prepared) contents_.received.note_gone(*intent.entry);
    });
  } else if (kind == "doubt") {
    each_intent(words, [](Intent& intent) { intent.doubtful = true; });
  } else if (kind == "done") {
    std::string place = words.text();
    SourceRecord record{.identity = words.identity()};
    record.nested = words.flag();
    record.digest = words.text();
    std::string path = words.text();
    record.original = words.text();
    contents_.held.erase(place, path);
    contents_.again.erase(place, path);
    contents_.done.set(place, path, std::move(record));
  } else if (kind == "again") {
    const std::string place = words.text();
    contents_.send_again(place, words.text());
  } else if (kind == "held") {
    std::string place = words.text();
    SourceRecord record{.identity = words.identity()};
    record.nested = words.flag();
    contents_.held.set(place, words.text(), std::move(record));
  } else if (kind == "aside") {
    contents_.asides.push_back(read_aside(words));
    contents_.last_id = std::max(contents_.last_id, contents_.asides.back().id);
  } else if (kind == "over") {
    while (!words.empty()) {
      std::uint64_t id = 0;
      words.number(&id);
      std::erase_if(contents_.asides, [&](const Aside& aside) { return aside.id == id; });
    }
  } else if (kind == "log") {
    --lines_;  // the header does not count it
    words.number(&contents_.log.lines);
    contents_.log.chain = words.text();
  } else if (kind == "unseen") {
    std::string place = words.text();
    contents_.unseen.emplace(std::move(place), words.text());
  } else if (kind == "keys") {
    contents_.had_keys = true;
  } else if (kind == "reported") {
    contents_.reported.push_back(words.text());
    if (contents_.reported.size() > kMaxReported) contents_.reported.pop_front();
  } else if (kind == "under") {
    std::uint64_t id = 0;
    words.number(&id);
    if (auto found = intents_.find(id); found != intents_.end()) found->second.tried_name = words.text();
  } else {
    if (!contents_.sent.take(kind, words)) contents_.received.take_record(kind, words);
  }
}

void Parser::take_place(JournalWords& words) {
  KnownPlace place;
  for (std::string* field : {&place.role, &place.token, &place.mount, &place.path, &place.fingerprint})
    *field = words.text();
  std::erase_if(contents_.places, [&](const KnownPlace& known) {
    return known.role == place.role && known.token == place.token && known.path == place.path;
  });
  contents_.places.push_back(std::move(place));
}

void Parser::take_repaired(JournalWords& words) {
  while (!words.empty()) {
    std::uint64_t id = 0;
    SourceRepair repair;
    words.number(&id);
    repair.digest = words.text();
    words.number(&repair.cells);
    words.number(&repair.damaged);
    if (auto found = intents_.find(id); found != intents_.end()) found->second.repair = std::move(repair);
  }
}

void Parser::take_sizes(JournalWords& words) {
  while (!words.empty()) {
    std::uint64_t id = 0;
    DeliverySizes sizes;
    words.number(&id);
    words.number(&sizes.data);
    words.number(&sizes.container);
    if (auto found = intents_.find(id); found != intents_.end()) found->second.sizes = sizes;
  }
}

void Parser::take_prepare(JournalWords& words) {
  while (!words.empty()) {
    Intent read;
    words.number(&read.id);
    read.source_digest = words.text();
    read.digest = words.text();
    read.data_digest = words.text();
    words.number(&read.size);
    words.number(&read.inode);
    words.number(&read.side_inode);
    words.number(&read.ctime_ns);
    contents_.last_id = std::max(contents_.last_id, read.id);
    auto found = intents_.find(read.id);
    // One that was aborted is never prepared again: its source gets another intent.
    if (found == intents_.end() || found->second.aborted) continue;
    Intent& intent = found->second;
    intent.source_digest = read.source_digest;
    intent.digest = read.digest;
    intent.data_digest = read.data_digest;
    intent.size = read.size;
    intent.inode = read.inode;
    intent.side_inode = read.side_inode;
    intent.ctime_ns = read.ctime_ns;
    intent.prepared = true;
    if (intent.entry) contents_.received.use(*intent.entry, intent.id);
  }
}

void Parser::take_uses(JournalWords& words) {
  while (!words.empty()) {
    std::uint64_t id = 0;
    EntryRef entry;
    words.number(&id);
    words.number(&entry.stream);
    words.number(&entry.number);
    const std::string folder = words.text();
    const std::string name = words.text();
    const auto found = intents_.find(id);
    if (found == intents_.end()) continue;
    found->second.entry = entry;
    found->second.folder = folder;
    found->second.name = name;
  }
}

void Parser::note_damage(std::size_t number) {
  if (damaged_++ == 0) first_damaged_ = number;
}

JournalContents Parser::finish(std::size_t valid) {
  // A journal that was damaged, or written by a version that forgot an intent before its entry.
  contents_.received.release_unless([this](std::uint64_t id) { return intents_.contains(id); });
  // What was in use by such an intent when another one took it, or came after that one.
  for (const auto& [id, intent] : intents_) {
    if (intent.finished)
      contents_.received.settle(id);
    else if (intent.aborted)
      contents_.received.release(id);
    if (!intent.entry || !intent.prepared) continue;
    if (intent.finished)
      contents_.received.note_gone(*intent.entry);
    else if (!contents_.received.used_by(id))
      contents_.received.use(*intent.entry, id);
  }
  for (auto& [id, intent] : intents_) contents_.intents.push_back(std::move(intent));
  contents_.valid = valid;
  if (contents_.relay_token.empty())
    contents_.damage = "it has no header that can be read";
  else if (damaged_ > 0)
    contents_.damage = "line " + std::to_string(first_damaged_) + " is damaged" +
                       (damaged_ > 1 ? ", and " + std::to_string(damaged_ - 1) + " more" : "");
  else if (lines_ < expected_)
    contents_.damage = expected_ - lines_ == 1
                           ? "one of its lines is missing"
                           : std::to_string(expected_ - lines_) + " of its lines are missing";
  return std::move(contents_);
}

}  // namespace

void JournalContents::send_again(const std::string& place, const std::string& path) {
  const SourceRecord* record = done.find(place, path);
  if (record == nullptr) return;  // it is already
  again.set(place, path, *record);
  done.erase(place, path);
}

JournalContents parse_journal(std::string_view text) {
  Parser parser;
  std::size_t number = 0;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    ++number;
    std::string_view line = checked_line(text.substr(begin, end - begin));
    if (line.empty())
      parser.note_damage(number);
    else
      parser.take(line);
  }
  return parser.finish(begin);
}

namespace {

// 0 without a header that can be read.
unsigned format_of(std::string_view text) {
  JournalWords words(checked_line(text.substr(0, text.find('\n'))));
  unsigned format = 0;
  if (words.next() == "journal") words.number(&format);
  return format;
}

}  // namespace

bool is_later_journal(std::string_view text) { return format_of(text) > kJournalFormat; }

bool is_earlier_journal(std::string_view text) {
  const unsigned format = format_of(text);
  return format > 0 && format < kJournalFormat;
}

}  // namespace paxect::link
