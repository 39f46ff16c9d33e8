// What every command of paxect-core is made of: its entry in the table, its options, its messages to the
// user.
//
// Rules for messages: one line on stderr, "paxect-core: FILE: what is wrong (byte N, frame M)", lower-case,
// saying what to do where that is not plain. Nothing else goes to stderr but progress, and a JSON summary
// that was asked for while the data goes to stdout; results go to stdout.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <string>
#include <vector>

#include "paxect/core.h"
#include "progress.h"

namespace paxect::tool {

namespace po = boost::program_options;

// Exit statuses; those of work come from paxect_status_exit_code.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFile = 3;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitInternal = 70;

// The same for the user.
inline constexpr const char* kStatuses =
    "exit status: 0 ok, 2 the data differs (from its SHA-256, or from the original), 3 file or I/O error,\n"
    "4 not a sound container, 64 usage, 70 internal error; of several the highest\n";

struct Command {
  const char* name;
  const char* synopsis;  // what follows the name
  const char* summary;   // one line
  int (*run)(const Command& command, const std::vector<std::string>& arguments);
};

// All commands, in the order of the help.
const std::vector<Command>& commands();

int run_encode(const Command& command, const std::vector<std::string>& arguments);
int run_decode(const Command& command, const std::vector<std::string>& arguments);
int run_test(const Command& command, const std::vector<std::string>& arguments);
int run_info(const Command& command, const std::vector<std::string>& arguments);
int run_check(const Command& command, const std::vector<std::string>& arguments);
int run_salvage(const Command& command, const std::vector<std::string>& arguments);

// The user asked for something that makes no sense; caught in main, exit status 64.
struct UsageError {
  std::string message;
};

void complain(const std::string& message);

// Parses a command's arguments; of an option given twice the last counts. Adds -h, which prints the help and
// gives false. Arguments without an option
// go to `files`; UsageError when it is nullptr.
bool parse(const Command& command, po::options_description options, const std::vector<std::string>& arguments,
           po::variables_map& values, std::vector<std::string>* files = nullptr);

// The arguments with `--level` for `--lev`, for each abbreviation that fits one of `names` alone, and
// `-iFILE` for `-i=FILE`: forms that the Python tool has always taken, for its options only, so that an
// option added later never changes what a script means.
std::vector<std::string> spelled_out(std::vector<std::string> arguments,
                                     const std::vector<std::string>& names);

// What a command says besides its errors, and how: options that the commands share.
struct Talk {
  ProgressWhen progress = ProgressWhen::kOnTerminal;
  bool quiet = false;
  bool json = false;
};
void add_talk_options(po::options_description& options, const char* json_help);
Talk read_talk(const po::variables_map& values);  // UsageError for what contradicts itself

// A whole number given for an option, in the bounds of a parameter; UsageError otherwise.
std::int64_t number(const std::string& option, const std::string& text, paxect_parameter parameter);

struct FreeHandle {
  void operator()(paxect_encoder* encoder) const { paxect_encoder_free(encoder); }
  void operator()(paxect_decoder* decoder) const { paxect_decoder_free(decoder); }
  void operator()(paxect_reader* reader) const { paxect_reader_free(reader); }
};
using Encoder = std::unique_ptr<paxect_encoder, FreeHandle>;
using Decoder = std::unique_ptr<paxect_decoder, FreeHandle>;
using Reader = std::unique_ptr<paxect_reader, FreeHandle>;

// A handle, or std::bad_alloc.
Encoder make_encoder();
Decoder make_decoder();
Reader make_reader();

// How a piece of work ended, as its handle says.
struct Outcome {
  paxect_status status = PAXECT_OK;
  std::string message = {};
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;
};
Outcome outcome(paxect_status status, const paxect_encoder* encoder);
Outcome outcome(paxect_status status, const paxect_decoder* decoder);
Outcome outcome(paxect_status status, const paxect_reader* reader);

// The name of an input for messages.
std::string shown_name(const std::string& path);
// The size of a regular file, "-" being standard input; 0 when it is none.
std::uint64_t file_size(const std::string& path);

// The exit status for work on `input`; complains when it failed, and ends the process by the signal that
// ended it. The progress line must be gone.
int conclude(const Outcome& outcome, const std::string& input);
// Reports what a success could not do, such as keeping the owner of a file that it replaced.
void warn(const Outcome& outcome, const Talk& talk);

}  // namespace paxect::tool
