#include "panel.h"

#include <poll.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace paxect::panel {
namespace {

// The longest time between two events: a page that gets none knows that the connection is dead.
constexpr std::uint64_t kTick = 4 * kSecond;
constexpr std::uint64_t kListenerInterval = 5 * kSecond;

std::string folder_of(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

}  // namespace

paxect_plugin_status Panel::fail(const std::string& message) {
  error_ = message;
  return PAXECT_PLUGIN_CONFIG;
}

paxect_plugin_status Panel::init() {
  if (sodium_init() < 0) return fail("libsodium cannot be used: the system has no random numbers");
  if (const Status status = read_settings(host_, &settings_); !status.ok()) return fail(status.message());
  program_ = host_.command_line();
  if (program_.empty()) return fail("the path of paxect is not known: is /proc mounted?");
  if (!settings_.config.empty()) program_ = {program_.front(), "--config", settings_.config};
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status Panel::start() {
  if (host_.once()) return PAXECT_PLUGIN_OK;
  if (!settings_.token.empty()) host_.hold_secrets();
  Status status = events_.open();
  if (status.ok() && settings_.actions) status = log_.open(settings_.log);
  if (status.ok()) status = open_listener(settings_, &listener_);
  if (!status.ok()) return fail(status.message());
  if (status = confine(); !status.ok()) return fail(status.message());

  access_ = std::make_unique<Access>(settings_);
  runner_ = std::make_unique<Runner>(&events_);
  sections_ = std::make_unique<Sections>(&events_, runner_.get(), program_, settings_.sections);
  server_ = std::make_unique<Server>(&events_, [this](const Request& request, const Client& client) {
    return site_->answer(request, client);
  });
  site_ = std::make_unique<Site>(Site::Parts{.host = host_,
                                             .settings = settings_,
                                             .access = *access_,
                                             .sections = *sections_,
                                             .runner = *runner_,
                                             .log = log_,
                                             .server = server_.get()});
  server_->listen(std::move(listener_.socket));
  host_.log(PAXECT_LOG_INFO, "the page is at " + listener_.where);
  return PAXECT_PLUGIN_OK;
}

// The panel reads what the commands of the other sections read, and starts `paxect` and nothing else. It
// writes only with actions: which directories they are about is known to their sections alone, so that the
// unit's ReadWritePaths= are what limits it then.
Status Panel::confine() const {
  if (settings_.sandbox == SandboxMode::kOff) return Status::success();
  constexpr std::uint32_t kRead = PAXECT_ACCESS_READ;
  constexpr std::uint32_t kChange = PAXECT_ACCESS_READ | PAXECT_ACCESS_WRITE;
  constexpr std::uint32_t kRun = PAXECT_ACCESS_READ | PAXECT_ACCESS_EXECUTE;
  const std::string& program = program_.front();
  const std::string folder = folder_of(settings_.socket_path);
  std::vector<paxect_access> paths = {
      {"/", settings_.actions ? kChange : kRead, 0},
      {program.c_str(), kRun, 0},
      // The dynamic linker is one of these, and counts as executed.
      {"/lib", kRun, 0},
      {"/lib64", kRun, 0},
      {"/usr/lib", kRun, 0},
  };
  if (!settings_.socket_path.empty()) paths.push_back({folder.c_str(), kChange, 0});
  const int error = host_.confine(paths);
  if (error == 0) return Status::success();
  if (settings_.sandbox == SandboxMode::kRequire)
    return Status::system("sandbox = require, but there is none", error);
  host_.log(PAXECT_LOG_INFO, "this system has no sandbox");
  return Status::success();
}

paxect_plugin_status Panel::reload() {
  const std::string before = settings_.token;
  if (const Status status = read_token_again(host_, &settings_); !status.ok()) return fail(status.message());
  if (access_ && settings_.token != before) {
    access_->end_sessions();
    server_->end_streams();
  }
  if (access_ && settings_.actions)
    if (const Status status = log_.open(settings_.log); !status.ok()) return fail(status.message());
  return PAXECT_PLUGIN_OK;
}

void Panel::set_time() {
  now_ns_ = host_.monotonic_ns();
  server_->set_time(now_ns_);
  runner_->set_time(now_ns_);
  sections_->set_time({.monotonic_ns = now_ns_, .utc_ms = host_.realtime_ns() / 1'000'000});
}

paxect_plugin_status Panel::step(paxect_step* result) {
  if (host_.once()) {
    result->state = PAXECT_STEP_DONE;
    return PAXECT_PLUGIN_OK;
  }
  set_time();
  events_.dispatch();
  std::uint64_t wake = std::min(server_->expire(), runner_->expire());
  wake = std::min(
      wake, sections_->poll(server_->streams() > 0 || site_->is_followed(), [this] { has_news_ = true; }));
  wake = std::min({wake, tell_viewers(), runner_->expire(), tend_listener()});
  watch_ = {.fd = events_.fd(), .events = POLLIN, .reserved = 0};
  result->state = PAXECT_STEP_WAIT;
  result->wake_at_ns = wake;
  result->watches = &watch_;
  result->watch_count = 1;
  return PAXECT_PLUGIN_OK;
}

// Makes a Unix socket again whose file is gone: without it nobody can connect. The sandbox of the host does
// not allow that.
std::uint64_t Panel::tend_listener() {
  if (listener_.path.empty()) return std::numeric_limits<std::uint64_t>::max();
  if (now_ns_ < listener_due_ns_) return listener_due_ns_;
  listener_due_ns_ = now_ns_ + kListenerInterval;
  if (is_reachable(listener_)) return listener_due_ns_;
  Listener again;
  const Status status = open_listener(settings_, &again);
  if (status.ok()) {
    server_->listen(std::move(again.socket));
    host_.log(PAXECT_LOG_WARN,
              "the file of the socket was removed: the page is at " + again.where + " again");
    listener_ = std::move(again);
  } else if (status.message() != listener_problem_) {
    host_.log(PAXECT_LOG_ERROR, "nobody can connect: the file of the socket was removed, and " +
                                    status.message() + ": restart the panel");
  }
  listener_problem_ = status.message();
  return listener_due_ns_;
}

std::uint64_t Panel::tell_viewers() {
  if (server_->streams() == 0) return std::numeric_limits<std::uint64_t>::max();
  if (has_news_ || told_ns_ + kTick <= now_ns_) {
    server_->broadcast(site_->state_event());
    has_news_ = false;
    told_ns_ = now_ns_;
  }
  return told_ns_ + kTick;
}

void Panel::stop() {
  if (runner_) runner_->close();
  if (server_) server_->close();
  remove_socket(listener_);
  listener_ = {};
}

}  // namespace paxect::panel
