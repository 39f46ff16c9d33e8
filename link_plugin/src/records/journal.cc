#include "records/journal.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <map>

#include "base/digest.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 30;
constexpr std::size_t kCheckDigits = 8;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '/';
}

// A name as one word: other bytes as %HH; "" as "%".
std::string word(std::string_view bytes) {
  if (bytes.empty()) return "%";
  std::string text;
  for (char c : bytes) {
    auto byte = static_cast<std::uint8_t>(c);
    if (is_plain(c))
      text += c;
    else
      text += "%" + hex(&byte, 1);
  }
  return text;
}

std::string unword(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%' && text.size() - i > 2) {
      std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
      i += 2;
    } else if (text[i] == '%') {
      continue;
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

template <class Number>
std::string number(Number value) {
  return " " + std::to_string(value);
}

std::string identity_words(const FileIdentity& identity) {
  return number(identity.inode) + number(identity.size) + number(identity.mtime_ns) +
         number(identity.ctime_ns);
}

std::string record(const std::string& text) {
  return text + " " + sha256_hex(text).substr(0, kCheckDigits) + "\n";
}

// Takes the words of a line one by one.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  std::string_view next() {
    std::size_t end = std::min(rest_.find(' '), rest_.size());
    std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return result;
  }
  template <class Number>
  void next(Number* value) {
    std::string_view text = next();
    std::from_chars(text.data(), text.data() + text.size(), *value);
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

FileIdentity read_identity(Words& words) {
  FileIdentity identity;
  words.next(&identity.inode);
  words.next(&identity.size);
  words.next(&identity.mtime_ns);
  words.next(&identity.ctime_ns);
  return identity;
}

std::string begin_record(const Intent& intent) {
  std::string text = "begin" + number(intent.id) + identity_words(intent.identity);
  text += intent.into_inbox ? " inbox" : " outbox";
  text += intent.container ? " container" : " data";
  for (const std::string* name :
       {&intent.source, &intent.folder, &intent.temporary, &intent.name, &intent.side_temporary})
    text += " " + word(*name);
  return record(text + number(intent.log_offset));
}

Intent read_begin(Words& words) {
  Intent intent;
  words.next(&intent.id);
  intent.identity = read_identity(words);
  intent.into_inbox = words.next() == "inbox";
  intent.container = words.next() == "container";
  for (std::string* name :
       {&intent.source, &intent.folder, &intent.temporary, &intent.name, &intent.side_temporary})
    *name = unword(words.next());
  words.next(&intent.log_offset);
  return intent;
}

std::string done_record(const std::string& source, const FileIdentity& identity) {
  return record("done" + identity_words(identity) + " " + word(source));
}

// The line without its check, or "" when it does not check out.
std::string_view checked(std::string_view line) {
  if (line.size() < kCheckDigits + 2) return {};
  std::string_view text = line.substr(0, line.size() - kCheckDigits - 1);
  std::string_view check = line.substr(line.size() - kCheckDigits);
  return sha256_hex(text).substr(0, kCheckDigits) == check ? text : std::string_view{};
}

void read_record(std::string_view line, std::map<std::uint64_t, Intent>* intents,
                 std::unordered_map<std::string, FileIdentity>* remembered) {
  Words words(line);
  std::string_view kind = words.next();
  if (kind == "begin") {
    Intent intent = read_begin(words);
    (*intents)[intent.id] = intent;
  } else if (kind == "done") {
    FileIdentity identity = read_identity(words);
    (*remembered)[unword(words.next())] = identity;
  }
  if (kind != "prepare" && kind != "abort" && kind != "finish") return;
  while (!words.empty()) {
    std::uint64_t id = 0;
    words.next(&id);
    std::string digest = kind == "prepare" ? unword(words.next()) : "";
    auto found = intents->find(id);
    if (found == intents->end()) continue;
    Intent& intent = found->second;
    if (kind == "prepare") intent.digest = digest;
    if (kind == "finish")
      intent.finished = true;
    else
      intent.prepared = kind == "prepare";
  }
}

}  // namespace

Status read_journal(const std::string& path, JournalContents* out) {
  *out = {};
  std::string text;
  Status status = read_file(path, kLargest, &text);
  if (!status.ok() && status.fault != Fault::kGone) return status;
  std::map<std::uint64_t, Intent> intents;
  std::size_t& valid = out->valid;
  for (std::size_t end = 0; (end = text.find('\n', valid)) != std::string::npos; valid = end + 1) {
    std::string_view line = checked(std::string_view(text).substr(valid, end - valid));
    if (line.empty()) break;
    read_record(line, &intents, &out->remembered);
  }
  for (auto& [id, intent] : intents) out->intents.push_back(std::move(intent));
  return Status::success();
}

bool is_same_source(const std::string& path, const FileIdentity& remembered, const FileIdentity& found) {
  return is_leaving(base_name(path)) ? remembered.same_but_name(found) : remembered.same_but_device(found);
}

Status Journal::open(const std::string& path, std::vector<Intent>* left) {
  path_ = path;
  JournalContents contents;
  Status status = read_journal(path, &contents);
  if (!status.ok()) return status;
  remembered_ = std::move(contents.remembered);
  *left = std::move(contents.intents);
  if (!left->empty()) last_id_ = left->back().id;
  fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kOwnFileMode));
  if (!fd_) return io_failure("open journal", path, errno);
  if (ftruncate(fd_.get(), static_cast<off_t>(contents.valid)) != 0)
    return io_failure("write journal", path, errno);
  size_ = contents.valid;
  Directory directory;
  status = Directory::open(directory_name(path), &directory);
  return status.ok() ? directory.sync() : status;
}

Status Journal::append(const std::string& lines, bool durable) {
  if (!fd_) return Status::environment("journal " + path_ + " is out of use after a failed write");
  Status status = write_all(fd_.get(), lines.data(), lines.size(), path_);
  if (status.ok() && durable) status = sync_file(fd_.get(), path_);
  if (status.ok()) {
    size_ += lines.size();
  } else if (ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
    // A torn line would hide all that follows it: no more deliveries before clear() has worked.
    fd_.reset();
  }
  return status;
}

Status Journal::begin(std::span<const Intent> intents) {
  std::string lines;
  for (const Intent& intent : intents) lines += begin_record(intent);
  return append(lines, false);
}

Status Journal::prepare(std::span<const Intent> intents) {
  std::string text = "prepare";
  for (const Intent& intent : intents) text += number(intent.id) + " " + word(intent.digest);
  return append(record(text), true);
}

Status Journal::abort(std::span<const std::uint64_t> ids) {
  if (ids.empty()) return Status::success();
  std::string text = "abort";
  for (std::uint64_t id : ids) text += number(id);
  return append(record(text), true);
}

void Journal::finish(std::span<const std::uint64_t> ids) {
  if (ids.empty()) return;
  std::string text = "finish";
  for (std::uint64_t id : ids) text += number(id);
  Status ignored = append(record(text), false);
}

void Journal::remember(const std::string& source, const FileIdentity& identity) {
  remembered_[source] = identity;
  Status ignored = append(done_record(source, identity), false);
}

bool Journal::is_done(const std::string& source, const FileIdentity& identity) const {
  auto found = remembered_.find(source);
  return found != remembered_.end() && is_same_source(source, found->second, identity);
}

Status Journal::clear(
    const std::function<bool(const std::string& source, const FileIdentity&)>& still_there) {
  std::erase_if(remembered_, [&](const auto& entry) { return !still_there(entry.first, entry.second); });
  std::string text;
  for (const auto& [source, identity] : remembered_) text += done_record(source, identity);
  if (text.empty() && size_ == 0) return Status::success();
  if (Status status = replace_file(path_, text); !status.ok()) return status;
  fd_.reset(::open(path_.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!fd_) return io_failure("open journal", path_, errno);
  size_ = kept_ = text.size();
  return Status::success();
}

}  // namespace paxect::link
