#include <array>
#include <cinttypes>
#include <cstdio>
#include <iostream>
#include <optional>
#include <vector>

#include "command.h"
#include "format.h"
#include "printable.h"
#include "restorable.h"
#include "signals.h"
#include "summary.h"

namespace paxect::tool {
namespace {

constexpr const char* kMappings[] = {"virtual", "u16"};

std::string flags_text(std::uint32_t flags) {
  std::string text;
  if ((flags & PAXECT_FLAG_VERIFY) != 0) text += " verify";
  if ((flags & PAXECT_FLAG_MULTICHANNEL) != 0) text += " multichannel";
  std::uint32_t others = flags & ~std::uint32_t{PAXECT_FLAG_VERIFY | PAXECT_FLAG_MULTICHANNEL};
  if (others != 0) text += " 0x" + hex(others);
  return text.empty() ? "none" : text.substr(1);
}

// `verified`: the totals are those of the frames.
void print_text(const std::string& file, const paxect_container_info& info, bool verified,
                std::optional<std::uint64_t> restorable) {
  const char* claim = verified ? "" : " (the footer's claim)";
  std::array<char, 40> part;
  std::snprintf(part.data(), part.size(), "%.3f", ratio(info));
  std::cout << "file            " << printable(file) << "\ncontainer size  " << info.container_size
            << "\ndata size       " << info.total_size << claim << "\nratio           "
            << (info.total_size == 0 || !verified ? "-" : part.data()) << "\nframes          "
            << info.total_frames << claim << "\nframe size      " << info.frame_size << "\nlevel           "
            << info.level << "\nchannels        " << info.channels << "\nmapping         "
            << kMappings[info.mapping] << "\nflags           " << flags_text(info.flags)
            << "\nsha256          " << hex(info.sha256, sizeof info.sha256) << '\n';
  if (info.protection_size != 0) {
    std::snprintf(part.data(), part.size(), "%.1f",
                  100.0 * static_cast<double>(info.protection_size) /
                      static_cast<double>(info.container_size - info.protection_size));
    std::cout << "protection      "
              << (info.protection == 0 ? "unknown" : std::to_string(info.protection) + " %") << ", for "
              << info.protection_size << " bytes (" << part.data() << " % of the rest)\n";
    if (restorable)
      std::cout << "restorable      any piece of " << *restorable
                << " bytes, while the protection is whole\n";
  }
  if (verified) std::cout << "verified        sizes and frames; the test command verifies the data too\n";
}

std::int32_t print_frame(void* /*opaque*/, const paxect_frame_info* frame) {
  std::array<char, 160> row;
  std::snprintf(row.data(), row.size(), "%10" PRIu64 " %16" PRIu64 " %10u %16" PRIu64 " %10u %7u  %s%s\n",
                frame->number, frame->offset, frame->clen, frame->data_offset, frame->ulen, frame->channel,
                hex(frame->crc).c_str(), frame->extension != 0 ? "  extension" : "");
  std::cout << row.data();
  return 0;
}

void print_table_head() {
  std::array<char, 160> row;
  std::snprintf(row.data(), row.size(), "\n%10s %16s %10s %16s %10s %7s  %s\n", "frame", "offset", "clen",
                "data offset", "ulen", "channel", "crc32");
  std::cout << row.data();
}

std::int32_t add_frame(void* line, const paxect_frame_info* frame) {
  JsonLine& json = *static_cast<JsonLine*>(line);
  json.begin_object();
  json.add("number", frame->number);
  json.add("offset", frame->offset);
  json.add("clen", std::uint64_t{frame->clen});
  json.add("data_offset", frame->data_offset);
  json.add("ulen", std::uint64_t{frame->ulen});
  json.add("channel", std::uint64_t{frame->channel});
  json.add("crc32", hex(frame->crc));
  json.add("extension", frame->extension != 0);
  json.end_object();
  return 0;
}

void add_header(JsonLine& json, const paxect_container_info& info) {
  json.add("version", std::uint64_t{info.version});
  json.add("level", static_cast<int>(info.level));
  json.add("frame_size", std::uint64_t{info.frame_size});
  json.add("channels", std::uint64_t{info.channels});
  json.add("mapping", kMappings[info.mapping]);
  json.add("verify", (info.flags & PAXECT_FLAG_VERIFY) != 0);
  json.add("multichannel", (info.flags & PAXECT_FLAG_MULTICHANNEL) != 0);
  json.add("flags", std::uint64_t{info.flags});
}

std::int32_t add_extension(void* places, const paxect_frame_info* frame) {
  if (frame->extension != 0)
    static_cast<std::vector<ExtensionPlace>*>(places)->push_back(
        {frame->offset, frame->offset + core::kFrameHeaderSize + frame->clen});
  return 0;
}

std::optional<std::uint64_t> restorable(paxect_reader* reader, const paxect_container_info& info) {
  std::vector<ExtensionPlace> extensions;
  if (info.protection == 0 || paxect_reader_frames(reader, add_extension, &extensions) != PAXECT_OK)
    return std::nullopt;
  return restorable_piece(info, extensions);
}

Outcome show_text(paxect_reader* reader, Outcome opened, const std::string& file, bool frames) {
  if (opened.status != PAXECT_OK) return opened;
  paxect_container_info info = new_info();
  Outcome verified = outcome(paxect_reader_info(reader, &info), reader);
  const bool is_verified = verified.status == PAXECT_OK;
  print_text(file, info, is_verified, is_verified ? restorable(reader, info) : std::nullopt);
  if (!frames) return verified;
  print_table_head();
  return outcome(paxect_reader_frames(reader, print_frame, nullptr), reader);
}

Outcome show_json(paxect_reader* reader, Outcome opened, const std::string& file, bool frames) {
  JsonLine json(std::cout);
  json.add("command", "info");
  json.add("input", file);
  Outcome ended = std::move(opened);
  if (ended.status == PAXECT_OK) {
    paxect_container_info info = new_info();
    ended = outcome(paxect_reader_info(reader, &info), reader);
    add_header(json, info);
    if (ended.status == PAXECT_OK) {
      json.add_container(info);
      json.add("protection", std::uint64_t{info.protection});
      json.add("protection_size", info.protection_size);
      if (const std::optional<std::uint64_t> piece = restorable(reader, info))
        json.add("restorable_bytes", *piece);
    }
    if (frames) {
      json.begin_array("frames");
      ended = outcome(paxect_reader_frames(reader, add_frame, &json), reader);
      json.end_array();
    }
  }
  json.add_outcome(ended);
  return ended;
}

}  // namespace

int run_info(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  options.add_options()("frames", "list the frames with their offsets, by reading their headers alone")(
      "json", "as one line of JSON");
  po::variables_map values;
  std::vector<std::string> files;
  if (!parse(command, options, arguments, values, &files)) return kExitOk;
  if (files.size() != 1) throw UsageError{"info: give one container"};
  Reader reader = make_reader();
  paxect_reader_set_progress(reader.get(), stop_on_signal, nullptr);
  Outcome opened = outcome(paxect_reader_open_path(reader.get(), files[0].c_str()), reader.get());
  bool frames = values.count("frames") != 0;
  auto show = values.count("json") != 0 ? show_json : show_text;
  Outcome ended = show(reader.get(), std::move(opened), files[0], frames);
  std::cout.flush();  // before an error line, when both go to one place
  return conclude(ended, files[0]);
}

}  // namespace paxect::tool
