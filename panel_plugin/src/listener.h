// The socket that the panel listens at.
#pragma once

#include <cstdint>
#include <string>

#include "settings.h"
#include "status.h"
#include "unique_fd.h"

namespace paxect::panel {

struct Listener {
  UniqueFd socket;
  std::string where;  // for messages: "unix:/run/paxect/panel.sock", "http://127.0.0.1:8484/"
  // Of a Unix socket: where it is, and which file that is.
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// Binds and listens. A Unix socket gets mode 0660; one that nobody listens at any more is replaced. Fails
// when somebody does, or something else has the path.
Status open_listener(const Settings& settings, Listener* out);

// Whether clients still find the socket. Somebody may have removed its file, or cleaned the directory.
bool is_reachable(const Listener& listener);
// Removes the file of a Unix socket. A file of another socket that has its path stays.
void remove_socket(const Listener& listener);

}  // namespace paxect::panel
