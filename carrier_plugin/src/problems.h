// Conditions of an instance that hold for a while: each is reported when it begins, when its words change,
// and when it ends.
#pragma once

#include <map>
#include <string>

#include "host.h"

namespace paxect::carrier {

// Conditions in which an instance waits, as `status` reports it: nothing is sent or delivered.
inline constexpr char kConnectionProblem[] = "no connection";
inline constexpr char kFolderProblem[] = "the folder cannot be used";

class Problems {
 public:
  explicit Problems(const Host& host) : host_(host) {}

  // `text` is "" when the condition does not hold.
  void set(const std::string& what, const std::string& text) {
    const auto found = texts_.find(what);
    if (text.empty()) {
      if (found == texts_.end()) return;
      host_.log(PAXECT_LOG_WARN, what + ": over");
      texts_.erase(found);
      return;
    }
    if (found != texts_.end() && found->second == text) return;
    texts_[what] = text;
    host_.log(PAXECT_LOG_WARN, text);
  }
  // "" when the condition does not hold.
  std::string text(const std::string& what) const {
    const auto found = texts_.find(what);
    return found == texts_.end() ? "" : found->second;
  }
  const std::map<std::string, std::string>& all() const { return texts_; }

 private:
  const Host& host_;
  std::map<std::string, std::string> texts_;
};

}  // namespace paxect::carrier
