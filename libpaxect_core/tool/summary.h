// Results as JSON for other programs: one object on one line.
#pragma once

#include <checked_json.h>

#include <cstdint>
#include <iosfwd>
#include <string>

#include "command.h"
#include "paxect/core.h"

namespace paxect::tool {

// An object that is streamed as it grows. The destructor completes it and ends the line.
class JsonLine {
 public:
  explicit JsonLine(std::ostream& out);
  ~JsonLine();
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;

  // Written as json_string gives it, since file names may hold any bytes.
  void add(const char* key, const std::string& value);
  void add(const char* key, const char* value) { add(key, std::string(value)); }
  void add(const char* key, std::uint64_t value);
  void add(const char* key, int value);
  void add(const char* key, bool value);
  void add(const char* key, double value);
  void add_null(const char* key);

  void begin_object(const char* key = nullptr);
  void end_object();
  void begin_array(const char* key);
  void end_array();

  // Members that all commands share.
  void add_container(const paxect_container_info& info);
  void add_outcome(const Outcome& outcome);  // "exit_status", and "error" on failure

 private:
  void flush_if_large();

  std::ostream& out_;
  json::StringBuffer buffer_;
  json::Writer writer_;
};

// The job that a summary describes.
struct Job {
  const char* command;
  std::string input;
  std::string output;  // "": none
};
// A failure when `output`, a file that a command writes beside its summary, would replace the file that the
// summary is printed to. Before the job.
Outcome check_summary(const std::string& output, const Talk& talk);
// stdout; stderr when the data of the job goes to the same place as stdout.
std::ostream& summary_stream(const Job& job);
void begin_summary(JsonLine& line, const Job& job, double seconds, const Outcome& outcome);
// The summary of a whole container. `info` is used after success only.
void print_summary(const Job& job, double seconds, const Outcome& outcome, const paxect_container_info& info);

paxect_container_info new_info();
// The size of the container divided by that of its data; 0 without data.
double ratio(const paxect_container_info& info);
std::string hex(const std::uint8_t* bytes, std::size_t size);
std::string hex(std::uint32_t value);

}  // namespace paxect::tool
