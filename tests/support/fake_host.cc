#include "support/fake_host.h"

#include <dlfcn.h>

#include <chrono>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace paxect::test {

struct FakeHost::Services {
  static FakeHost& self(const paxect_host* host) { return *static_cast<FakeHost*>(host->opaque); }

  static void write(const paxect_host* host, std::int32_t level, const char* message) {
    FakeHost& fake = self(host);
    std::lock_guard lock(fake.log_mutex_);
    try {
      fake.log_.push_back({level, message});
    } catch (const std::bad_alloc&) {
      // As a host does: no exception leaves a service.
    }
  }
  static std::uint64_t monotonic_ns(const paxect_host* host) { return self(host).monotonic_ns(); }
  static std::int64_t realtime_ns(const paxect_host* host) { return self(host).realtime_ns(); }
  static std::int32_t stop_requested(const paxect_host* host) {
    if (++self(host).looks_for_stop_ > self(host).stop_at_look_) self(host).stop_requested_ = true;
    return self(host).stop_requested_ ? 1 : 0;
  }
  static std::int32_t once(const paxect_host* host) { return self(host).once_ ? 1 : 0; }

  static const char* instance_name(const paxect_host* host) { return self(host).instance_name_.c_str(); }
  static const char* value(const paxect_host* host, const char* key, std::int32_t* origin) {
    const auto& settings = self(host).settings_;
    auto found = settings.find(key);
    if (origin != nullptr) *origin = found == settings.end() ? PAXECT_ORIGIN_NONE : found->second.origin;
    return found == settings.end() ? nullptr : found->second.value.c_str();
  }
  // As in the host, a key that only the environment gives is not listed.
  static const char* key_at(const paxect_host* host, std::uint32_t index) {
    for (const auto& [key, setting] : self(host).settings_)
      if (setting.origin != PAXECT_ORIGIN_ENVIRONMENT && index-- == 0) return key.c_str();
    return nullptr;
  }
  static const char* describe(const paxect_host* host, const char* key) {
    FakeHost& fake = self(host);
    auto found = fake.settings_.find(key);
    std::int32_t origin = found == fake.settings_.end() ? PAXECT_ORIGIN_NONE : found->second.origin;
    fake.description_ = origin == PAXECT_ORIGIN_NONE          ? "default"
                        : origin == PAXECT_ORIGIN_FILE        ? "fake.conf:" + std::string(key)
                        : origin == PAXECT_ORIGIN_ENVIRONMENT ? "environment " + std::string(key)
                                                              : "--set " + std::string(key);
    return fake.description_.c_str();
  }

  static std::int32_t put(const paxect_host* host, const char* data, std::size_t size) {
    self(host).output_.append(data, size);
    return 0;
  }

  static const void* service(const paxect_host*, const char* id) {
    static constexpr paxect_log_service kLog = {sizeof kLog, write};
    static constexpr paxect_clock_service kClock = {sizeof kClock, monotonic_ns, realtime_ns};
    static constexpr paxect_run_service kRun = {sizeof kRun, stop_requested, once};
    static constexpr paxect_config_service kConfig = {sizeof kConfig, instance_name, value, key_at, describe};
    std::string_view wanted = id;
    if (wanted == PAXECT_SERVICE_LOG) return &kLog;
    if (wanted == PAXECT_SERVICE_CLOCK) return &kClock;
    if (wanted == PAXECT_SERVICE_RUN) return &kRun;
    if (wanted == PAXECT_SERVICE_CONFIG) return &kConfig;
    static constexpr paxect_output_service kOutput = {sizeof kOutput, put};
    if (wanted == PAXECT_SERVICE_OUTPUT) return &kOutput;
    return nullptr;
  }
};

FakeHost::FakeHost(std::string instance_name)
    : host_{sizeof(paxect_host), PAXECT_PLUGIN_ABI, this, Services::service},
      instance_name_(std::move(instance_name)) {}

void FakeHost::set(const std::string& key, const std::string& value, std::int32_t origin) {
  settings_[key] = {value, origin};
}

void FakeHost::advance_ns(std::uint64_t by) {
  monotonic_ns_ += by;
  realtime_ns_ += static_cast<std::int64_t>(by);
}

std::uint64_t FakeHost::monotonic_ns() const {
  using std::chrono::nanoseconds;
  if (!system_clock_) return monotonic_ns_;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

std::int64_t FakeHost::realtime_ns() const {
  using std::chrono::nanoseconds;
  if (!system_clock_) return realtime_ns_;
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<FakeHost::LogLine> FakeHost::log() const {
  std::lock_guard lock(log_mutex_);
  return log_;
}

bool FakeHost::logged(const std::string& text, std::int32_t level) const {
  for (const LogLine& line : log())
    if (line.level >= level && line.message.find(text) != std::string::npos) return true;
  return false;
}

void FakeHost::clear_log() {
  std::lock_guard lock(log_mutex_);
  log_.clear();
}

const paxect_plugin_descriptor* load_plugin(const std::string& path) {
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw std::runtime_error(dlerror());
  auto query = reinterpret_cast<paxect_plugin_query_function>(dlsym(module, PAXECT_PLUGIN_QUERY_SYMBOL));
  if (query == nullptr) throw std::runtime_error(dlerror());
  const paxect_plugin_descriptor* descriptor = query(PAXECT_PLUGIN_ABI);
  if (descriptor == nullptr) throw std::runtime_error(path + ": no descriptor for this ABI");
  return descriptor;
}

PluginDriver::PluginDriver(const paxect_plugin_descriptor* plugin, const FakeHost& host) : plugin_(plugin) {
  paxect_plugin_status status = plugin_->create(host.get(), &instance_);
  if (status != PAXECT_PLUGIN_OK)
    throw std::runtime_error(std::string(plugin_->name) + ": create: status " + std::to_string(status));
}

PluginDriver::~PluginDriver() {
  stop();
  destroy();
}

paxect_plugin_status PluginDriver::init() { return plugin_->init(instance_); }

paxect_plugin_status PluginDriver::start() {
  started_ = true;
  return plugin_->start(instance_);
}

paxect_plugin_status PluginDriver::step() {
  last_ = {};
  last_.struct_size = sizeof last_;
  return plugin_->step(instance_, &last_);
}

paxect_plugin_status PluginDriver::step_until_idle(int limit) {
  paxect_plugin_status status = PAXECT_PLUGIN_OK;
  for (int i = 0; i < limit; ++i) {
    status = step();
    if (status != PAXECT_PLUGIN_OK || last_.state != PAXECT_STEP_AGAIN) break;
  }
  return status;
}

void PluginDriver::stop() {
  if (started_) plugin_->stop(instance_);
  started_ = false;
}

void PluginDriver::destroy() {
  if (instance_ != nullptr) plugin_->destroy(instance_);
  instance_ = nullptr;
}

std::string PluginDriver::error() const { return plugin_->error(instance_); }

}  // namespace paxect::test
