#include "settings.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "nkey.h"
#include "unique_fd.h"

namespace paxect::carrier {
namespace {

constexpr std::array<std::string_view, 21> kKeys = {
    "mode",         "folder",      "state",   "lock",    "servers",      "subject", "replicas",
    "nkey",         "credentials", "tls",     "tls_ca",  "tls_cert",     "tls_key", "max_stream_mb",
    "max_attempts", "ack_wait_ms", "scan_ms", "backlog", "metrics_file", "log",     "sandbox"};

class Reader {
 public:
  explicit Reader(const Host& host) : host_(host) {}

  Status fault(const char* key, const std::string& what) const {
    return Status::failure(host_.describe(key) + ": " + key + " " + what);
  }
  std::string text(const char* key, std::string_view preset) const {
    const char* value = host_.get(key);
    return std::string(value == nullptr ? preset : value);
  }
  // A number without a sign, from `min` to `max`; *out is the default when the key is not set.
  template <class Number>
  Status number(const char* key, Number min, Number max, Number* out) const {
    const std::string value = text(key, std::to_string(*out));
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *out);
    if (error != std::errc() || end != value.data() + value.size() || *out < min || *out > max)
      return fault(key, "must be a number from " + std::to_string(min) + " to " + std::to_string(max) +
                            ", not '" + value + "'");
    return Status::success();
  }

 private:
  const Host& host_;
};

Status check_keys(const Host& host, const Reader& reader) {
  for (std::uint32_t i = 0; const char* key = host.key_at(i); ++i)
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      return reader.fault(key, "is not a setting of the carrier: see man paxect-carrier");
  return Status::success();
}

bool is_plain(std::string_view text, std::string_view further) {
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           further.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// HOST or HOST:PORT, with brackets around an IPv6 address; *out gets both.
bool parse_address(std::string_view text, std::string* out) {
  std::string_view host = text;
  std::string_view port = "4222";
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  if (const std::size_t colon = text.find(':', bracket); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const bool is_v6 = bracket != 0;
  if (is_v6 && (host.size() < 4 || host.back() != ']' || !is_plain(host.substr(1, host.size() - 2), ":")))
    return false;
  if (!is_v6 && (host.empty() || !is_plain(host, ".-"))) return false;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535) return false;
  *out = "nats://" + std::string(host) + ":" + std::to_string(number);
  return true;
}

Status read_servers(const Reader& reader, Settings* out) {
  constexpr std::string_view kScheme = "nats://";
  constexpr std::string_view kTlsScheme = "tls://";
  const std::string text = reader.text("servers", "nats://127.0.0.1:4222");
  std::string word;
  for (const char c : text + ",") {
    if (c != ',') {
      if (c != ' ' && c != '\t') word += c;
      continue;
    }
    std::string_view address = word;
    if (address.starts_with(kScheme)) address.remove_prefix(kScheme.size());
    if (address.starts_with(kTlsScheme)) {
      address.remove_prefix(kTlsScheme.size());
      out->tls = true;
    }
    std::string server;
    if (address.find('@') != std::string_view::npos)
      return reader.fault("servers", "must not have a user or a password: use credentials or nkey");
    if (!parse_address(address, &server))
      return reader.fault("servers", "must be nats://HOST:PORT, separated by commas, not '" + word + "'");
    out->servers.push_back(std::move(server));
    word.clear();
  }
  if (out->servers.size() > kMaxServers) return reader.fault("servers", "must name 1 to 16 servers");
  return Status::success();
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status read_places(const Reader& reader, Settings* out) {
  out->folder = reader.text("folder", "");
  while (out->folder.size() > 1 && out->folder.ends_with('/')) out->folder.pop_back();
  if (out->folder.empty() || out->folder == "/")
    return reader.fault("folder",
                        "must be a directory: in mode send the outbox of a link, in mode receive the "
                        "inbox of one");
  const std::string base = out->folder.substr(out->folder.rfind('/') + 1);
  if (base == "." || base == "..")
    return reader.fault("folder", "must end with the name of a directory, not with '" + base + "'");
  out->state = reader.text("state", parent_of(out->folder) + "/.paxect_carrier_" + base);
  while (out->state.size() > 1 && out->state.ends_with('/')) out->state.pop_back();
  if (out->state.empty()) return reader.fault("state", "must be a directory");
  if (out->state == out->folder) return reader.fault("state", "must not be the folder");
  out->lock = reader.text("lock", out->state + "/lock");
  if (out->lock.empty()) return reader.fault("lock", "must be a path");
  out->metrics_file = reader.text("metrics_file", "");
  out->log = reader.text("log", "");
  return Status::success();
}

constexpr std::string_view kCredential = "credential:";

// The path of a setting that is a path, or credential:NAME.
Status find_file(const Reader& reader, const char* key, std::string* path) {
  if (!path->starts_with(kCredential)) return Status::success();
  const std::string name = path->substr(kCredential.size());
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (name.empty() || name.find('/') != std::string::npos)
    return reader.fault(key, "must have the name of a credential after credential:");
  if (directory == nullptr)
    return reader.fault(key, "is a credential, and this is not a service with LoadCredential=: use a path");
  *path = std::string(directory) + "/" + name;
  return Status::success();
}

enum class Secrecy { kPublic, kOwnerOnly };

// A file that can be read, and contains `mark`.
Status read_file_setting(const Reader& reader, const char* key, Secrecy secrecy, std::string_view mark,
                         std::string* path) {
  *path = reader.text(key, "");
  if (path->empty()) return Status::success();
  // systemd lets nobody but the user of the service read a credential, where necessary by an ACL, which the
  // mode shows as the rights of the group.
  if (path->starts_with(kCredential)) secrecy = Secrecy::kPublic;
  if (Status status = find_file(reader, key, path); !status.ok()) return status;
  const UniqueFd fd(open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0)
    return reader.fault(key, Status::system("cannot be read from " + *path).message());
  if (!S_ISREG(info.st_mode)) return reader.fault(key, "is " + *path + ", which is not a regular file");
  if (secrecy == Secrecy::kOwnerOnly && (info.st_mode & 0077) != 0)
    return reader.fault(key, "is in " + *path + ", which others can read: chmod 600");
  std::string text(64 * 1024, '\0');
  const ssize_t size = read(fd.get(), text.data(), text.size());
  if (size < 0) return reader.fault(key, Status::system("cannot be read from " + *path).message());
  text.resize(static_cast<std::size_t>(size));
  if (text.find(mark) == std::string::npos)
    return reader.fault(key, "is in " + *path + ", which has no line with '" + std::string(mark) + "'");
  return Status::success();
}

Status read_security(const Reader& reader, Settings* out) {
  const std::string tls = reader.text("tls", out->tls ? "on" : "off");
  if (tls != "on" && tls != "off") return reader.fault("tls", "must be on or off, not '" + tls + "'");
  if (out->tls && tls == "off") return reader.fault("tls", "is off, but servers has tls://");
  out->tls = tls == "on";
  Status status =
      read_file_setting(reader, "credentials", Secrecy::kOwnerOnly, "BEGIN NATS USER JWT", &out->credentials);
  if (status.ok()) status = read_file_setting(reader, "nkey", Secrecy::kOwnerOnly, "SU", &out->nkey);
  if (status.ok()) status = read_file_setting(reader, "tls_ca", Secrecy::kPublic, "BEGIN", &out->tls_ca);
  if (status.ok()) status = read_file_setting(reader, "tls_cert", Secrecy::kPublic, "BEGIN", &out->tls_cert);
  if (status.ok()) status = read_file_setting(reader, "tls_key", Secrecy::kOwnerOnly, "BEGIN", &out->tls_key);
  if (!status.ok()) return status;
  if (!out->credentials.empty() && !out->nkey.empty())
    return reader.fault("nkey", "is set, and credentials is too: one of them must go");
  if (out->tls_cert.empty() != out->tls_key.empty())
    return reader.fault(out->tls_cert.empty() ? "tls_key" : "tls_cert",
                        "needs tls_cert and tls_key together");
  if (!out->tls && (!out->tls_ca.empty() || !out->tls_cert.empty()))
    return reader.fault(out->tls_ca.empty() ? "tls_cert" : "tls_ca", "has no effect without tls = on");
  std::string ignored;
  if (!out->nkey.empty())
    if (const Status seed = read_public_nkey(out->nkey, &ignored); !seed.ok())
      return reader.fault("nkey", "cannot be used: " + seed.message());
  return Status::success();
}

Status read_numbers(const Reader& reader, Settings* out) {
  Status status;
  const bool is_number = reader.text("replicas", "auto") != "auto";
  if (is_number) status = reader.number("replicas", 1, 5, &out->replicas);
  if (status.ok() && is_number && out->replicas % 2 == 0)
    status = reader.fault("replicas", "must be 1, 3 or 5, not '" + std::to_string(out->replicas) + "'");
  constexpr std::int64_t kDay = 86'400'000;
  if (status.ok()) status = reader.number<std::int64_t>("max_stream_mb", 2, 1 << 30, &out->max_stream_mb);
  if (status.ok()) status = reader.number("max_attempts", 1U, 1000U, &out->max_attempts);
  if (status.ok()) status = reader.number<std::int64_t>("ack_wait_ms", 1000, kDay, &out->ack_wait_ms);
  if (status.ok()) status = reader.number<std::int64_t>("scan_ms", 10, kDay, &out->scan_ms);
  if (status.ok()) status = reader.number<std::size_t>("backlog", 1, 1'000'000, &out->backlog);
  return status;
}

}  // namespace

std::string Settings::server_list() const {
  std::string list;
  for (const std::string& server : servers) list += (list.empty() ? "" : ", ") + server;
  return list;
}

Status read_settings(const Host& host, Settings* out) {
  const Reader reader(host);
  if (Status status = check_keys(host, reader); !status.ok()) return status;
  const std::string mode = reader.text("mode", "");
  if (mode != "send" && mode != "receive")
    return reader.fault("mode", "must be send or receive, not '" + mode + "'");
  out->mode = mode == "send" ? Mode::kSend : Mode::kReceive;
  if (Status status = read_places(reader, out); !status.ok()) return status;
  if (Status status = read_servers(reader, out); !status.ok()) return status;
  out->subject = reader.text("subject", "");
  if (out->subject.empty() || out->subject.size() > 64 || !is_plain(out->subject, "-_"))
    return reader.fault("subject", "must be 1 to 64 letters, digits, - and _, not '" + out->subject + "'");
  if (Status status = read_numbers(reader, out); !status.ok()) return status;
  const std::string sandbox = reader.text("sandbox", "auto");
  if (sandbox != "auto" && sandbox != "off" && sandbox != "require")
    return reader.fault("sandbox", "must be auto, off or require, not '" + sandbox + "'");
  out->sandbox = sandbox == "auto"  ? SandboxMode::kAuto
                 : sandbox == "off" ? SandboxMode::kOff
                                    : SandboxMode::kRequire;
  return read_security(reader, out);
}

}  // namespace paxect::carrier
