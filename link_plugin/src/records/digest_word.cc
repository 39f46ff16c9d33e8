#include "records/digest_word.h"

#include "base/digest.h"

namespace paxect::link {
namespace {

constexpr std::size_t kNameDigits = 24;

}  // namespace

std::string digest_word(const std::string& digest, const std::optional<EarlierEntry>& again) {
  return again ? digest + ":" + again->stream + ":" + std::to_string(again->number) : digest;
}

std::optional<EarlierEntry> take_earlier(std::string* word) {
  const std::size_t end = word->find(':');
  if (end == std::string::npos) return std::nullopt;
  const std::string rest = word->substr(end + 1);
  word->resize(end);
  const std::size_t middle = rest.find(':');
  if (middle == std::string::npos) return std::nullopt;
  EarlierEntry again{.stream = rest.substr(0, middle)};
  if (!parse_number(std::string_view(rest).substr(middle + 1), 1, kMaxNumber, &again.number))
    return std::nullopt;
  return again;
}

std::string named_digest(const std::string& digest, std::string_view name) {
  return digest + ":" + sha256_hex(name).substr(0, kNameDigits);
}

std::string digest_of_word(const std::string& word) { return word.substr(0, word.find(':')); }

bool is_word_of(const std::string& word, const std::string& digest, std::string_view name) {
  return word == digest || word == named_digest(digest, name);
}

}  // namespace paxect::link
