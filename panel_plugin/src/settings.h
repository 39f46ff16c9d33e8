// The settings of a section of the panel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host.h"
#include "status.h"

namespace paxect::panel {

enum class SandboxMode { kAuto, kRequire, kOff };

struct Settings {
  std::string socket_path;         // of the Unix socket; empty: TCP
  std::string address;             // of TCP: an IPv4 or IPv6 address
  std::uint16_t port = 0;          // 0: one that the system chooses
  std::vector<std::string> hosts;  // further names by which a browser may reach the page, lower case
  std::string token;               // empty: none
  std::string token_name;          // of the credential, or of the file without its directory
  bool actions = false;
  std::string config;                 // of the sections to show; empty: that of the panel
  std::vector<std::string> sections;  // to show
  std::string log;                    // of the actions
  SandboxMode sandbox = SandboxMode::kAuto;
};

// Reads and validates all settings. Opens no file but that of the token.
Status read_settings(const Host& host, Settings* out);
// Reads the token again; after a failure *out is as it was.
Status read_token_again(const Host& host, Settings* out);

}  // namespace paxect::panel
