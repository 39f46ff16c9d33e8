// Results as JSON: one object on one line, for programs to read.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <iosfwd>
#include <string>

#include "command.h"
#include "paxect/core.h"

namespace paxect::tool {

// An object that is written to a stream as it grows; complete, with its line end, at the end of the scope.
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

  // The members that all commands have in common.
  void add_container(const paxect_container_info& info);
  void add_outcome(const Outcome& outcome);  // "exit_status", and "error" when it is one

 private:
  void flush_if_large();

  std::ostream& out_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

// What a summary is about.
struct Job {
  const char* command;
  std::string input;
  std::string output;  // "": none
};
// stdout, or stderr when the job's data goes to stdout.
std::ostream& summary_stream(const Job& job);
void begin_summary(JsonLine& line, const Job& job, double seconds, const Outcome& outcome);
// The summary of a whole container; `info` counts when there was no error.
void print_summary(const Job& job, double seconds, const Outcome& outcome, const paxect_container_info& info);

paxect_container_info new_info();
// The container's size in parts of its data's; 0 for no data.
double ratio(const paxect_container_info& info);
std::string hex(const std::uint8_t* bytes, std::size_t size);
std::string hex(std::uint32_t value);

}  // namespace paxect::tool
