#include "summary.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <optional>

#include "output_target.h"
#include "printable.h"

namespace paxect::tool {
namespace {

constexpr std::size_t kLarge = std::size_t{64} << 10;

}  // namespace

JsonLine::JsonLine(std::ostream& out) : out_(out), writer_(buffer_) { writer_.StartObject(); }

JsonLine::~JsonLine() {
  writer_.EndObject();
  out_.write(buffer_.GetString(), static_cast<std::streamsize>(buffer_.GetSize()));
  out_ << std::endl;
}

void JsonLine::flush_if_large() {
  if (buffer_.GetSize() < kLarge) return;
  out_.write(buffer_.GetString(), static_cast<std::streamsize>(buffer_.GetSize()));
  buffer_.Clear();
}

void JsonLine::add(const char* key, const std::string& value) {
  std::string text = json_string(value);
  writer_.Key(key);
  writer_.RawValue(text.data(), text.size(), rapidjson::kStringType);
}
void JsonLine::add(const char* key, std::uint64_t value) {
  writer_.Key(key);
  writer_.Uint64(value);
}
void JsonLine::add(const char* key, int value) {
  writer_.Key(key);
  writer_.Int(value);
}
void JsonLine::add(const char* key, bool value) {
  writer_.Key(key);
  writer_.Bool(value);
}
void JsonLine::add(const char* key, double value) {
  writer_.Key(key);
  writer_.Double(value);
}

void JsonLine::add_null(const char* key) {
  writer_.Key(key);
  writer_.Null();
}

void JsonLine::begin_object(const char* key) {
  if (key != nullptr) writer_.Key(key);
  writer_.StartObject();
}
void JsonLine::end_object() {
  writer_.EndObject();
  flush_if_large();
}
void JsonLine::begin_array(const char* key) {
  writer_.Key(key);
  writer_.StartArray();
}
void JsonLine::end_array() { writer_.EndArray(); }

void JsonLine::add_container(const paxect_container_info& info) {
  add("container_size", info.container_size);
  add("total_size", info.total_size);
  add("total_frames", info.total_frames);
  add("ratio", ratio(info));
  add("sha256", hex(info.sha256, sizeof info.sha256));
}

void JsonLine::add_outcome(const Outcome& outcome) {
  add("exit_status", paxect_status_exit_code(outcome.status));
  if (outcome.status == PAXECT_OK) return;
  begin_object("error");
  add("name", paxect_status_name(outcome.status));
  add("message", outcome.message);
  add("byte", outcome.offset);
  add("frame", outcome.frame);
  end_object();
}

Outcome check_summary(const std::string& output, const Talk& talk) {
  core::OutputTarget target;
  std::optional<core::FileIdentity> out = core::FileIdentity::of(STDOUT_FILENO);
  if (!talk.json || !out || !target.find(output).ok() || target.kind() != core::OutputTarget::Kind::kRegular)
    return {};
  if (!target.identity().overlaps(*out)) return {};
  return {PAXECT_ERROR_SAME_FILE,
          output + ": is standard output, which the summary is printed to: give the output another name"};
}

std::ostream& summary_stream(const Job& job) {
  core::OutputTarget target;
  std::optional<core::FileIdentity> out = core::FileIdentity::of(STDOUT_FILENO);
  bool shared = !job.output.empty() && target.find(job.output).ok() && out && !target.is_new_file() &&
                (target.descriptor() == STDOUT_FILENO || target.identity().mixes_with(*out));
  return shared ? std::cerr : std::cout;
}

void begin_summary(JsonLine& line, const Job& job, double seconds, const Outcome& outcome) {
  line.add("command", job.command);
  line.add("input", job.input);
  if (!job.output.empty()) line.add("output", job.output);
  line.add("seconds", seconds);
  line.add_outcome(outcome);
}

void print_summary(const Job& job, double seconds, const Outcome& outcome,
                   const paxect_container_info& info) {
  JsonLine line(summary_stream(job));
  begin_summary(line, job, seconds, outcome);
  if (outcome.status == PAXECT_OK) line.add_container(info);
}

paxect_container_info new_info() {
  paxect_container_info info{};
  info.struct_size = sizeof info;
  return info;
}

double ratio(const paxect_container_info& info) {
  if (info.total_size == 0) return 0;
  return static_cast<double>(info.container_size) / static_cast<double>(info.total_size);
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

std::string hex(std::uint32_t value) {
  std::array<char, 9> text;
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

}  // namespace paxect::tool
