// The lists in the inbox of a receiver that its relay has not taken: refused ones, and those that wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proof/list_check.h"
#include "records/journal_format.h"
#include "records/received_streams.h"
#include "settings/link_config.h"

namespace paxect::link {

struct WaitingList {
  std::string path = {};
  std::string sender = {};
  std::uint64_t number = 0;
  std::string state = {};  // refused, forked, jumped, waiting
  std::string why = {};
};

// By path. A list for others is none of them. Reads only; a folder that does not exist in the inbox has none.
// A failure, with the remedy, where the inbox or the folder cannot be read: then there may be more.
Status find_waiting_lists(const LinkConfig& config, const std::vector<KnownPlace>& places,
                          const ReceivedStreams& received, const std::vector<NodeKey>& keys,
                          std::vector<WaitingList>* out);

}  // namespace paxect::link
