// paxect-core: creates, verifies, reads, repairs and salvages .freq containers. This file: command dispatch,
// help, version, and what no command catches.
#include <openssl/crypto.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "command.h"
#include "last_resort.h"
#include "signals.h"
#include "standard_streams.h"

namespace paxect::tool {
namespace {

void print_help() {
  std::cout << "usage: paxect-core COMMAND [options]\n\n";
  for (const Command& command : commands())
    std::cout << "  " << std::left << std::setw(10) << command.name << command.summary << '\n';
  std::cout << "\npaxect-core COMMAND -h shows a command's options; --version the versions.\n" << kStatuses;
}

void print_version() {
  std::cout << "paxect-core " << paxect_core_version_string() << " (format 42, libzstd "
            << paxect_core_zstd_version_string() << ")\n";
}

int dispatch(const std::vector<std::string>& arguments) {
  const std::string name = arguments.empty() ? "" : arguments.front();
  if (name == "-h" || name == "--help") {
    print_help();
    return kExitOk;
  }
  if (name == "--version") {
    print_version();
    return kExitOk;
  }
  for (const Command& command : commands())
    if (name == command.name) return command.run(command, {arguments.begin() + 1, arguments.end()});
  throw UsageError{name.empty() ? "no command" : "no command '" + name + "'"};
}

int guarded(const std::vector<std::string>& arguments) {
  try {
    StandardStream output(std::cout, STDOUT_FILENO);
    StandardStream errors(std::cerr, STDERR_FILENO);
    int code = dispatch(arguments);
    std::cout.flush();
    if (output.error() == 0) return code;
    if (stop_requested() != 0) die_of_signal();
    complain("standard output: cannot write: " + std::generic_category().message(output.error()));
    return code == kExitOk ? kExitFile : code;
  } catch (const StoppedBySignal&) {
    die_of_signal();
  } catch (const UsageError& error) {
    complain(error.message + " (see paxect-core -h)");
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    complain("out of memory");
    return kExitFile;
  } catch (const std::exception& error) {
    complain(std::string("internal error: ") + error.what());
    return kExitInternal;
  }
}

// libcrypto that runs out of memory as it starts has no SHA-256 from then on, and does not say why. Here the
// process ends instead.
void* allocate(std::size_t size, const char* /*file*/, int /*line*/) {
  void* memory = size == 0 ? nullptr : std::malloc(size);
  if (memory == nullptr && size != 0) end_without_memory();
  return memory;
}
void release(void* memory, const char* /*file*/, int /*line*/) { std::free(memory); }
void* reallocate(void* old, std::size_t size, const char* file, int line) {
  void* memory = size == 0 ? nullptr : std::realloc(old, size);
  if (memory == nullptr && size != 0) end_without_memory();
  if (size == 0) release(old, file, line);
  return memory;
}

// By default, libcrypto reads its configuration file and registers error texts and algorithms when it is
// first used. That takes longer than a small file does, and none of it is needed for SHA-256. Only a program
// may choose this for its process, so the library does not.
void start_libcrypto() {
  CRYPTO_set_mem_functions(allocate, reallocate, release);
  int done = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                                     OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS |
                                     OPENSSL_INIT_NO_ATEXIT,
                                 nullptr);
  if (done != 1) end_without_memory();
}

}  // namespace
}  // namespace paxect::tool

int main(int argc, char** argv) {
  paxect::tool::set_last_resorts();
  paxect::tool::open_standard_descriptors();
  paxect::tool::catch_signals();
  paxect::tool::start_libcrypto();
  return paxect::tool::guarded({argv + 1, argv + argc});
}
