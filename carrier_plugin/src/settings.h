// The settings of a section of the carrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host.h"
#include "status.h"

namespace paxect::carrier {

enum class Mode { kSend, kReceive };
enum class SandboxMode { kAuto, kOff, kRequire };

struct Settings {
  Mode mode = Mode::kSend;
  std::string folder;  // send: the outbox of a link; receive: the inbox of one
  std::string state;   // the directory of the records
  std::string lock;
  std::vector<std::string> servers;  // nats://HOST:PORT, 1 to 16
  std::string subject;
  int replicas = 0;         // of the streams that are made; 0 (auto): 3 in a cluster, 1 otherwise
  std::string credentials;  // a creds file; empty: none
  std::string nkey;         // a file with the seed of an nkey; empty: none
  bool tls = false;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::int64_t max_stream_mb = 1024;  // of the stream of data
  unsigned max_attempts = 5;
  std::int64_t ack_wait_ms = 30'000;
  std::int64_t scan_ms = 1000;
  std::size_t backlog = 64;  // receive: containers of the last minute that link has not taken yet
  std::string metrics_file;
  SandboxMode sandbox = SandboxMode::kAuto;
  std::string log;  // one JSON object a line; empty: none

  std::string server_list() const;  // for messages
};

inline constexpr std::size_t kMaxServers = 16;

// Reads and validates all settings. Opens no file but credentials and keys.
Status read_settings(const Host& host, Settings* out);

}  // namespace paxect::carrier
