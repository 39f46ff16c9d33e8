// SPDX-License-Identifier: Apache-2.0
//
// paxect/plugin.hpp - plugin.h for plugins in C++: the host's services as a class, and a plugin's functions
// made from a class. Header only, C++17, and no more of the ABI than plugin.h: a plugin in C++ may as well
// use plugin.h alone.
#pragma once

#include <paxect/plugin.h>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::plugin {

// What an exception reports, for the operator; as long as the exception exists. Allocates nothing.
inline const char* exception_text(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ? "out of memory" : error.what();
}

// The host's services, looked up once. A copy refers to the same host. Threads: log(), the clocks,
// stop_requested(), once(), hold_secrets(), sections() and command_line() may be called from any thread, the
// others from the instance thread.
class Host {
 public:
  // Keeps `host`, which exists as long as the instance or the call of a command. Only once complete() has
  // returned true may anything else be called.
  explicit Host(const paxect_host* host)
      : host_(host),
        log_(service<paxect_log_service>(PAXECT_SERVICE_LOG)),
        clock_(service<paxect_clock_service>(PAXECT_SERVICE_CLOCK)),
        run_(service<paxect_run_service>(PAXECT_SERVICE_RUN)),
        config_(service<paxect_config_service>(PAXECT_SERVICE_CONFIG)),
        secrets_(service<paxect_secrets_service>(PAXECT_SERVICE_SECRETS)),
        sandbox_(service<paxect_sandbox_service>(PAXECT_SERVICE_SANDBOX)),
        claims_(service<paxect_claims_service>(PAXECT_SERVICE_CLAIMS)),
        output_(service<paxect_output_service>(PAXECT_SERVICE_OUTPUT)),
        sections_(service<paxect_sections_service>(PAXECT_SERVICE_SECTIONS)) {}

  // Whether the host has the services that every plugin needs.
  bool complete() const {
    return log_ != nullptr && clock_ != nullptr && run_ != nullptr && config_ != nullptr;
  }

  // One line for the operator; `level` is PAXECT_LOG_*.
  void log(std::int32_t level, const std::string& message) const {
    log_->write(host_, level, message.c_str());
  }
  // Of several faults, the host reports the last one, which is returned. Requires: there is one.
  std::string log_all_but_last(const std::vector<std::string>& faults) const {
    for (std::size_t i = 0; i + 1 < faults.size(); ++i) log(PAXECT_LOG_ERROR, faults[i]);
    return faults.back();
  }

  std::uint64_t monotonic_ns() const { return clock_->monotonic_ns(host_); }
  std::int64_t realtime_ns() const { return clock_->realtime_ns(host_); }
  std::int64_t realtime_s() const { return realtime_ns() / 1'000'000'000; }
  bool stop_requested() const { return run_->stop_requested(host_) != 0; }
  bool once() const { return run_->once(host_) != 0; }

  std::string instance_name() const { return text(config_->instance_name(host_)); }
  // The value of a key from the first origin that has it, or NULL; `origin`, if given, receives
  // PAXECT_ORIGIN_*.
  const char* get(const char* key, std::int32_t* origin = nullptr) const {
    return config_->get(host_, key, origin);
  }
  // The index-th key that is set for this instance, or NULL past the last.
  const char* key_at(std::uint32_t index) const { return config_->key_at(host_, index); }
  // Where the value of a key comes from, for messages.
  std::string describe(const char* key) const { return text(config_->describe(host_, key)); }

  // This process has a secret in its memory now. A host that cannot hide it is no reason to fail.
  void hold_secrets() const {
    if (secrets_ != nullptr) secrets_->hold(host_);
  }
  // 0, or an errno: ENOSYS for a host or a system without a sandbox.
  int confine(const std::vector<paxect_access>& paths) const {
    if (sandbox_ == nullptr) return ENOSYS;
    return sandbox_->confine(host_, paths.data(), static_cast<std::uint32_t>(paths.size()));
  }
  // The instance of this process that has claimed the resource; "" when it is this one's now.
  std::string claim(const std::string& resource) const {
    return claims_ == nullptr ? "" : text(claims_->claim(host_, resource.c_str()));
  }

  // Whether a command can write its output: only while one runs.
  bool has_output() const { return output_ != nullptr; }
  // Writes to standard output. False when the bytes cannot be written. Requires has_output().
  bool write(std::string_view bytes) const { return output_->write(host_, bytes.data(), bytes.size()) == 0; }

  // The other sections of the configuration.
  std::vector<std::string> other_sections() const {
    std::vector<std::string> names;
    const std::string own = instance_name();
    const char* name = nullptr;
    for (std::uint32_t i = 0; sections_ != nullptr && (name = sections_->name_at(host_, i)) != nullptr; ++i)
      if (name != own) names.emplace_back(name);
    return names;
  }
  // `paxect` with the options that read the same configuration; empty when the host cannot say.
  std::vector<std::string> command_line() const {
    std::vector<std::string> words;
    const char* const* word = sections_ == nullptr ? nullptr : sections_->command_line(host_);
    for (; word != nullptr && *word != nullptr; ++word) words.emplace_back(*word);
    return words;
  }

 private:
  template <class Service>
  const Service* service(const char* id) const {
    return static_cast<const Service*>(host_->service(host_, id));
  }
  static std::string text(const char* string) { return string == nullptr ? "" : string; }

  const paxect_host* host_;
  const paxect_log_service* log_;
  const paxect_clock_service* clock_;
  const paxect_run_service* run_;
  const paxect_config_service* config_;
  // NULL where the host has none.
  const paxect_secrets_service* secrets_;
  const paxect_sandbox_service* sandbox_;
  const paxect_claims_service* claims_;
  const paxect_output_service* output_;
  const paxect_sections_service* sections_;
};

// The functions of a plugin's descriptor, each of which catches everything. An instance is a Subject, which
// has
//   explicit Subject(const Host&)
//   paxect_plugin_status init(), start(), step(paxect_step*)
//   void stop()
//   const std::string& error() const: "" when nothing failed
// and, for a descriptor whose extension() offers Entry::reload_extension(),
//   paxect_plugin_status reload()
template <class Subject>
class Entry {
 public:
  // `name`, `version` and `summary` as in the descriptor: static. `extension` may be NULL.
  static constexpr paxect_plugin_descriptor descriptor(const char* name, const char* version,
                                                       const char* summary,
                                                       const void* (*extension)(const char* id)) {
    return {PAXECT_PLUGIN_MAGIC,
            PAXECT_PLUGIN_ABI_MAJOR,
            PAXECT_PLUGIN_ABI_MINOR,
            sizeof(paxect_plugin_descriptor),
            0,
            name,
            version,
            summary,
            create,
            init,
            start,
            step,
            stop,
            destroy,
            error,
            extension == nullptr ? no_extension : extension};
  }

  static const paxect_reload_extension* reload_extension() noexcept {
    static constexpr paxect_reload_extension kExtension = {sizeof kExtension, reload};
    return &kExtension;
  }

 private:
  struct Instance {
    explicit Instance(const Host& host) : subject(host) {}
    Subject subject;
    std::string caught;  // what the last exception reported
  };

  static Instance* of(paxect_plugin_instance* instance) { return reinterpret_cast<Instance*>(instance); }

  // An exception becomes INTERNAL with its text kept for error().
  template <class Action>
  static paxect_plugin_status guarded(paxect_plugin_instance* instance, const Action& action) noexcept {
    try {
      try {
        return action(&of(instance)->subject);
      } catch (const std::exception& error) {
        of(instance)->caught = exception_text(error);
      }
    } catch (...) {
    }
    return PAXECT_PLUGIN_INTERNAL;
  }

  static paxect_plugin_status create(const paxect_host* plain, paxect_plugin_instance** out) noexcept {
    try {
      const Host host(plain);
      if (!host.complete()) return PAXECT_PLUGIN_INTERNAL;
      *out = reinterpret_cast<paxect_plugin_instance*>(new Instance(host));
      return PAXECT_PLUGIN_OK;
    } catch (...) {
      return PAXECT_PLUGIN_INTERNAL;
    }
  }
  static paxect_plugin_status init(paxect_plugin_instance* instance) noexcept {
    return guarded(instance, [](Subject* subject) { return subject->init(); });
  }
  static paxect_plugin_status start(paxect_plugin_instance* instance) noexcept {
    return guarded(instance, [](Subject* subject) { return subject->start(); });
  }
  static paxect_plugin_status step(paxect_plugin_instance* instance, paxect_step* result) noexcept {
    return guarded(instance, [result](Subject* subject) { return subject->step(result); });
  }
  static void stop(paxect_plugin_instance* instance) noexcept {
    guarded(instance, [](Subject* subject) -> paxect_plugin_status {
      subject->stop();
      return PAXECT_PLUGIN_OK;
    });
  }
  static paxect_plugin_status reload(paxect_plugin_instance* instance) noexcept {
    return guarded(instance, [](Subject* subject) { return subject->reload(); });
  }
  static void destroy(paxect_plugin_instance* instance) noexcept {
    const std::unique_ptr<Instance> owned(of(instance));
  }
  static const char* error(paxect_plugin_instance* instance) noexcept {
    const Instance& own = *of(instance);
    return own.caught.empty() ? own.subject.error().c_str() : own.caught.c_str();
  }
  static const void* no_extension(const char*) noexcept { return nullptr; }
};

// The function `run` of paxect_commands_extension. Finds argv[0] in `commands`, an array of structures with a
// member `listing`, a paxect_command, and returns call(command, host, words): the words behind the name, a
// std::vector<std::string>. Catches everything and reports it.
template <class Commands, class Action>
paxect_plugin_status run_command(const paxect_host* plain, std::int32_t argc, const char* const* argv,
                                 const Commands& commands, const Action& call) noexcept {
  try {
    const Host host(plain);
    if (!host.complete() || !host.has_output() || argc < 1) return PAXECT_PLUGIN_INTERNAL;
    for (const auto& command : commands) {
      if (std::string_view(command.listing.name) != argv[0]) continue;
      try {
        return call(command, host, std::vector<std::string>(argv + 1, argv + argc));
      } catch (const std::exception& error) {
        host.log(PAXECT_LOG_ERROR, std::string("internal error: ") + exception_text(error));
        return PAXECT_PLUGIN_INTERNAL;
      }
    }
    host.log(PAXECT_LOG_ERROR, std::string("unknown command '") + argv[0] + "'");
    return PAXECT_PLUGIN_USAGE;
  } catch (...) {
    return PAXECT_PLUGIN_INTERNAL;
  }
}

// The function `command_at` of paxect_commands_extension, for the same array.
template <class Commands>
const paxect_command* command_at(const Commands& commands, std::uint32_t index) noexcept {
  return index < std::size(commands) ? &commands[index].listing : nullptr;
}

}  // namespace paxect::plugin
