#include "records/journal_line.h"

#include <algorithm>

#include "base/digest.h"

namespace paxect::link {
namespace {

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

}  // namespace

JournalLine& JournalLine::text(std::string_view bytes) {
  text_ += " " + word(bytes);
  return *this;
}

std::string JournalLine::finish() const {
  return text_ + " " + sha256_hex(text_).substr(0, kCheckDigits) + "\n";
}

std::string_view JournalWords::next() {
  std::size_t end = std::min(rest_.find(' '), rest_.size());
  std::string_view result = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return result;
}

std::string JournalWords::text() { return unword(next()); }

FileIdentity JournalWords::identity() {
  FileIdentity identity;
  number(&identity.size);
  number(&identity.mtime_ns);
  number(&identity.inode);
  number(&identity.ctime_ns);
  return identity;
}

std::string_view checked_line(std::string_view line) {
  if (line.size() < kCheckDigits + 2) return {};
  std::string_view text = line.substr(0, line.size() - kCheckDigits - 1);
  std::string_view check = line.substr(line.size() - kCheckDigits);
  return sha256_hex(text).substr(0, kCheckDigits) == check ? text : std::string_view{};
}

}  // namespace paxect::link
