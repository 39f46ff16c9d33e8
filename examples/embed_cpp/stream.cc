// Encodes or decodes standard input to standard output, with the wrapper paxect.hpp: stream encode|decode
// [MAX_BYTES] More than MAX_BYTES of input cancels it. c++ -std=c++17 stream.cc $(pkg-config --cflags --libs
// paxect_core)
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "paxect.hpp"

namespace {

std::size_t read_stdin(void* buffer, std::size_t capacity) {
  for (;;) {
    ssize_t got = ::read(STDIN_FILENO, buffer, capacity);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "standard input");
  }
}

void write_stdout(const void* data, std::size_t size) {
  if (std::fwrite(data, 1, size, stdout) != size)
    throw std::system_error(errno, std::generic_category(), "standard output");
}

int stream(bool encode, std::uint64_t max_bytes) {
  auto progress = [&](std::uint64_t bytes_in, std::uint64_t bytes_out) {
    std::fprintf(stderr, "\r%llu bytes in, %llu out", static_cast<unsigned long long>(bytes_in),
                 static_cast<unsigned long long>(bytes_out));
    return bytes_in <= max_bytes;
  };
  paxect_container_info info;
  if (encode) {
    paxect::Encoder encoder;
    encoder.set(PAXECT_PARAM_FRAME_SIZE, 256 * 1024);
    info = encoder.run(read_stdin, write_stdout, progress);
  } else {
    paxect::Decoder decoder;
    info = decoder.run(read_stdin, write_stdout, progress);
  }
  if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category(), "standard output");
  std::fprintf(stderr, "\n%llu frames\n", static_cast<unsigned long long>(info.total_frames));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  if (command != "encode" && command != "decode") {
    std::fprintf(stderr, "usage: stream encode|decode [MAX_BYTES]\n");
    return 64;
  }
  try {
    return stream(command == "encode", argc > 2 ? std::stoull(argv[2]) : UINT64_MAX);
  } catch (const paxect::Error& error) {
    std::fprintf(stderr, "\nstream: %s (byte %llu, frame %llu)\n", error.what(),
                 static_cast<unsigned long long>(error.offset), static_cast<unsigned long long>(error.frame));
    return paxect_status_exit_code(error.status);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "\nstream: %s\n", error.what());
    return 3;
  }
}
