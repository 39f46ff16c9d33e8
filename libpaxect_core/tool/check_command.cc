#include <iostream>

#include "command.h"
#include "summary.h"

namespace paxect::tool {
namespace {

constexpr const char* kKinds[] = {"", "data", "missing", "extra"};

// What is done with each difference as it is found.
struct Listing {
  Progress& progress;
  JsonLine* json;  // nullptr: as text
  bool quiet;
  bool size_known;  // of the original
};

void print_text(const paxect_difference& found, bool size_known) {
  switch (found.kind) {
    case PAXECT_DIFFERENCE_MISSING:
      std::cout << "the original ends at byte " << found.offset << ", in frame " << found.frame << ": "
                << found.length << " bytes are missing\n";
      break;
    case PAXECT_DIFFERENCE_EXTRA:
      std::cout << "the original continues at byte " << found.offset
                << ", after the last frame: " << (size_known ? "" : "at least ") << found.length
                << " bytes more\n";
      break;
    default:
      std::cout << "frame " << found.frame << " differs: bytes " << found.offset << " to "
                << found.offset + found.length - 1 << '\n';
      break;
  }
}

std::int32_t list_difference(void* opaque, const paxect_difference* found) {
  const Listing& listing = *static_cast<const Listing*>(opaque);
  if (listing.json != nullptr) {
    listing.json->begin_object();
    listing.json->add("kind", kKinds[found->kind]);
    listing.json->add("frame", found->frame);
    listing.json->add("offset", found->offset);
    listing.json->add("length", found->length);
    listing.json->end_object();
  } else if (!listing.quiet) {
    listing.progress.erase();
    print_text(*found, listing.size_known);
  }
  return 0;
}

Outcome compare(paxect_reader* reader, const std::string& file, const std::string& original,
                Listing listing) {
  paxect_status status = paxect_reader_open_path(reader, file.c_str());
  if (status == PAXECT_OK) {
    paxect_reader_set_progress(reader, Progress::callback, &listing.progress);
    status = paxect_reader_compare_path(reader, original.c_str(), list_difference, &listing);
  }
  listing.progress.erase();
  return outcome(status, reader);
}

}  // namespace

int run_check(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  add_talk_options(options, "print the differences and a summary as one line of JSON");
  po::variables_map values;
  std::vector<std::string> files;
  if (!parse(command, options, arguments, values, &files)) return kExitOk;
  if (files.size() != 2) throw UsageError{"check: give a container and its original"};
  Talk talk = read_talk(values);
  Reader reader = make_reader();
  std::uint64_t size = file_size(files[1]);
  Progress progress(talk.progress, shown_name(files[1]), size, Progress::Measure::kOutput);
  Outcome ended;
  if (talk.json) {
    JsonLine json(std::cout);
    json.add("command", "check");
    json.add("input", files[0]);
    json.add("original", files[1]);
    json.begin_array("differences");
    ended = compare(reader.get(), files[0], files[1], {progress, &json, talk.quiet, size != 0});
    json.end_array();
    json.add("seconds", progress.seconds());
    json.add_outcome(ended);
  } else {
    ended = compare(reader.get(), files[0], files[1], {progress, nullptr, talk.quiet, size != 0});
  }
  std::cout.flush();  // before an error line, when both go to one place
  return conclude(ended, files[0]);
}

}  // namespace paxect::tool
