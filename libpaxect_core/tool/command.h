// What the commands of paxect-core share: the table of commands, their options, and their messages.
//
// Rules for messages: one lower-case line on stderr, "paxect-core: FILE: fact: remedy (byte N, frame M)"; the
// remedy may be omitted where it is obvious. Only progress, and a JSON summary while the data goes to stdout,
// are written to stderr as well. Results are written to stdout.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paxect/core.h"
#include "progress.h"

namespace paxect::tool {

namespace po = boost::program_options;

// Exit statuses of the command itself; those of a job come from paxect_status_exit_code.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFile = 3;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitInternal = 70;

// The exit statuses for the help text.
inline constexpr const char* kStatuses =
    "exit status: 0 ok, 2 the data differs (from its SHA-256, or from the original), 3 file or I/O error,\n"
    "4 not a sound container, 64 usage, 70 internal error; of several the highest\n";

struct Command {
  const char* name;
  const char* synopsis;  // what follows the name
  const char* summary;   // one line
  int (*run)(const Command& command, const std::vector<std::string>& arguments);
};

// All commands, in the order of the help text.
const std::vector<Command>& commands();

int run_encode(const Command& command, const std::vector<std::string>& arguments);
int run_decode(const Command& command, const std::vector<std::string>& arguments);
int run_test(const Command& command, const std::vector<std::string>& arguments);
int run_info(const Command& command, const std::vector<std::string>& arguments);
int run_check(const Command& command, const std::vector<std::string>& arguments);
int run_repair(const Command& command, const std::vector<std::string>& arguments);
int run_salvage(const Command& command, const std::vector<std::string>& arguments);

// Invalid arguments. Caught in main, exit status 64.
struct UsageError {
  std::string message;
};

// Prints a message to stderr, with control characters replaced.
void complain(const std::string& message);
// Prints a result as one line on standard output, likewise.
void say(const std::string& line);

// Parses the arguments of a command. The last occurrence of an option applies. Adds -h, which prints the help
// and returns false. Positional arguments go to `files`; they are a UsageError when it is nullptr.
bool parse(const Command& command, po::options_description options, const std::vector<std::string>& arguments,
           po::variables_map& values, std::vector<std::string>* files = nullptr);

// The arguments with each unambiguous abbreviation of one of `names` expanded (`--lev` to `--level`) and
// `-i=FILE` changed to `-iFILE`. The Python tool accepts these forms. Options that it does not have cannot be
// abbreviated, so that an option added later never changes the meaning of a script.
std::vector<std::string> spelled_out(std::vector<std::string> arguments,
                                     std::span<const std::string_view> names);

// The shared options: what a command prints in addition to errors.
struct Talk {
  ProgressWhen progress = ProgressWhen::kOnTerminal;
  bool quiet = false;
  bool json = false;
};
void add_talk_options(po::options_description& options, const char* json_help);
Talk read_talk(const po::variables_map& values);  // UsageError for contradictory options

// nullopt unless the text is a whole number within the bounds of the parameter.
std::optional<std::int64_t> parse_number(const std::string& text, paxect_parameter parameter);
// The value of an option as an integer; UsageError unless it is within the bounds of the parameter.
std::int64_t number(const std::string& option, const std::string& text, paxect_parameter parameter);

struct FreeHandle {
  void operator()(paxect_encoder* encoder) const { paxect_encoder_free(encoder); }
  void operator()(paxect_decoder* decoder) const { paxect_decoder_free(decoder); }
  void operator()(paxect_reader* reader) const { paxect_reader_free(reader); }
};
using Encoder = std::unique_ptr<paxect_encoder, FreeHandle>;
using Decoder = std::unique_ptr<paxect_decoder, FreeHandle>;
using Reader = std::unique_ptr<paxect_reader, FreeHandle>;

// Return a handle or throw std::bad_alloc.
Encoder make_encoder();
Decoder make_decoder();
Reader make_reader();

// The result of a job, as its handle reports it.
struct Outcome {
  paxect_status status = PAXECT_OK;
  std::string message = {};
  std::uint64_t offset = 0;
  std::uint64_t frame = 0;
};
Outcome outcome(paxect_status status, const paxect_encoder* encoder);
Outcome outcome(paxect_status status, const paxect_decoder* decoder);
Outcome outcome(paxect_status status, const paxect_reader* reader);

// The name of an input in messages.
std::string shown_name(const std::string& path);
// The size of a regular file; 0 for any other. "-" is standard input.
std::uint64_t file_size(const std::string& path);

// Returns the exit status of a job on `input`. Prints the error of a failed job; when a signal stopped the
// job, throws StoppedBySignal. Requires: the progress line is erased.
int conclude(const Outcome& outcome, const std::string& input);
using Setting = std::pair<paxect_parameter, std::int64_t>;
// After a failure of `input`, which conclude printed: prints whether repair restores it, if it is a protected
// container. `settings`: of the command, those that a repair has too. `is_last`: the command has no other
// inputs after this one, which a lack of memory would keep it from.
void suggest_repair(const Outcome& outcome, const std::string& input, std::span<const Setting> settings,
                    const Talk& talk, bool is_last = true);
// Whether the protection of a container, the data of which was verified, is as it was made. Prints what is
// wrong with it, which is no failure. `begin`: the byte of the file at which the container begins; behind
// byte 0, protection is not verified, which is printed.
struct ProtectionTest {
  Outcome ended = {};                   // a failure, which is printed, of reading the file once more
  std::optional<bool> is_damaged = {};  // nullopt: it has none, or it was not verified
};
ProtectionTest test_protection(const std::string& file, std::uint64_t begin,
                               std::span<const Setting> settings, const Talk& talk);
// Prints the warning of a successful job, such as an owner that could not be kept; not with --quiet.
void warn(const Outcome& outcome, const Talk& talk);

}  // namespace paxect::tool
