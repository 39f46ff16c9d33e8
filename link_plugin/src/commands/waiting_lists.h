// The lists in the inbox of a receiver that its relay has not taken: refused ones, and those that wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proof/list_check.h"
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

// By path. A list for others is none of them. Reads only; a folder that does not exist has none.
Status find_waiting_lists(const LinkConfig& config, const ReceivedStreams& received,
                          const std::vector<NodeKey>& keys, std::vector<WaitingList>* out);

}  // namespace paxect::link
