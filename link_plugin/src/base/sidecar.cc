#include "base/sidecar.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::size_t kSidecarLimit = std::size_t{1} << 20;
constexpr std::size_t kDigits = 64;
constexpr std::string_view kBlanks = " \t\r\v\f";

struct Entry {
  std::string digest;
  std::string name;  // or path; "" where the entry has none
};

Status unreadable(const std::string& problem) {
  return Status::integrity("sidecar_unreadable", "sidecar " + problem + ": write it with sha256sum");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_but_case(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) {
  std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// 64 hexadecimal digits and nothing else, in lower case; "" otherwise.
std::string digest_from(std::string_view digits) {
  if (digits.size() != kDigits) return "";
  std::string result(digits);
  for (char& c : result) {
    c = lower(c);
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return "";
  }
  return result;
}

// sha256sum writes a newline, a carriage return and a backslash of an escaped name as \n, \r and \\.
std::string unescaped(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (c == '\\' && i + 1 < name.size()) {
      ++i;
      c = name[i] == 'n' ? '\n' : name[i] == 'r' ? '\r' : name[i];
    }
    result += c;
  }
  return result;
}

std::string_view last_component(std::string_view path, std::string_view separators) {
  std::size_t slash = path.find_last_of(separators);
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// "SHA256 (NAME) = DIGEST" of --tag, "SHA256(NAME)= DIGEST" and "SHA2-256(NAME)= DIGEST" of openssl, and
// "(stdin)= DIGEST".
std::optional<Entry> tagged(std::string_view line, bool escaped) {
  std::size_t open = line.find('(');
  std::size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  std::string_view algorithm = trimmed(line.substr(0, open));
  if (!algorithm.empty() && !equal_but_case(algorithm, "sha256") && !equal_but_case(algorithm, "sha2-256") &&
      !equal_but_case(algorithm, "sha-256"))
    return std::nullopt;
  std::string_view rest = trimmed(line.substr(close + 1));
  if (!rest.starts_with('=')) return std::nullopt;
  std::string digest = digest_from(trimmed(rest.substr(1)));
  if (digest.empty()) return std::nullopt;
  std::string_view name = line.substr(open + 1, close - open - 1);
  if (name == "stdin" || name == "-") name = {};
  return Entry{digest, escaped ? unescaped(name) : std::string(name)};
}

// "DIGEST", "DIGEST  NAME" and "DIGEST *NAME"; "DIGEST" may be followed by a tab too.
std::optional<Entry> plain(std::string_view line, bool escaped) {
  std::string digest = digest_from(line.substr(0, kDigits));
  if (digest.empty()) return std::nullopt;
  std::string_view rest = line.substr(kDigits);
  if (!rest.empty() && kBlanks.find(rest.front()) == std::string_view::npos) return std::nullopt;
  // sha256sum writes two characters before a name, which can begin with either.
  std::size_t begin = rest.starts_with("  ") || rest.starts_with(" *")
                          ? 2
                          : std::min(rest.find_first_not_of(kBlanks), rest.size());
  std::string_view name = rest.substr(begin);
  if (name.ends_with('\r')) name.remove_suffix(1);
  if (name == "-" || name == "stdin") name = {};
  return Entry{digest, escaped ? unescaped(name) : std::string(name)};
}

// "ab cd ef ...", as certutil of some versions writes a digest below a line that names the file.
std::optional<Entry> spaced(std::string_view line) {
  std::string digits;
  for (char c : line)
    if (c != ' ') digits += c;
  if (std::string digest = digest_from(digits); !digest.empty()) return Entry{digest, ""};
  return std::nullopt;
}

std::optional<Entry> entry_of(std::string_view line) {
  // A line without its leading blanks and trailing ones, which a name may end in: compared both ways later.
  std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return std::nullopt;
  line.remove_prefix(begin);
  if (line.starts_with('#')) return std::nullopt;
  bool escaped = line.starts_with('\\');
  if (escaped) line.remove_prefix(1);
  if (auto entry = plain(line, escaped)) return entry;
  if (auto entry = tagged(trimmed(line), escaped)) return entry;
  // "SHA256  DIGEST  PATH", a row of Get-FileHash.
  constexpr std::string_view kAlgorithm = "sha256";
  std::string_view row = line.substr(std::min(kAlgorithm.size(), line.size()));
  if (equal_but_case(line.substr(0, kAlgorithm.size()), kAlgorithm) && row.find_first_of(kBlanks) == 0)
    if (auto entry = plain(trimmed(row), false)) return entry;
  return spaced(trimmed(line));
}

// A backslash separates folders on Windows, and is part of a name here.
bool names(const Entry& entry, std::string_view container) {
  for (std::string_view separators : {"/", "/\\"})
    if (equal_but_case(trimmed(last_component(entry.name, separators)), trimmed(container))) return true;
  return false;
}

void append_utf8(std::uint32_t point, std::string* out) {
  auto put = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
  }
  put(0x80 | (point & 0x3f));
}

// Text that a shell of Windows redirected to a file is UTF-16 with a byte order mark.
std::string utf8_of_utf16(std::string_view text, bool big_endian) {
  std::string result;
  auto unit = [&](std::size_t at) {
    auto first = static_cast<unsigned char>(text[at]);
    auto second = static_cast<unsigned char>(text[at + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    std::uint32_t point = unit(at);
    bool high = point >= 0xd800 && point < 0xdc00 && at + 3 < text.size();
    std::uint32_t low = high ? unit(at + 2) : 0;
    if (high && low >= 0xdc00 && low < 0xe000) {
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      at += 2;
    }
    append_utf8(point, &result);
  }
  return result;
}

std::string without_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) return std::string(text.substr(3));
  if (text.starts_with("\xff\xfe")) return utf8_of_utf16(text.substr(2), false);
  if (text.starts_with("\xfe\xff")) return utf8_of_utf16(text.substr(2), true);
  return std::string(text);
}

std::vector<Entry> entries_of(std::string_view text) {
  const std::string plain_text = without_mark(text);
  // --zero ends each line with a zero, and then a name can contain line ends.
  const bool zeros = plain_text.find('\0') != std::string::npos;
  const std::string_view ends = zeros ? std::string_view("\0", 1) : std::string_view("\n");
  std::vector<Entry> entries;
  for (std::size_t begin = 0; begin < plain_text.size();) {
    std::size_t end = std::min(plain_text.find_first_of(ends, begin), plain_text.size());
    if (auto entry = entry_of(std::string_view(plain_text).substr(begin, end - begin)))
      entries.push_back(std::move(*entry));
    begin = end + 1;
  }
  return entries;
}

}  // namespace

std::string find_sidecar(const Directory& folder, std::string_view container, FileStat* observed) {
  FileStat own;
  if (observed == nullptr) observed = &own;
  for (const std::string& name : sidecar_spellings(container)) {
    *observed = folder.stat_of(name);
    if (observed->kind != FileKind::kMissing) return name;
  }
  return sidecar_of(container);
}

Status parse_sidecar(std::string_view text, std::string_view container, std::string* digest) {
  digest->clear();
  std::vector<Entry> entries = entries_of(text);
  if (entries.empty()) return unreadable("has no SHA-256 that can be read");
  if (entries.size() > 1)
    std::erase_if(entries, [&](const Entry& entry) { return !names(entry, container); });
  if (entries.empty()) return unreadable("has several lines, and none names its container");
  for (const Entry& entry : entries)
    if (entry.digest != entries.front().digest) return unreadable("gives two SHA-256 for its container");
  *digest = entries.front().digest;
  return Status::success();
}

Status read_sidecar(const Directory& folder, const std::string& name, std::string_view container,
                    std::string* digest, FileIdentity* identity) {
  digest->clear();
  std::string text;
  Status status = folder.read_small(name, kSidecarLimit, &text, identity);
  if (status.fault == Fault::kRefused) return unreadable("is larger than 1 MiB");
  return status.ok() ? parse_sidecar(text, container, digest) : status;
}

}  // namespace paxect::link
