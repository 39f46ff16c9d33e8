// `doctor`: does what the carrier depends on, once, and reports what does not work.
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "certificate.h"
#include "commands/command.h"
#include "connection.h"
#include "folder.h"
#include "json_object.h"
#include "names.h"
#include "state_directory.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr int kPatienceMs = 3000;
constexpr std::uint64_t kMinPayload = 1024 * 1024;
constexpr unsigned kRecentMinor = 10;  // of version 2

struct Finding {
  std::string check;
  std::string state;  // ok, warning, failed
  std::string text;
};
using Findings = std::vector<Finding>;

// The first line of a server: INFO and a JSON object, before any login.
Status read_info(const std::string& server, std::string* out) {
  std::string host = server.substr(server.find("//") + 2);
  const std::size_t colon = host.rfind(':');
  const std::string port = host.substr(colon + 1);
  host = host.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return Status::failure("cannot find " + host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  Status last = Status::failure("no address");
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const UniqueFd fd(socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) {
      last = Status::system("cannot open a socket");
      continue;
    }
    if (connect(fd.get(), at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS) {
      last = Status::system("cannot connect to " + server);
      continue;
    }
    std::string text;
    std::string buffer(4096, '\0');
    pollfd watch{.fd = fd.get(), .events = POLLIN, .revents = 0};
    while (text.find('\n') == std::string::npos && text.size() < 65536 && poll(&watch, 1, kPatienceMs) > 0) {
      const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
      if (size <= 0) {
        last = size < 0 ? Status::system("cannot connect to " + server)
                        : Status::failure(server + " closes the connection");
        break;
      }
      text.append(buffer, 0, static_cast<std::size_t>(size));
    }
    if (text.starts_with("INFO ") && text.find('\n') != std::string::npos) {
      *out = text.substr(5, text.find('\n') - 5);
      return Status::success();
    }
    if (!text.empty()) {
      last = Status::failure(server + " is no NATS server");
    } else if (poll(&watch, 1, 0) == 0) {
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const bool is_connected = getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
      last = Status::failure(
          server +
          (is_connected ? " takes the connection and sends nothing within " : " does not answer within ") +
          std::to_string(kPatienceMs / 1000) + " s: is it stopped, or is something in the way?");
    }
  }
  return last;
}

void check_server(const std::string& server, Findings* findings) {
  std::string text;
  if (const Status status = read_info(server, &text); !status.ok()) {
    findings->push_back({"server " + server, "failed", status.message()});
    return;
  }
  while (text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
  const JsonReader info(text);
  std::string version;
  std::uint64_t payload = 0;
  info.get("version", &version);
  info.get("max_payload", &payload);
  unsigned minor = 0;
  if (version.starts_with("2.")) std::from_chars(version.data() + 2, version.data() + version.size(), minor);
  if (payload < kMinPayload) {
    findings->push_back({"server " + server, "failed",
                         "max_payload is " + std::to_string(payload) + ": it must be at least 1MB"});
  } else if (version.starts_with("2.") && minor < kRecentMinor) {
    findings->push_back({"server " + server, "warning",
                         "version " + version +
                             " is old: use a current one, and set sync_interval: always in "
                             "jetstream {}, since by default up to a minute is lost with the power"});
  } else {
    findings->push_back({"server " + server, "ok",
                         "version " + version +
                             "; set sync_interval: always in jetstream {}, since by default up to "
                             "a minute is lost with the power"});
  }
}

// Makes nothing: doctor may run as another user, such as root, before the carrier has started.
Status try_state(const std::string& path) {
  std::string existing = path;
  struct stat info {};
  while (stat(existing.c_str(), &info) != 0) {
    const std::string parent = parent_path(existing);
    if (errno != ENOENT || parent == existing) return Status::system("cannot stat " + existing);
    existing = parent;
  }
  if (!S_ISDIR(info.st_mode)) return Status::failure(existing + " is not a directory");
  if (access(existing.c_str(), R_OK | W_OK | X_OK) != 0) return Status::system("cannot use " + existing);
  return check_room(existing);
}

Status try_folder(const Settings& settings) {
  Folder folder;
  if (Status status =
          folder.open_to_compare(settings.folder, settings.state + "/place", settings.state + "/own_place");
      !status.ok())
    return status;
  const std::string id(32, '0');
  const std::string from = temporary_of("x", id);
  const std::string to = sidecar_temporary_of("x", id);
  UniqueFd file;
  if (Status status = folder.create(from, &file); !status.ok()) return status;
  Status status = write_all(file.get(), "x", 1, 0, settings.folder + "/" + from);
  if (status.ok() && fsync(file.get()) != 0)
    status = Status::system("cannot flush " + settings.folder + "/" + from);
  bool taken = false;
  if (status.ok()) status = folder.rename_new(from, to, &taken);
  if (status.ok()) status = folder.sync_names(to);
  folder.remove(from);
  folder.remove(to);
  return status;
}

void add(const std::string& check, const Status& status, const std::string& ok, Findings* findings) {
  findings->push_back({check, status.ok() ? "ok" : "failed", status.ok() ? ok : status.message()});
}

void check_certificate(const Call& call, Findings* findings) {
  constexpr std::int64_t kSoon = std::int64_t{14} * 86'400;
  const std::string& path = call.settings().tls_cert;
  if (path.empty()) return;
  Certificate own;
  const std::int64_t now = call.host().realtime_ns() / 1'000'000'000;
  Status status = read_certificate(path, &own);
  if (const std::string problem = status.ok() ? own.problem(path, now) : ""; !problem.empty())
    status = Status::failure(problem);
  const std::string until = path + " is valid until " + date_of(own.not_after);
  if (status.ok() && own.not_after - now < kSoon) {
    findings->push_back({"certificate", "warning", until + ": replace it"});
    return;
  }
  add("certificate", status, until, findings);
}

// How near a limit is: what a claim or receipt needs must be left.
void check_room_of(const std::string& check, std::uint64_t used, std::uint64_t max, Findings* findings) {
  constexpr std::uint64_t kNeeded = 64 * 1024;
  constexpr std::uint64_t kTight = 10;  // of a hundred
  if (max == 0) return;
  const std::uint64_t left = max - std::min(max, used);
  const std::string text = std::to_string(used) + " of " + std::to_string(max) + " bytes are used";
  if (left < kNeeded)
    findings->push_back({check, "failed",
                         text + ": nothing more is stored; raise the limit of the account, or remove what "
                                "nobody needs"});
  else
    findings->push_back({check, left < max / 100 * kTight ? "warning" : "ok", text});
}

// Whether the account allows what is missing: streams, and room for that of the data, which the server
// reserves.
void check_account(jsCtx* jetstream, const std::vector<StreamReport>& streams, const Names& names,
                   const Settings& settings, Findings* findings) {
  AccountRoom account;
  if (!read_account(jetstream, &account).ok()) return;
  check_room_of("storage of the account", account.stored, account.max_stored, findings);
  check_room_of("memory of the account", account.memory, account.max_memory, findings);
  const auto missing = static_cast<std::uint64_t>(std::count_if(
      streams.begin(), streams.end(), [](const StreamReport& stream) { return stream.is_missing; }));
  if (account.max_streams != 0 && account.streams + missing > account.max_streams)
    findings->push_back({"streams of the account", "failed",
                         "it has " + std::to_string(account.streams) + " of at most " +
                             std::to_string(account.max_streams) + " streams, and " +
                             std::to_string(missing) + " are to be made: raise its max_streams"});
  const auto needed = static_cast<std::uint64_t>(settings.max_stream_mb) * 1024 * 1024;
  const bool is_data_missing = std::any_of(streams.begin(), streams.end(), [](const StreamReport& stream) {
    return stream.is_missing && stream.what == "data";
  });
  if (is_data_missing && account.max_stored != 0 &&
      account.max_stored - std::min(account.max_stored, account.stored) < needed)
    findings->push_back({"storage of the account", "failed",
                         "it allows " + std::to_string(account.max_stored) + " bytes, and the stream " +
                             names.stream("data") + " is to have " + std::to_string(needed) +
                             ": raise its max_store, or lower max_stream_mb"});
}

void check_stream(const StreamReport& stream, const Names& names, Findings* findings) {
  constexpr std::uint64_t kSmall = 4096;  // more than most messages that are no chunk
  if (stream.info == nullptr) return;
  const std::string& what = stream.what;
  const std::string name = names.stream(what);
  const StreamRoom room = room_of(*stream.info);
  std::string text = std::to_string(room.messages) + " messages, " + std::to_string(room.bytes) + " bytes";
  if (room.max_bytes != 0) text += " of " + std::to_string(room.max_bytes);
  std::string state = what == "poison" && room.messages > 0 ? "warning" : "ok";
  if (room.max_bytes != 0 && room.max_bytes - std::min(room.max_bytes, room.bytes) < kSmall) {
    state = what == "data" ? "warning" : "failed";
    text += what == "data" ? ": it is full, and senders wait until receivers have taken some"
                           : ": it is full; run: nats stream edit " + name + " --max-bytes=-1";
  }
  findings->push_back({"stream " + name, state, text});
}

void check_streams(const Call& call, Findings* findings) {
  Connection connection(call.host(), call.settings(), "paxect doctor");
  Status status = connection.open();
  if (status.ok()) connection.tend(call.host().monotonic_ns());
  if (status.ok() && !connection.is_connected()) status = Status::failure(connection.problem());
  add("connection", status, "connected to " + connection.server_url(), findings);
  if (!status.ok()) return;
  const Names names(call.settings().subject);
  std::vector<std::string> differences;
  const std::vector<StreamReport> streams = read_streams(connection.jetstream(), names, ReadStreams::kAll);
  status = compare_streams(streams, names, call.settings(), &differences);
  if (!status.ok() || differences.empty()) add("streams", status, "they are as in the settings", findings);
  for (const std::string& difference : differences) findings->push_back({"streams", "warning", difference});
  status = ask_leader(connection.jetstream(), names, connection.server_url());
  add("leader of the streams", status, "it answers", findings);
  check_account(connection.jetstream(), streams, names, call.settings(), findings);
  for (const StreamReport& stream : streams)
    if (stream.what != "epoch") check_stream(stream, names, findings);
}

}  // namespace

paxect_plugin_status run_doctor(const Call& call) {
  Findings findings;
  add("state", try_state(call.settings().state), call.settings().state, &findings);
  add("folder", try_folder(call.settings()), call.settings().folder + " can be written and flushed",
      &findings);
  for (const std::string& server : call.settings().servers) check_server(server, &findings);
  check_certificate(call, &findings);
  check_streams(call, &findings);
  bool failed = false;
  std::string items;
  for (const Finding& finding : findings) {
    failed = failed || finding.state == "failed";
    if (!call.json) call.line(finding.state + ": " + finding.check + ": " + shown(finding.text));
    JsonObject item;
    item.add("check", finding.check).add("state", finding.state);
    items += (items.empty() ? "" : ",") + item.add("text", finding.text).text();
  }
  if (call.json) call.line(JsonObject().add("ok", !failed).add_json("checks", "[" + items + "]").text());
  return failed ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

}  // namespace paxect::carrier
