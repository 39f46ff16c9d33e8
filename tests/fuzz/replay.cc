// Runs a fuzz target once on each file: for the corpus in the default tests, and to repeat a finding. The
// arguments are files or directories of files.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  // Exactly as large as the input, so that a sanitizer detects a read past its end.
  std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  bytes.shrink_to_fit();
  if (!in.good() && !in.eof()) throw fs::filesystem_error("cannot read", path, std::error_code());
  std::fprintf(stderr, "%s: %zu bytes\n", path.c_str(), bytes.size());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    int count = 0;
    for (int i = 1; i < argc; ++i) {
      for (const fs::path& path : files_of(argv[i])) {
        replay(path);
        ++count;
      }
    }
    std::fprintf(stderr, "%d files replayed\n", count);
    return count == 0 ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
  }
}

// Never called here: what repair.cc asks of libFuzzer.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }
