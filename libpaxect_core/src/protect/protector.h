// What an encoder adds to a container so that it can be repaired: adds the stored bytes of a window to the
// window's parity, and writes that behind the next window. Holds the bytes of the first window, whose shape
// depends on whether another one follows, and the parity of two. One thread at a time.
#pragma once

#include <cstdint>
#include <span>

#include "callbacks.h"
#include "format.h"
#include "memory.h"
#include "protect/window_code.h"
#include "status.h"

namespace paxect::core {

class Protector {
 public:
  explicit Protector(const Allocator& allocator)
      : bytes_(allocator), codes_{WindowCode(allocator), WindowCode(allocator)} {}

  // Begins a container. Requires: kMinProtect <= percent <= kMaxProtect.
  void begin(unsigned percent);
  // The container's header. Errors: MEMORY.
  Status add_header(std::span<const std::uint8_t, kHeaderSize> bytes);
  // Before a frame is written: writes an extension frame if a window ends here. `written` is its size or 0.
  // Errors: MEMORY, PARAMETER, those of the sink.
  Status before_frame(std::span<const std::uint8_t> frame, const Callbacks& callbacks,
                      std::uint64_t& written);
  // The frame that was written. Errors: MEMORY.
  Status add_frame(std::span<const std::uint8_t> frame);
  // Extension frames of the container, those of finish included.
  std::uint64_t frames() const { return std::uint64_t{windows_} + 2; }
  // Writes the last extension frames. `footer` is the one that follows them.
  Status finish(const Header& header, const Footer& footer, const Callbacks& callbacks,
                std::uint64_t& written);

  // The maximum size of the extension frames of a container whose header and frames have `stored` bytes.
  static std::uint64_t bound(unsigned percent, std::uint64_t stored);
  // The maximum memory for containers with frames of up to so many stored bytes, header and payload.
  static std::uint64_t memory(unsigned percent, std::uint64_t frame);

 private:
  Status collect(std::span<const std::uint8_t> bytes);
  Status close_window(bool last);
  WindowCode& code(std::uint32_t window) { return codes_[window % 2]; }
  const WindowCode* before_last() const;  // nullptr: there is one window
  Status write(const WindowCode* own, const WindowCode* earlier, const Trailer* trailer,
               const Callbacks& callbacks, std::uint64_t& written);

  unsigned percent_ = 0;
  Buffer bytes_;               // of the first window
  std::size_t filled_ = 0;     // bytes of the window that is being filled
  bool has_frame_ = false;     // a frame is among them
  std::uint64_t offset_ = 0;   // of the window, then of what follows it
  std::uint32_t windows_ = 0;  // that were closed before
  WindowCode codes_[2];        // of the last two windows, by number modulo 2
  ProtectionTag tag_{};
};

}  // namespace paxect::core
