// The socket that the panel listens at.
#pragma once

#include <string>

#include "settings.h"
#include "status.h"
#include "unique_fd.h"

namespace paxect::panel {

struct Listener {
  UniqueFd socket;
  std::string where;  // for messages: "unix:/run/paxect/panel.sock", "http://127.0.0.1:8484/"
};

// Binds and listens. A Unix socket gets mode 0660; one that nobody listens at any more is replaced. Fails
// when somebody does, or something else has the path.
Status open_listener(const Settings& settings, Listener* out);

}  // namespace paxect::panel
