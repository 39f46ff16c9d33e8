// Questions to the server about each receiver of a list. They go out a few at a time: ten thousand receivers
// may announce themselves in one second, and twenty thousand lists may wait for each of them.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <utility>

namespace paxect::carrier {

class ReceiverQuestions {
 public:
  static constexpr std::size_t kMaxOpen = 256;

  // Asks about the list, from the first receiver on, after those that are waiting. One that waits already is
  // asked about once.
  void add(const std::string& list) {
    if (lists_.insert(list).second) waiting_.push_back({list, ""});
  }
  struct Question {
    std::string list;
    std::string receiver;
  };
  // The next question, which is open then; false when kMaxOpen are, or nothing waits. `next_receiver` gives
  // the first receiver behind `after` that is to be asked about, "" for none: then the list is done with.
  bool next(
      const std::function<std::string(const std::string& list, const std::string& after)>& next_receiver,
      Question* out) {
    while (open_ < kMaxOpen && !waiting_.empty()) {
      Question& first = waiting_.front();
      first.receiver = next_receiver(first.list, first.receiver);
      if (first.receiver.empty()) {
        lists_.erase(first.list);
        waiting_.pop_front();
        continue;
      }
      *out = first;
      ++open_;
      return true;
    }
    return false;
  }
  // One of the open ones has its answer, or gets none.
  void close() { --open_; }
  // Likewise, and its list is to be asked about again, once for all failures: see retry().
  void fail(const std::string& list) {
    close();
    failed_.insert(list);
  }
  void retry() {
    for (const std::string& list : std::exchange(failed_, {})) add(list);
  }
  std::size_t open() const { return open_; }

 private:
  std::deque<Question> waiting_;  // with the receiver that was asked about last
  std::set<std::string> lists_;   // that are waiting
  std::set<std::string> failed_;  // since the last retry()
  std::size_t open_ = 0;
};

}  // namespace paxect::carrier
