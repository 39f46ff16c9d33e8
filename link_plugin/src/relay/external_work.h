// The part of a transfer that an external core does.
#pragma once

#include "relay/transfer.h"

namespace paxect::link {

// Encodes or decodes the source by the external core and verifies what it made with the built-in one.
// `source` is the open source of the transfer. A failure is the file's fault only where the core does better
// on a sample.
Status run_external(int source, Transfer* transfer, Codec* codec, const ExternalCore& core);

}  // namespace paxect::link
