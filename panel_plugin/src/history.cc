#include "history.h"

#include <algorithm>

#include "json_text.h"

namespace paxect::panel {

void History::add(const Sample& sample) {
  hour_.add(sample);
  day_.add(sample);
}

std::string History::json() const { return R"({"hour":)" + hour_.json() + R"(,"day":)" + day_.json() + "}"; }

void History::Track::add(const Sample& sample) {
  const std::int64_t start_s = sample.time_s - sample.time_s % step_s_;
  if (samples_.empty() || samples_.back().time_s != start_s) {
    samples_.push_back(sample);
    samples_.back().time_s = start_s;
    count_ = 1;
    if (samples_.size() > size_) samples_.pop_front();
    return;
  }
  Sample& last = samples_.back();
  count_ += 1;
  last.files_per_second += (sample.files_per_second - last.files_per_second) / count_;
  last.bytes_per_second += (sample.bytes_per_second - last.bytes_per_second) / count_;
  last.waiting_files = std::max(last.waiting_files, sample.waiting_files);
  last.oldest_seconds = std::max(last.oldest_seconds, sample.oldest_seconds);
  last.latency_seconds = std::max(last.latency_seconds, sample.latency_seconds);  // nothing is the lowest
}

std::string History::Track::json() const {
  json::StringBuffer buffer;
  json::Writer writer(buffer);
  writer.SetMaxDecimalPlaces(6);
  writer.StartArray();
  for (const Sample& sample : samples_) {
    writer.StartArray();
    writer.Int64(sample.time_s);
    for (const double value :
         {sample.files_per_second, sample.bytes_per_second, sample.waiting_files, sample.oldest_seconds})
      writer.Double(value);
    if (sample.latency_seconds)
      writer.Double(*sample.latency_seconds);
    else
      writer.Null();
    writer.EndArray();
  }
  writer.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace paxect::panel
