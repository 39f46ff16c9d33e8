// What every command of paxect-core is made of: its entry in the table, its options, its messages to the
// user.
//
// Rules for messages: one line on stderr, "paxect-core: FILE: what is wrong (byte N, frame M)", lower-case,
// saying what to do where that is not plain. Nothing else goes to stderr on success but progress; results go
// to stdout.
#pragma once

#include <boost/program_options.hpp>
#include <memory>
#include <string>
#include <vector>

#include "paxect/core.h"

namespace paxect::tool {

namespace po = boost::program_options;

// Exit statuses; those of work come from paxect_status_exit_code.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFile = 3;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitInternal = 70;

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

// The user asked for something that makes no sense; caught in main, exit status 64.
struct UsageError {
  std::string message;
};

void complain(const std::string& message);

// Parses a command's arguments. Adds -h, which prints the help and gives false.
bool parse(const Command& command, po::options_description options, const std::vector<std::string>& arguments,
           po::variables_map& values);

// A whole number given for an option, in the bounds of a parameter; UsageError otherwise.
std::int64_t number(const std::string& option, const std::string& text, paxect_parameter parameter);

struct FreeHandle {
  void operator()(paxect_encoder* encoder) const { paxect_encoder_free(encoder); }
  void operator()(paxect_decoder* decoder) const { paxect_decoder_free(decoder); }
};
using Encoder = std::unique_ptr<paxect_encoder, FreeHandle>;
using Decoder = std::unique_ptr<paxect_decoder, FreeHandle>;

// A handle, or std::bad_alloc; stops on signals.
Encoder make_encoder();
Decoder make_decoder();

// The exit status for a job on `input`; complains when it failed, and ends the process by the signal that
// ended it.
int conclude(paxect_status status, const std::string& input, const char* message, std::uint64_t offset,
             std::uint64_t frame);

}  // namespace paxect::tool
