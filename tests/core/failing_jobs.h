// Every job of the C API, for tests in which memory, threads or system calls fail.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec.h"
#include "failing_resources.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {

// Memory that a call borrows. It is unmapped after the call, so that a later access crashes.
class Region {
 public:
  explicit Region(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {
    memory_ = mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
  }
  explicit Region(std::string_view contents) : Region(contents.size()) {
    std::memcpy(memory_, contents.data(), contents.size());
    size = contents.size();
  }
  ~Region() { munmap(memory_, capacity_); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  void take_away() { mprotect(memory_, capacity_, PROT_NONE); }
  char* data() const { return static_cast<char*>(memory_); }
  std::size_t capacity() const { return capacity_; }
  bool holds(const std::string& expected) const { return std::string_view(data(), size) == expected; }

  std::size_t size = 0;

 private:
  std::size_t capacity_;
  void* memory_;
};

// The data of every job, and its container.
const std::string& original();
const std::string& container();

// What one attempt at a job borrows and produces.
struct Attempt {
  Attempt() : in(std::size_t{1} << 20), out(std::size_t{1} << 20) {}

  Region in;
  Region out;
  std::size_t read = 0;  // by source()
  bool over = false;     // the call has returned: no callback may come any more

  static std::int32_t sink(void* opaque, const void* data, std::size_t size) {
    auto& self = *static_cast<Attempt*>(opaque);
    if (self.over || size > self.out.capacity() - self.out.size) std::abort();
    std::memcpy(self.out.data() + self.out.size, data, size);
    self.out.size += size;
    return 0;
  }
  static std::int32_t source(void* opaque, void* buffer, std::size_t capacity, std::size_t* size) {
    auto& self = *static_cast<Attempt*>(opaque);
    if (self.over) std::abort();
    *size = std::min({capacity, self.in.size - self.read, std::size_t{50'000}});
    std::memcpy(buffer, self.in.data() + self.read, *size);
    self.read += *size;
    return 0;
  }
  void give(const std::string& contents) {
    std::memcpy(in.data(), contents.data(), contents.size());
    in.size = contents.size();
  }
  void end() {
    over = true;
    in.take_away();
    out.take_away();
  }
};

// A directory with the data and the container. A failed job leaves nothing else in it.
class Files {
 public:
  Files() {
    write_file(data, original());
    write_file(freq, container());
  }
  bool output_holds(const std::string& expected) const { return read_file(output) == expected; }
  // Before a job: the output does not exist, or, with `replace`, is an older file.
  void prepare() const {
    Unaffected scope;
    std::remove(output.c_str());
    if (replace) write_file(output, "older");
  }
  // After a failed job: the same as before, and no other file.
  void check_unchanged() const {
    CHECK(list(dir_.path()) == (replace ? Names{"data", "data.freq", "output"} : Names{"data", "data.freq"}));
    if (replace) CHECK(read_file(output) == "older");
  }

 private:
  TempDir dir_;

 public:
  const std::string data = dir_ / "data";
  const std::string freq = dir_ / "data.freq";
  const std::string output = dir_ / "output";
  bool replace = false;
};

// One kind of job, on one handle.
class Job {
 public:
  explicit Job(std::int64_t threads) { files.replace = threads == 1; }
  virtual ~Job() = default;
  // The call or calls that may fail; `attempt` is fresh.
  virtual paxect_status work(Attempt& attempt) = 0;
  // After PAXECT_OK: the result is right.
  virtual bool right(const Attempt& attempt) = 0;
  // After a failure: checks that nothing has changed, and makes the handle ready again.
  virtual void recover() {}
  virtual std::string message() const = 0;

 protected:
  Files files;
};

struct Kind {
  const char* name;
  bool threads;  // it can use several
  std::function<std::unique_ptr<Job>(std::int64_t threads)> make;
};
const std::vector<Kind>& kinds();

}  // namespace paxect::test
