// What a relay says: events in the audit log, a short form of warnings and errors on the operator's screen,
// and its own problems, each reported once for as long as it stays the same.
//
// Not for two threads at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/host.h"
#include "stages/audit_log.h"

namespace paxect::link {

class Reporter {
 public:
  explicit Reporter(const Host& host) : host_(host) {}

  // Events below `level` (Level as a number) stay off the screen. The audit log records info and above in any
  // case, and debug when the level is debug.
  void set_level(int level) { level_ = level; }

  void log(const Event& event);
  // A problem of the relay's own, such as a full disk; `about` names its kind. "" ends it.
  void report_problem(const std::string& about, const std::string& message);
  // The problems that last, by their kind.
  const std::map<std::string, std::string>& problems() const { return problems_; }

  // Makes every event so far durable; the caller reports a failure.
  Status flush();
  // Called after each flush, with the chain of the last line.
  void on_flushed(std::function<void(const LogHead&)> call) { on_flushed_ = std::move(call); }

  AuditLog& audit() { return audit_; }
  const AuditLog& audit() const { return audit_; }

 private:
  Host host_;
  AuditLog audit_;
  std::function<void(const LogHead&)> on_flushed_ = [](const LogHead&) {};
  int level_ = static_cast<int>(Level::kInfo);
  std::map<std::string, std::string> problems_;
};

}  // namespace paxect::link
