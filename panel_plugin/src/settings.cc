#include "settings.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "unique_fd.h"

namespace paxect::panel {
namespace {

constexpr std::string_view kDefaultListen = "unix:/run/paxect/panel.sock";
constexpr std::array<std::string_view, 9> kKeys = {"listen", "allow_remote", "hosts", "token",  "actions",
                                                   "config", "sections",     "log",   "sandbox"};
constexpr std::size_t kMinToken = 16;
constexpr std::size_t kMaxToken = 512;

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
  Status boolean(const char* key, bool* out) const {
    const std::string value = text(key, "false");
    if (value != "true" && value != "false") return fault(key, "must be true or false, not '" + value + "'");
    *out = value == "true";
    return Status::success();
  }

 private:
  const Host& host_;
};

Status check_keys(const Host& host, const Reader& reader) {
  for (std::uint32_t i = 0; const char* key = host.key_at(i); ++i)
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      return reader.fault(key, "is not a setting of the panel: see man paxect-panel");
  return Status::success();
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

bool is_address(const std::string& text) {
  in6_addr ignored{};
  return inet_pton(AF_INET, text.c_str(), &ignored) == 1 || inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

// ADDRESS:PORT, with brackets around an IPv6 address.
bool split_address(std::string_view text, std::string* address, std::uint16_t* port) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (brackets != (host.find(':') != std::string_view::npos)) return false;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *port);
  *address = host;
  return error == std::errc() && end == digits.data() + digits.size() && is_address(*address);
}

Status read_listen(const Reader& reader, Settings* out) {
  const std::string listen = reader.text("listen", kDefaultListen);
  bool allow_remote = false;
  if (Status status = reader.boolean("allow_remote", &allow_remote); !status.ok()) return status;
  if (listen.starts_with("unix:")) {
    out->socket_path = listen.substr(5);
    if (out->socket_path.empty() || out->socket_path.front() != '/' ||
        out->socket_path.size() >= sizeof(sockaddr_un::sun_path))
      return reader.fault("listen", "must name an absolute path of at most 107 bytes after unix:");
    return Status::success();
  }
  if (!split_address(listen, &out->address, &out->port))
    return reader.fault("listen",
                        "must be unix:PATH or ADDRESS:PORT, such as 127.0.0.1:8484, not '" + listen + "'");
  if (!is_loopback(out->address) && !allow_remote)
    return reader.fault("listen",
                        "is reachable from other machines: use 127.0.0.1, or set allow_remote = "
                        "true and put a proxy with TLS in front");
  return Status::success();
}

// Names separated by commas. False when one has a character that is not allowed.
bool split_names(const std::string& text, std::string_view allowed, std::vector<std::string>* out) {
  std::string name;
  for (const char c : text + ",") {
    if (c == ' ') continue;
    if (c != ',') {
      if (allowed.find(c) == std::string_view::npos) return false;
      name += c;
      continue;
    }
    if (!name.empty()) out->push_back(std::move(name));
    name.clear();
  }
  return true;
}

Status read_sections(const Host& host, const Reader& reader, Settings* out) {
  out->config = reader.text("config", "");
  if (!split_names(reader.text("sections", out->config.empty() ? "" : "link"),
                   "abcdefghijklmnopqrstuvwxyz0123456789_-", &out->sections))
    return reader.fault("sections", "must be names of sections, separated by commas");
  if (!out->config.empty() && out->config.front() != '/')
    return reader.fault("config", "must be an absolute path");
  const std::vector<std::string> others = host.other_sections();
  if (out->config.empty() && out->sections.empty()) out->sections = others;
  for (const std::string& name : out->sections)
    if (out->config.empty() && std::find(others.begin(), others.end(), name) == others.end())
      return reader.fault("sections", "names " + name + ", which the configuration does not have");
  if (out->sections.empty()) return Status::failure("the configuration has no other section to show");
  return Status::success();
}

// The path of file:PATH or credential:NAME.
Status find_token(const Reader& reader, const std::string& setting, std::string* path) {
  if (setting.starts_with("file:/")) {
    *path = setting.substr(5);
    return Status::success();
  }
  if (!setting.starts_with("credential:"))
    return reader.fault("token", "must be file:PATH with an absolute path, or credential:NAME");
  const std::string name = setting.substr(11);
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (name.empty() || name.find('/') != std::string::npos)
    return reader.fault("token", "must have the name of a credential after credential:");
  if (directory == nullptr)
    return reader.fault("token",
                        "is a credential, and this is not a service with LoadCredential=: use file:");
  *path = std::string(directory) + "/" + name;
  return Status::success();
}

Status read_token(const Reader& reader, Settings* out) {
  const std::string setting = reader.text("token", "");
  if (setting.empty()) return Status::success();
  std::string path;
  if (Status status = find_token(reader, setting, &path); !status.ok()) return status;
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0)
    return reader.fault("token", Status::system("cannot be read from " + path).message());
  if (!S_ISREG(info.st_mode) || (info.st_mode & 0077) != 0)
    return reader.fault("token",
                        "is in " + path + ", which must be a file that only its owner can read: chmod 600");
  std::array<char, kMaxToken + 2> buffer{};
  const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
  std::string token(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  if (token.ends_with('\n')) token.pop_back();
  const bool plain =
      token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
      std::string::npos;
  if (token.size() < kMinToken || token.size() > kMaxToken || !plain)
    return reader.fault("token", "in " + path + " must be 16 to 512 letters, digits, - and _ in one line");
  out->token = std::move(token);
  out->token_name = path.substr(path.rfind('/') + 1);
  return Status::success();
}

Status read_sandbox(const Reader& reader, Settings* out) {
  const std::string mode = reader.text("sandbox", "auto");
  if (mode == "require") out->sandbox = SandboxMode::kRequire;
  if (mode == "off") out->sandbox = SandboxMode::kOff;
  return mode == "auto" || mode == "require" || mode == "off"
             ? Status::success()
             : reader.fault("sandbox", "must be auto, require or off, not '" + mode + "'");
}

}  // namespace

Status read_token_again(const Host& host, Settings* out) { return read_token(Reader(host), out); }

Status read_settings(const Host& host, Settings* out) {
  const Reader reader(host);
  out->log = reader.text("log", "paxect_panel_log.jsonl");
  if (Status status = check_keys(host, reader); !status.ok()) return status;
  if (Status status = read_listen(reader, out); !status.ok()) return status;
  if (!split_names(reader.text("hosts", ""), "abcdefghijklmnopqrstuvwxyz0123456789.-", &out->hosts))
    return reader.fault("hosts", "must be names in lower case, without a port, separated by commas");
  if (Status status = read_sections(host, reader, out); !status.ok()) return status;
  if (Status status = read_token(reader, out); !status.ok()) return status;
  if (Status status = reader.boolean("actions", &out->actions); !status.ok()) return status;
  if (Status status = read_sandbox(reader, out); !status.ok()) return status;
  if (out->log.empty()) return reader.fault("log", "must be a path");
  if (out->socket_path.empty() && out->token.empty())
    return reader.fault("token",
                        "is missing: every user of this machine can connect to a port; write token = "
                        "file:PATH, or listen at a Unix socket");
  return Status::success();
}

}  // namespace paxect::panel
