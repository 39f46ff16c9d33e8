#include "records/digest_word.h"

#include <string_view>

namespace paxect::link {

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

}  // namespace paxect::link
