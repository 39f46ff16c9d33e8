// A host made of plain values, to drive a plugin without threads, signals or a process of its own.
//
// FakeHost fills paxect_host with all services. Settings, clock and stop request are what the test says;
// log lines are collected. The services may be called from any thread; the test changes settings only between
// calls of the plugin. It must outlive every instance that was created with it.
#pragma once

#include <paxect/plugin.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace paxect::test {

class FakeHost {
 public:
  struct LogLine {
    std::int32_t level;  // PAXECT_LOG_*
    std::string message;
  };

  explicit FakeHost(std::string instance_name = "link");
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const paxect_host* get() const { return &host_; }

  // The value of a key, and where it claims to come from.
  void set(const std::string& key, const std::string& value, std::int32_t origin = PAXECT_ORIGIN_FILE);

  // The clock does not run (monotonic 1000 s, realtime 2026-01-02 03:04:05 UTC) until the test moves it, or
  // says that the system's is to be used.
  void use_system_clock() { system_clock_ = true; }
  void advance_ns(std::uint64_t by);
  void set_monotonic_ns(std::uint64_t to) { monotonic_ns_ = to; }
  void set_realtime_ns(std::int64_t to) { realtime_ns_ = to; }
  std::uint64_t monotonic_ns() const;
  std::int64_t realtime_ns() const;

  void request_stop(bool on = true) { stop_requested_ = on; }
  // From when the plugin has looked so often whether to stop.
  void request_stop_after(std::uint64_t looks) { stop_at_look_ = looks_for_stop_ + looks; }
  // How often the plugin looked whether to stop; the same looks are its heartbeat.
  std::uint64_t looks_for_stop() const { return looks_for_stop_; }
  void set_once(bool on = true) { once_ = on; }

  // What was written to standard output since the last call.
  std::string take_output() { return std::exchange(output_, {}); }

  std::vector<LogLine> log() const;
  // Whether some line of at least this level contains the text.
  bool logged(const std::string& text, std::int32_t level = PAXECT_LOG_DEBUG) const;
  void clear_log();

 private:
  struct Setting {
    std::string value;
    std::int32_t origin;
  };
  struct Services;

  paxect_host host_;
  std::string instance_name_;
  std::map<std::string, Setting> settings_;
  std::string description_;
  std::atomic<bool> system_clock_{false};
  std::atomic<std::uint64_t> monotonic_ns_{1'000'000'000'000};
  std::atomic<std::int64_t> realtime_ns_{1'767'323'045'000'000'000};
  std::atomic<bool> stop_requested_{false};
  mutable std::atomic<std::uint64_t> looks_for_stop_{0};
  std::atomic<std::uint64_t> stop_at_look_{UINT64_MAX};
  std::atomic<bool> once_{false};
  std::string output_;
  mutable std::mutex log_mutex_;
  std::vector<LogLine> log_;
};

// The descriptor of a plugin file, asked for with this header's ABI; throws std::runtime_error with the
// dynamic linker's words when it cannot be loaded. The module stays loaded.
const paxect_plugin_descriptor* load_plugin(const std::string& path);

// One instance, driven by hand. Created by the constructor (throws when the plugin refuses); stopped, when it
// was started, and destroyed at the end of the scope.
class PluginDriver {
 public:
  PluginDriver(const paxect_plugin_descriptor* plugin, const FakeHost& host);
  ~PluginDriver();
  PluginDriver(const PluginDriver&) = delete;
  PluginDriver& operator=(const PluginDriver&) = delete;

  paxect_plugin_status init();
  paxect_plugin_status start();
  // One step; what it said is in last().
  paxect_plugin_status step();
  // Steps until it does not say AGAIN, fails, or `limit` steps are done; the status of the last one.
  paxect_plugin_status step_until_idle(int limit = 1000);
  void stop();
  void destroy();

  const paxect_step& last() const { return last_; }
  paxect_plugin_instance* instance() const { return instance_; }
  std::string error() const;

 private:
  const paxect_plugin_descriptor* plugin_;
  paxect_plugin_instance* instance_ = nullptr;
  bool started_ = false;
  paxect_step last_{};
};

}  // namespace paxect::test
