// A plugin that writes down which calls it gets, and in each of them does what its settings say.
//
//   journal     file to append a line "INSTANCE CALL" to at each call
//   at_CALL     what to do in create, init, start, reload, stop, destroy; see act()
//   script      what to do in step: actions separated by blanks, one per call; the last one repeats
//   watch       a FIFO, which the action `watch` waits for and reads
//   report      keys, separated by blanks, whose value, origin and place init writes to the journal
//
// It offers commands (see command()) and reload, except for the module `plain`, which has no extensions, and
// `bad_extension`, whose structures are too small. The module `gated` opens the FIFO named by the variable
// TEST_GATE while it is loaded, and blocks until the writer closes it.
#include <fcntl.h>
#include <paxect/plugin.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

#if defined(WITH_GATE)
[[gnu::constructor]] void wait_at_gate() {
  const char* path = getenv("TEST_GATE");
  int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  char byte;
  while (fd >= 0 && read(fd, &byte, 1) > 0) {
  }
  close(fd);
}
#endif

// One more than the host accepts.
constexpr std::size_t kTooManyWatches = PAXECT_PLUGIN_WATCHES_MAX + 1;

template <typename Service>
const Service* service(const paxect_host* host, const char* id) {
  return static_cast<const Service*>(host->service(host, id));
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

}  // namespace

struct paxect_plugin_instance {
  explicit paxect_plugin_instance(const paxect_host* given)
      : host(given),
        config(service<paxect_config_service>(host, PAXECT_SERVICE_CONFIG)),
        clock(service<paxect_clock_service>(host, PAXECT_SERVICE_CLOCK)),
        log(service<paxect_log_service>(host, PAXECT_SERVICE_LOG)),
        run(service<paxect_run_service>(host, PAXECT_SERVICE_RUN)),
        watches(kTooManyWatches, paxect_watch{-1, 0, 0}) {}

  std::string get(const std::string& key) const {
    const char* value = config->get(host, key.c_str(), nullptr);
    return value == nullptr ? "" : value;
  }

  void journal(const std::string& text) const {
    std::string path = get("journal");
    if (path.empty()) return;
    std::string line = std::string(config->instance_name(host)) + " " + text + "\n";
    int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line.data(), line.size()) < 0) throw std::runtime_error("journal: cannot write");
    close(fd);
  }

  // "fail:STATUS", "claim:RESOURCE", "throw", "throw_int", "hang", "long:MS", "log:TEXT", "device",
  // "device_thread"; anything else does nothing.
  paxect_plugin_status act(const std::string& call, const std::string& action) {
    if (action.starts_with("fail:")) {
      error_text = call + " was told to fail";
      return std::stoi(action.substr(5));
    }
    if (action.starts_with("claim:")) return claim(action.substr(6));
    if (action.starts_with("log:")) log->write(host, PAXECT_LOG_WARN, action.substr(4).c_str());
    if (action == "throw") throw std::runtime_error(call + " was told to throw");
    if (action == "throw_int") throw 7;
    if (action.starts_with("long:")) work_for(std::stoull(action.substr(5)));
    while (action == "hang") pause();
    if (action == "device") sleep_uninterruptibly();
    if (action == "device_thread") std::thread(sleep_uninterruptibly).join();
    return PAXECT_PLUGIN_OK;
  }

  paxect_plugin_status claim(const std::string& resource) {
    auto* claims = service<paxect_claims_service>(host, PAXECT_SERVICE_CLAIMS);
    const char* owner = claims->claim(host, resource.c_str());
    if (owner == nullptr) return PAXECT_PLUGIN_OK;
    error_text = resource + " is claimed by " + owner;
    return PAXECT_PLUGIN_CONFIG;
  }

  paxect_plugin_status called(const std::string& call) {
    journal(call);
    return act(call, get("at_" + call));
  }

  void report() const {
    for (const std::string& key : words(get("report"))) {
      std::int32_t origin = -1;
      const char* value = config->get(host, key.c_str(), &origin);
      journal(key + "=" + (value == nullptr ? "(null)" : value) + " " + std::to_string(origin) + " " +
              config->describe(host, key.c_str()));
    }
    if (get("report").empty()) return;
    std::string keys = "keys";
    for (std::uint32_t i = 0; const char* key = config->key_at(host, i); ++i) keys += " " + std::string(key);
    journal(keys);
  }

  paxect_plugin_status step(paxect_step* result) {
    std::vector<std::string> script = words(get("script"));
    std::string action = script.empty() ? "wait" : script[std::min(steps, script.size() - 1)];
    ++steps;
    journal("step " + action);
    result->state = PAXECT_STEP_AGAIN;
    result->wake_at_ns = UINT64_MAX;
    result->watches = watches.data();
    if (action == "wait") result->state = PAXECT_STEP_WAIT;
    if (action.starts_with("wait:")) {
      result->state = PAXECT_STEP_WAIT;
      result->wake_at_ns = clock->monotonic_ns(host) + std::stoull(action.substr(5)) * 1'000'000;
    }
    if (action == "watch") watch(result);
    if (action == "spin" && run->stop_requested(host) == 0) usleep(1000);
    if (action == "closed") wait_on_closed(result);
    if (action == "many" || action == "null_watches") {
      result->state = PAXECT_STEP_WAIT;
      result->watch_count = action == "many" ? kTooManyWatches : 1;
      if (action == "null_watches") result->watches = nullptr;
    }
    if (action == "done" || action == "incomplete" || action == "odd_outcome")
      result->state = PAXECT_STEP_DONE;
    if (action == "incomplete") result->outcome = PAXECT_PLUGIN_INCOMPLETE;
    if (action == "odd_outcome") result->outcome = PAXECT_PLUGIN_BUSY;
    if (action == "odd_state") result->state = 9;
    if (action == "once?") result->state = run->once(host) != 0 ? PAXECT_STEP_DONE : PAXECT_STEP_WAIT;
    return act("step", action);
  }

  // Stays in this action until there is something to read.
  void watch(paxect_step* result) {
    if (fifo < 0) fifo = open(get("watch").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    char bytes[64];
    ssize_t got = read(fifo, bytes, sizeof bytes);
    if (got > 0) return journal("read " + std::string(bytes, static_cast<std::size_t>(got)));
    journal("nothing to read");
    --steps;
    watches[0] = {fifo, POLLIN, 0};
    result->state = PAXECT_STEP_WAIT;
    result->watch_count = 1;
  }

  // One long call that asks now and then whether a stop is requested, as it should, and does not heed it.
  void work_for(unsigned long long milliseconds) const {
    std::uint64_t end = clock->monotonic_ns(host) + milliseconds * 1'000'000;
    while (clock->monotonic_ns(host) < end && run->stop_requested(host) >= 0) usleep(1000);
  }

  // The kernel holds the thread that calls vfork until the child ends, here with this process.
  static void sleep_uninterruptibly() {
    if (vfork() != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }

  void wait_on_closed(paxect_step* result) {
    watches[0] = {1 << 20, POLLIN, 0};
    result->state = PAXECT_STEP_WAIT;
    result->watch_count = 1;
  }

  const paxect_host* host;
  const paxect_config_service* config;
  const paxect_clock_service* clock;
  const paxect_log_service* log;
  const paxect_run_service* run;
  std::vector<paxect_watch> watches;
  std::string error_text;
  std::size_t steps = 0;
  int fifo = -1;
};

namespace {

paxect_plugin_status create(const paxect_host* host, paxect_plugin_instance** out) {
  auto* instance = new paxect_plugin_instance(host);
  try {
    paxect_plugin_status status = instance->called("create");
    if (status == PAXECT_PLUGIN_OK && instance->get("at_create") != "nothing")
      *out = instance;
    else
      delete instance;
    return status;
  } catch (...) {
    delete instance;
    throw;
  }
}

paxect_plugin_status init(paxect_plugin_instance* instance) {
  instance->report();
  return instance->called("init");
}

paxect_plugin_status start(paxect_plugin_instance* instance) { return instance->called("start"); }
paxect_plugin_status step(paxect_plugin_instance* instance, paxect_step* result) {
  return instance->step(result);
}
void stop(paxect_plugin_instance* instance) { instance->called("stop"); }

void destroy(paxect_plugin_instance* instance) {
  if (instance == nullptr) return;
  std::string action = instance->get("at_destroy");
  instance->journal("destroy");
  if (instance->fifo >= 0) close(instance->fifo);
  delete instance;
  if (action == "throw") throw std::runtime_error("destroy was told to throw");
}

const char* error(paxect_plugin_instance* instance) {
  if (instance->get("at_error") == "throw") throw std::runtime_error("error was told to throw");
  return instance->get("at_error") == "null" ? nullptr : instance->error_text.c_str();
}

#if !defined(WITHOUT_EXTENSIONS)
paxect_plugin_status reload(paxect_plugin_instance* instance) { return instance->called("reload"); }

const paxect_command* command_at(std::uint32_t index) {
  static constexpr paxect_command kCommands[] = {
      {sizeof(paxect_command), "say", "[WORD]...", "print each word"},
      {sizeof(paxect_command), "get", "KEY", "print a setting"},
      {sizeof(paxect_command), "half", "", "print a word and find that not all is as it should be"},
      {sizeof(paxect_command), "end", "STATUS|throw", "end like this"},
  };
  return index < std::size(kCommands) ? &kCommands[index] : nullptr;
}

paxect_plugin_status command(const paxect_host* host, std::int32_t argc, const char* const* argv) {
  std::string name = argv[0];
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (argv[argc] != nullptr) return PAXECT_PLUGIN_INTERNAL;
  auto* output = service<paxect_output_service>(host, PAXECT_SERVICE_OUTPUT);
  auto* config = service<paxect_config_service>(host, PAXECT_SERVICE_CONFIG);
  std::string text;
  for (const std::string& word : arguments) text += "<" + word + ">\n";
  if (name == "get") text = config->get(host, arguments.at(0).c_str(), nullptr);
  if (name == "end" && arguments.at(0) == "throw") throw std::runtime_error("told to throw");
  if (name == "end") return std::stoi(arguments.at(0));
  if (name == "half") text = "word\n";
  if (output->write(host, text.data(), text.size()) != 0) return PAXECT_PLUGIN_INTERNAL;
  return name == "half" ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

const void* extension(const char* id) {
#if defined(BAD_EXTENSION)
  constexpr std::size_t kMissing = 1;
#else
  constexpr std::size_t kMissing = 0;
#endif
  static constexpr paxect_commands_extension kCommands = {sizeof kCommands - kMissing, command_at, command};
  static constexpr paxect_reload_extension kReload = {sizeof kReload - kMissing, reload};
  if (std::string(id) == PAXECT_EXTENSION_COMMANDS) return &kCommands;
  if (std::string(id) == PAXECT_EXTENSION_RELOAD) return &kReload;
  return nullptr;
}
#else
const void* extension(const char*) { return nullptr; }
#endif

constexpr paxect_plugin_descriptor kDescriptor = {
    PAXECT_PLUGIN_MAGIC,
    PAXECT_PLUGIN_ABI_MAJOR,
    PAXECT_PLUGIN_ABI_MINOR,
    sizeof(paxect_plugin_descriptor),
    0,
    NAME,
    "1.2.3",
    "writes down which calls it gets",
    create,
    init,
    start,
    step,
    stop,
    destroy,
    error,
    extension,
};

}  // namespace

const paxect_plugin_descriptor* paxect_plugin_query(uint32_t) { return &kDescriptor; }
