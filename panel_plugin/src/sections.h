// The sections that the page shows, and what each has last reported by its command `status --json`.
//
// One poller for all viewers: it runs one command at a time, not more often than once a second for a section,
// and so rarely that the commands take at most a fiftieth of one processor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "child.h"
#include "events.h"
#include "history.h"
#include "unique_fd.h"

namespace paxect::panel {

class Sections {
 public:
  // `program` is the path of `paxect`, and the options that stand behind the section.
  // Requires: it is not empty.
  Sections(Events* events, Runner* runner, std::vector<std::string> program,
           const std::vector<std::string>& names);
  ~Sections();
  Sections(const Sections&) = delete;
  Sections& operator=(const Sections&) = delete;

  struct Time {
    std::uint64_t monotonic_ns = 0;
    std::int64_t utc_ms = 0;
  };
  void set_time(const Time& now) { now_ = now; }
  // Asks the section that is due; with viewers each is due more often. Returns when it wants to be called
  // again.
  std::uint64_t poll(bool has_viewers, const std::function<void()>& on_report);

  // Whether the plugin of the section offers the command. True while that is not known: the command itself
  // then reports it.
  bool offers(const std::string& section, const std::string& command) const;
  // What `paxect SECTION` prints behind the name of the command, such as "DIR [--json]".
  std::string arguments_of(const std::string& section, const std::string& command) const;
  bool has(const std::string& name) const { return find(name) != nullptr; }
  // The words that run a command of a section.
  std::vector<std::string> command(const std::string& section, const std::vector<std::string>& words) const;
  // All reports as one JSON array.
  std::string json() const;
  std::string history_json(const std::string& name) const;
  // The names of the sections that report a state other than running, or that do not answer.
  std::vector<std::string> unhealthy() const;
  // A member of the last report, if it is a string; "" otherwise.
  std::string text_in(const std::string& name, const char* member) const;
  std::int64_t number_in(const std::string& name, const char* member) const;
  // The sections that the page shows, in the order of the configuration.
  std::vector<std::string> names() const;

 private:
  struct Section {
    std::string name{};
    std::string report{};  // JSON, "" before the first
    std::string state{};   // the member `state`
    std::string error{};   // why the last command gave no report
    bool silent = false;   // it offers no such command
    bool is_listed = false;
    std::map<std::string, std::string> commands{};  // that its plugin offers, and their arguments
    bool asked = false;
    std::int64_t since_ms = 0;     // since when the state, or the error, is what it is
    bool since_start = true;       // no change was seen: it may be older
    std::int64_t reported_ms = 0;  // when `report` was made
    std::uint64_t begun_ns = 0;
    std::uint64_t due_ns = 0;       // with viewers
    std::uint64_t idle_due_ns = 0;  // without
    std::int64_t pid = 0;           // of the process that it reports; its end is an event
    UniqueFd process{};
    Events::Id ended = 0;
    History history{};
  };

  const Section* find(const std::string& name) const;
  void ask(Section* section, const std::function<void()>& on_report);
  void take_commands(Section* section, const CommandEnd& end);
  void take_report(Section* section, const CommandEnd& end);
  // Asks again at once when the process ends. Until then a report may be as old as the pause between two.
  void watch(Section* section, std::int64_t pid);
  void unwatch(Section* section);
  void note_change(Section* section) const;
  void set_error(Section* section, std::string error) const;
  void rest(Section* section, const CommandEnd& end, std::uint64_t interval) const;

  Events* events_;
  Runner* runner_;
  std::vector<std::string> program_;
  std::vector<Section> sections_;
  Time now_{};
  bool running_ = false;
};

}  // namespace paxect::panel
