// The receivers of a subject that a sender knows. Each of them gets each list, so that a list stays in the
// sender's folder until all of them have reported it.
//
// A receiver is known by its consumer of the lists, by what it announces and by its receipts, and recorded:
// the consumer may be lost with the store of the server. Nobody waits for one that has shown no sign for as
// long as the server keeps lists: for 35 days, each of which is counted while this sender runs, so that a
// clock that jumps ahead makes nobody absent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::carrier {

class KnownReceivers {
 public:
  static constexpr std::size_t kMax = 10'000;
  static constexpr std::size_t kIdSize = 16;
  // One that shows no sign for so long is away: it announces itself every 5 seconds.
  static constexpr std::uint64_t kSilent = std::uint64_t{20} * 1'000'000'000;

  // A record of an earlier process. False when it is none.
  bool take_record(std::string_view text);
  // All of them, to write the records again.
  std::vector<std::string> records() const;

  // A sign of life of a receiver. `*record` gets what is to be recorded, "" for nothing. True when it is new
  // or was silent: it may lack lists.
  bool note_sign(const std::string& id, std::int64_t realtime_ns, std::uint64_t monotonic_ns,
                 std::string* record);
  // Where it is, as it announces it. Returns what is to be recorded, "" for nothing.
  std::string note_place(const std::string& id, const std::string& place);
  // Nobody waits for it any more, and its consumer, which other senders may wait for, makes it known no more:
  // only its next sign of life does. False when it is not known, or is there.
  bool forget(const std::string& id, std::uint64_t monotonic_ns, std::string* record);
  bool is_forgotten(const std::string& id) const { return forgotten_.contains(id); }
  // The consumers of the lists in the store of this epoch. A receiver whose consumer was there, and is not
  // any more while the store is the same one, was removed by an operator; one that is alive makes it again.
  // Appends what is to be recorded.
  void take_consumers(const std::set<std::string>& names, const std::string& epoch, std::int64_t realtime_ns,
                      std::vector<std::string>* records);

  // One day more, if it is another one than at the last call, for those that have shown no sign. Appends what
  // is to be recorded.
  void count_day(std::int64_t realtime_ns, std::uint64_t monotonic_ns, std::vector<std::string>* records);

  // The first one behind `after` that is not among `ids`, without those that are absent for too long; "" for
  // none. `is_meant`: of those alone.
  std::string next_other(const std::set<std::string>& ids, const std::string& after,
                         const std::function<bool(const std::string&)>& is_meant = {}) const;
  // How many of them there are.
  std::size_t count_others(const std::set<std::string>& ids) const;
  // Whether it announces itself.
  bool is_there(const std::string& id, std::uint64_t monotonic_ns) const;
  struct Known {
    std::string id;
    std::string place;
    std::int64_t seen_ns = 0;  // by the clock of the machine
    bool is_absent = false;    // for too long: nobody waits for it
  };
  void for_each(const std::function<void(const Known&)>& each) const;
  // The first one behind `after`, also of those that were forgotten, whose receipts may be there; "" for
  // none.
  std::string next(const std::string& after) const;
  // Whether there may be others that found no room.
  bool is_full() const { return receivers_.size() >= kMax; }

 private:
  struct Receiver {
    std::int64_t seen_ns = 0;      // by the clock of the machine
    std::int64_t recorded_ns = 0;  // `seen_ns` of its last record
    std::uint64_t sign_ns = 0;     // monotonic, of the last sign; 0: none in this process
    std::string epoch;             // of the store that had its consumer; empty: none was seen
    unsigned misses = 0;           // how often the consumer was not there any more
    std::int64_t counted_day = 0;  // since 1970, the last one that was counted
    std::int64_t absent_days = 0;
    std::string place{};  // "host [section]"; empty: not known
    bool is_absent() const;
  };
  static std::string record_of(const std::string& id, const Receiver& receiver);

  std::map<std::string, Receiver> receivers_;
  std::set<std::string> forgotten_;  // by an operator, and not seen since
  std::int64_t counted_day_ = 0;
  std::uint64_t counted_ns_ = 0;  // monotonic; 0: no day was counted in this process
};

}  // namespace paxect::carrier
