#include "proof/statement.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <new>

#include "base/digest.h"
#include "base/secret.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxNameSize = 128;
constexpr std::size_t kStreamBytes = 8;
constexpr std::string_view kNone = "-";
constexpr std::string_view kEverybody = "*";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

std::string time_text(std::int64_t seconds) {
  const auto value = static_cast<time_t>(seconds);
  std::tm parts{};
  std::array<char, 64> text{};
  gmtime_r(&value, &parts);
  strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

// The words of a line, which single blanks separate.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    const std::size_t end = text.find(' ');
    words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end + 1);
  }
}

Status read_to(LineReader* reader, StatementHead* out) {
  std::string_view value;
  if (Status status = reader->field("to", &value); !status.ok()) return status;
  if (value == kEverybody) return Status::success();
  out->to = words_of(value);
  std::vector<std::string> sorted = out->to;
  std::sort(sorted.begin(), sorted.end());
  const bool has_twice = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (has_twice || !std::all_of(sorted.begin(), sorted.end(), is_node_name))
    return reader->fail("'to' is neither * nor names of nodes, each once");
  return Status::success();
}

Status read_stream(LineReader* reader, StatementHead* out) {
  std::string_view value;
  if (Status status = reader->field("stream", &value); !status.ok()) return status;
  if (!is_stream(value)) return reader->fail("'stream' is not 16 hexadecimal digits in lower case");
  out->stream = value;
  if (!reader->has_field("continues")) return Status::success();
  if (Status status = reader->field("continues", &value); !status.ok()) return status;
  const std::vector<std::string> words = words_of(value);
  Continued continued;
  if (words.size() != 2 || !is_stream(words[0]) || words[0] == out->stream ||
      !parse_number(words[1], 1, kMaxNumber, &continued.number))
    return reader->fail("'continues' is not another stream and a number");
  continued.stream = words[0];
  out->continues = continued;
  return Status::success();
}

}  // namespace

std::string base64_text(std::string_view bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the NUL
  return text;
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string make_stream() {
  if (sodium_init() < 0) throw std::bad_alloc();
  std::array<std::uint8_t, kStreamBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return hex(bytes.data(), bytes.size());
}

bool is_node_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameSize || !std::all_of(text.begin(), text.end(), is_name_character))
    return false;
  if (text.front() == '.' || text.front() == '-' || text.front() == '_') return false;
  const std::size_t dot = text.rfind('.');
  return dot == std::string_view::npos || !std::all_of(text.begin() + dot + 1, text.end(), is_digit);
}

bool parse_number(std::string_view text, std::uint64_t min, std::uint64_t max, std::uint64_t* out) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) return false;
  if (text.size() > 1 && text.front() == '0') return false;
  *out = value;
  return true;
}

std::string log_head_value(const LogHead& head) {
  return std::to_string(head.lines) + " " + (head.lines == 0 ? std::string(kNone) : head.chain);
}

bool parse_log_head_value(std::string_view text, LogHead* out) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return false;
  LogHead head;
  const std::string_view chain = text.substr(blank + 1);
  if (!parse_number(text.substr(0, blank), 0, kMaxNumber, &head.lines)) return false;
  if (head.lines == 0 ? chain != kNone : !is_digest(chain)) return false;
  if (head.lines > 0) head.chain = chain;
  *out = std::move(head);
  return true;
}

Status LineReader::line(std::string_view* out) {
  ++number_;
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos)
    return fail(rest_.empty() ? "the text ends before it" : "the text ends within it");
  *out = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return Status::success();
}

Status LineReader::base64(std::size_t size, std::string* out) {
  std::string_view text;
  if (Status status = line(&text); !status.ok()) return status;
  std::size_t found = 0;
  const char* end = nullptr;
  out->assign(size, '\0');
  const int failed = sodium_base642bin(reinterpret_cast<unsigned char*>(out->data()), size, text.data(),
                                       text.size(), nullptr, &found, &end, sodium_base64_VARIANT_ORIGINAL);
  // libsodium also decodes bytes above 0x7f as if they were digits.
  Wiped again;
  again.text = base64_text(*out);
  if (failed != 0 || found != size || end != text.data() + text.size() || again.text != text)
    return fail("not " + std::to_string(size) + " bytes in base64");
  return Status::success();
}

bool LineReader::has_field(std::string_view name) const {
  return rest_.starts_with("# " + std::string(name) + " ");
}

Status LineReader::field(std::string_view name, std::string_view* value) {
  const bool has = has_field(name);
  if (Status status = line(value); !status.ok()) return status;
  if (!has) return fail("not '# " + std::string(name) + " ...'");
  value->remove_prefix(name.size() + 3);
  return Status::success();
}

Status LineReader::field(std::string_view name, std::uint64_t min, std::uint64_t max, std::uint64_t* value) {
  std::string_view text;
  if (Status status = field(name, &text); !status.ok()) return status;
  if (!parse_number(text, min, max, value))
    return fail("'" + std::string(name) + "' is not a number from " + std::to_string(min) + " to " +
                std::to_string(max));
  return Status::success();
}

Status LineReader::end() const {
  if (rest_.empty()) return Status::success();
  return Status::invalid("line " + std::to_string(number_ + 1) + ": text after the end");
}

Status LineReader::fail(const std::string& message) const {
  return Status::invalid("line " + std::to_string(number_) + ": " + message);
}

Status read_head(LineReader* reader, std::string_view kind, StatementHead* out) {
  const std::string first = "# paxect " + std::string(kind) + " 1";
  std::string_view value;
  if (Status status = reader->line(&value); !status.ok()) return status;
  if (value != first) return reader->fail("not '" + first + "'");
  if (Status status = reader->field("from", &value); !status.ok()) return status;
  if (!is_node_name(value)) return reader->fail("'from' is not the name of a node");
  out->from = value;
  if (Status status = read_to(reader, out); !status.ok()) return status;
  if (Status status = read_stream(reader, out); !status.ok()) return status;
  if (Status status = reader->field("number", 1, kMaxNumber, &out->number); !status.ok()) return status;
  if (Status status = reader->field("previous", &value); !status.ok()) return status;
  if (value != kNone) out->previous = value;
  if (out->number == 1 ? value != kNone : !is_digest(value))
    return reader->fail(out->number == 1 ? "'previous' of the first one is not -"
                                         : "'previous' is not a SHA-256 in lower case");
  return Status::success();
}

Status read_made(LineReader* reader, StatementHead* out) {
  std::string_view value;
  if (Status status = reader->field("made", &value); !status.ok()) return status;
  const std::string text(value);
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end != nullptr) out->made = timegm(&parts);
  if (end == nullptr || out->made < 0 || time_text(out->made) != value)
    return reader->fail("'made' is not a time such as 2026-11-26T12:00:00Z");
  return Status::success();
}

Status read_log_head(LineReader* reader, StatementHead* out) {
  std::string_view value;
  if (Status status = reader->field("log", &value); !status.ok()) return status;
  if (!parse_log_head_value(value, &out->log))
    return reader->fail("'log' is not a number of lines and the chain of the last one, or 0 -");
  return Status::success();
}

std::string field_text(std::string_view name, std::string_view value) {
  return "# " + std::string(name) + " " + std::string(value) + "\n";
}

std::string head_text(std::string_view kind, const StatementHead& head) {
  std::string to;
  for (const std::string& name : head.to) to += (to.empty() ? "" : " ") + name;
  std::string text = "# paxect " + std::string(kind) + " 1\n";
  text += field_text("from", head.from);
  text += field_text("to", head.to.empty() ? kEverybody : to);
  text += field_text("stream", head.stream);
  if (head.continues)
    text += field_text("continues", head.continues->stream + " " + std::to_string(head.continues->number));
  text += field_text("number", std::to_string(head.number));
  text += field_text("previous", head.previous.empty() ? kNone : head.previous);
  return text;
}

std::string made_text(const StatementHead& head) { return field_text("made", time_text(head.made)); }

std::string log_head_text(const StatementHead& head) { return field_text("log", log_head_value(head.log)); }

}  // namespace paxect::link
