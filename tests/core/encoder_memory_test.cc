// What an encoder takes of the caller's allocator, by what paxect_encoder_memory says.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

// An allocator that records the most bytes that it had given out at a time.
class PeakAllocator {
 public:
  paxect_allocator functions() { return {sizeof(paxect_allocator), this, allocate, release}; }
  std::size_t peak() const { return peak_; }

 private:
  static constexpr std::size_t kPrefix = alignof(std::max_align_t);

  static void* allocate(void* opaque, std::size_t size) {
    auto& self = *static_cast<PeakAllocator*>(opaque);
    void* memory = std::malloc(kPrefix + size);
    if (memory == nullptr) return nullptr;
    *static_cast<std::size_t*>(memory) = size;
    const std::size_t now = self.live_ += size;
    for (std::size_t seen = self.peak_; now > seen && !self.peak_.compare_exchange_weak(seen, now);) {
    }
    return static_cast<char*>(memory) + kPrefix;
  }
  static void release(void* opaque, void* memory) {
    void* begin = static_cast<char*>(memory) - kPrefix;
    static_cast<PeakAllocator*>(opaque)->live_ -= *static_cast<std::size_t*>(begin);
    std::free(begin);
  }

  std::atomic<std::size_t> live_{0};
  std::atomic<std::size_t> peak_{0};
};

struct Measured {
  std::uint64_t said = 0;
  std::uint64_t taken = 0;
};

Measured measure(const std::string& data, const Parameters& parameters, std::uint64_t size) {
  PeakAllocator allocator;
  const paxect_allocator functions = allocator.functions();
  Measured measured;
  paxect_encoder* handle = nullptr;
  REQUIRE(paxect_encoder_create(&functions, &handle) == PAXECT_OK);
  const Encoder encoder(handle);
  for (const auto& [parameter, value] : parameters)
    REQUIRE(paxect_encoder_set_parameter(handle, parameter, value) == PAXECT_OK);
  std::string container;
  REQUIRE(paxect_encoder_set_sink(handle, append, &container) == PAXECT_OK);
  measured.said = paxect_encoder_memory(handle, size);
  REQUIRE(paxect_encoder_write(handle, data.data(), data.size()) == PAXECT_OK);
  REQUIRE(paxect_encoder_finish(handle) == PAXECT_OK);
  measured.taken = allocator.peak();
  return measured;
}

}  // namespace

TEST_CASE("an encoder takes no more memory than it says, with protection and without") {
  const std::string data = noise(36 << 20, 1);  // three windows
  for (const std::int64_t threads : {1, 2})
    for (const std::int64_t frame : {1 << 16, 1 << 20, 20 << 20}) {
      std::uint64_t unprotected = 0;
      for (const std::int64_t percent : {0, 6, 50}) {
        INFO(threads << " threads, frames of " << frame << " bytes, " << percent << " %");
        const Measured measured = measure(data,
                                          {{PAXECT_PARAM_PROTECT, percent},
                                           {PAXECT_PARAM_FRAME_SIZE, frame},
                                           {PAXECT_PARAM_THREADS, threads},
                                           {PAXECT_PARAM_LEVEL, 1}},
                                          UINT64_MAX);
        CHECK(measured.taken <= measured.said);
        if (percent == 0) unprotected = measured.said;
        // And protection does not take much less than what is said of it.
        if (percent != 0) CHECK(measured.said - unprotected < 2 * measured.taken);
        if (percent != 0) CHECK(measured.said > unprotected);
      }
    }
}

}  // namespace paxect::test
