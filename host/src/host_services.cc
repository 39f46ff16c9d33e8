#include "host_services.h"

#include <sys/prctl.h>

#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "confinement.h"
#include "names.h"

namespace paxect::host {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::int64_t realtime_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNanosecondsPerSecond + now.tv_nsec;
}

}  // namespace

// The functions behind the services. Each catches every exception: a plugin in C cannot unwind.
struct HostServices::Thunks {
  static const HostServices& self(const paxect_host* host) {
    return *static_cast<const HostServices*>(host->opaque);
  }

  static void write(const paxect_host* host, std::int32_t level, const char* message) {
    if (message == nullptr) return;
    try {
      self(host).run_.log.write(self(host).settings_.name(), level, message);
    } catch (...) {  // Out of memory: the line is lost, the instance continues.
    }
  }

  static std::uint64_t monotonic_ns(const paxect_host*) { return monotonic_now_ns(); }
  static std::int64_t realtime_ns(const paxect_host*) { return realtime_now_ns(); }

  static std::int32_t stop_requested(const paxect_host* host) {
    self(host).heartbeat_.beat();
    return self(host).run_.stop.requested() ? 1 : 0;
  }
  static std::int32_t once(const paxect_host* host) { return self(host).run_.once ? 1 : 0; }

  static const char* instance_name(const paxect_host* host) { return self(host).settings_.name().c_str(); }

  static const InstanceSettings::Value* find(const paxect_host* host, const char* key) {
    if (key == nullptr) return nullptr;
    try {
      if (is_key(key)) self(host).keys_read_.insert(key);
      return self(host).settings_.find(key);
    } catch (...) {
      return nullptr;
    }
  }
  static const char* get(const paxect_host* host, const char* key, std::int32_t* origin) {
    const InstanceSettings::Value* value = find(host, key);
    if (origin != nullptr) *origin = value == nullptr ? PAXECT_ORIGIN_NONE : value->origin;
    return value == nullptr ? nullptr : value->text.c_str();
  }
  static const char* key_at(const paxect_host* host, std::uint32_t index) {
    const std::vector<std::string>& keys = self(host).settings_.keys();
    return index < keys.size() ? keys[index].c_str() : nullptr;
  }
  static const char* describe(const paxect_host* host, const char* key) {
    const InstanceSettings::Value* value = find(host, key);
    return value == nullptr ? "default" : value->place.c_str();
  }

  static std::int32_t put(const paxect_host* host, const char* data, std::size_t size) {
    try {
      std::ostream& output = *self(host).run_.output;
      return output.write(data, static_cast<std::streamsize>(size)) ? 0 : 1;
    } catch (...) {
      return 1;
    }
  }

  static void hold_secrets(const paxect_host*) {
#if !defined(__SANITIZE_ADDRESS__)  // its leak check traces the process
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  }

  static std::int32_t confine(const paxect_host*, const paxect_access* paths, std::uint32_t count) {
    try {
      std::vector<AllowedPath> allowed;
      for (std::uint32_t i = 0; i < count; ++i)
        allowed.push_back({paths[i].path, (paths[i].rights & PAXECT_ACCESS_READ) != 0,
                           (paths[i].rights & PAXECT_ACCESS_WRITE) != 0,
                           (paths[i].rights & PAXECT_ACCESS_EXECUTE) != 0});
      return confine_thread(allowed);
    } catch (...) {
      return ENOMEM;
    }
  }

  static const char* claim(const paxect_host* host, const char* resource) {
    if (resource == nullptr) return nullptr;
    try {
      const std::string* owner = self(host).run_.claims->claim(resource, self(host).settings_.name());
      return owner == nullptr ? nullptr : owner->c_str();
    } catch (...) {  // Out of memory: the lock that the plugin takes for its work still protects it.
      return nullptr;
    }
  }

  static const char* section_name_at(const paxect_host* host, std::uint32_t index) {
    return self(host).run_.sections->name_at(index);
  }
  static const char* const* section_command_line(const paxect_host* host) {
    return self(host).run_.sections->command_line();
  }

  static const void* service(const paxect_host* host, const char* id) {
    static constexpr paxect_log_service kLog = {sizeof kLog, write};
    static constexpr paxect_clock_service kClock = {sizeof kClock, monotonic_ns, realtime_ns};
    static constexpr paxect_run_service kRun = {sizeof kRun, stop_requested, once};
    static constexpr paxect_config_service kConfig = {sizeof kConfig, instance_name, get, key_at, describe};
    static constexpr paxect_secrets_service kSecrets = {sizeof kSecrets, hold_secrets};
    static constexpr paxect_sandbox_service kSandbox = {sizeof kSandbox, confine};
    if (id == nullptr) return nullptr;
    std::string_view wanted = id;
    if (wanted == PAXECT_SERVICE_LOG) return &kLog;
    if (wanted == PAXECT_SERVICE_CLOCK) return &kClock;
    if (wanted == PAXECT_SERVICE_RUN) return &kRun;
    if (wanted == PAXECT_SERVICE_CONFIG) return &kConfig;
    if (wanted == PAXECT_SERVICE_SECRETS) return &kSecrets;
    if (wanted == PAXECT_SERVICE_SANDBOX) return &kSandbox;
    static constexpr paxect_claims_service kClaims = {sizeof kClaims, claim};
    if (wanted == PAXECT_SERVICE_CLAIMS && self(host).run_.claims != nullptr) return &kClaims;
    static constexpr paxect_output_service kOutput = {sizeof kOutput, put};
    if (wanted == PAXECT_SERVICE_OUTPUT && self(host).run_.output != nullptr) return &kOutput;
    static constexpr paxect_sections_service kSections = {sizeof kSections, section_name_at,
                                                          section_command_line};
    if (wanted == PAXECT_SERVICE_SECTIONS && self(host).run_.sections != nullptr) return &kSections;
    return nullptr;
  }
};

HostServices::HostServices(const RunContext& run, InstanceSettings settings)
    : host_{sizeof(paxect_host), PAXECT_PLUGIN_ABI, this, Thunks::service},
      run_(run),
      settings_(std::move(settings)) {}

}  // namespace paxect::host
