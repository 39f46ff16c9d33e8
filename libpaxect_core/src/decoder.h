// Container in, checked data out, by the strict rules of FORMAT.md in their order. A Decoder is used by one
// thread at a time; it decompresses on threads of its own. Whatever the number of threads, the failure
// reported is the first in the container. After a failure, begin() makes it usable again.
//
// Nobody says where the footer begins: it is the last 44 bytes, so the newest 44 bytes are always held back,
// and what the parser gets to see is certain to stand before the footer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "callbacks.h"
#include "digest.h"
#include "format.h"
#include "frame_codec.h"
#include "memory.h"
#include "ordered_pipeline.h"
#include "parameters.h"
#include "status.h"

namespace paxect::core {

// Puts data where it belongs in the output. Called by several threads at once, in any order of offsets.
using WriteAt = std::function<Status(std::uint64_t offset, std::span<const std::uint8_t> data)>;

class Decoder {
 public:
  explicit Decoder(const Allocator& allocator) : allocator_(allocator), reading_(allocator) {}

  // Abandons all work in progress: afterwards no worker uses borrowed or given memory.
  void abandon() noexcept;
  // Abandons, and clears the results of earlier containers. Buffers, contexts and threads are kept.
  void clear() noexcept;
  void reset() noexcept { clear(); }
  // Begins a new container: clear() comes first.
  void begin(const Parameters& parameters, const Callbacks& callbacks);
  // As begin, with the data going straight into memory; the sink is not used.
  void begin_in_memory(const Parameters& parameters, const Callbacks& callbacks, std::span<std::uint8_t> out);
  // As begin, for an output with random access: the threads that decompress frames write them as well, so
  // that the owner has time to hash. Small frames, and those of an odd size, go to the sink. `write_at` must
  // stay valid until the work is done or abandoned.
  void begin_at_offsets(const Parameters& parameters, const Callbacks& callbacks, const WriteAt& write_at);
  Status write(std::span<const std::uint8_t> data);
  Status read_from(paxect_source source, void* opaque);
  // Takes what is held back for the footer and checks it.
  Status finish();

  // The most memory a job takes, in bytes.
  static std::uint64_t memory(const Parameters& parameters, std::uint64_t frame_size);

  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  std::uint64_t frames() const { return frames_; }
  const Header& header() const { return header_; }
  const Footer& footer() const { return footer_; }  // after finish

 private:
  struct Job {
    explicit Job(const Allocator& allocator) : payload(allocator), output(allocator) {}
    FrameHeader header;
    std::uint64_t number = 0;   // of the frame
    std::uint64_t offset = 0;   // of the frame header in the container
    bool maybe_footer = false;  // the frame header reads like the footer of all that came before
    Buffer payload;
    Buffer output;
    std::uint8_t* data = nullptr;       // in `output`, or in the caller's memory
    std::uint64_t data_offset = 0;      // of the frame's data in all data
    const WriteAt* write_at = nullptr;  // nullptr: the owner writes
    Status status;
  };
  struct Worker {
    void operator()(Job& job) noexcept;
    Status work(Job& job);
    FrameDecompressor decompressor;
  };
  using Pipeline = OrderedPipeline<Job, Worker>;
  enum class State { kHeader, kFrameHeader, kPayload, kExtension };

  void hold(std::span<const std::uint8_t> data);
  std::uint64_t left_before_footer() const;
  Status write_before_known_footer(std::span<const std::uint8_t> data);
  Status payload_room(std::size_t size);
  Status payload_grew(std::size_t size);
  Status consume(std::span<const std::uint8_t> data);  // bytes that stand before the footer
  Status take_header();
  Status take_frame_header();
  Status take_payload(std::span<const std::uint8_t>& data);
  Status take_extension(std::span<const std::uint8_t>& data);
  bool gather(std::span<const std::uint8_t>& data, std::size_t size);
  bool payload_is_cut(const FrameHeader& header) const;
  Status check_frame_header(const FrameHeader& header) const;
  bool writes_at_offsets() const;
  Status start_frame(const FrameHeader& header, bool maybe_footer);
  Status commit(Pipeline::Wait wait, bool& committed);
  Status commit_all();
  Status cut_in(const char* part) const;
  Status truncated() const;
  Status check_footer();

  Allocator allocator_;
  Parameters parameters_{Role::kDecoder};
  Callbacks callbacks_;
  std::unique_ptr<Pipeline> pipeline_;
  Buffer reading_;  // what read_from reads into
  Sha256 digest_;
  Header header_;
  Footer footer_;

  std::array<std::uint8_t, kFooterSize> held_{};
  std::size_t held_size_ = 0;

  State state_ = State::kHeader;
  std::array<std::uint8_t, kHeaderSize> gathered_{};  // header, frame header or extension prefix in parts
  std::size_t gathered_size_ = 0;
  std::uint64_t offset_ = 0;        // in the container, of the next byte to consume
  std::uint64_t frame_offset_ = 0;  // of the frame at hand
  FrameHeader frame_;               // the frame at hand
  std::uint64_t frames_ = 0;        // whose headers were read, extension frames included
  std::uint64_t data_size_ = 0;     // that those frames declare
  std::uint64_t taken_ = 0;         // of the payload at hand
  bool maybe_footer_ = false;       // the frame at hand reads like the footer

  std::span<std::uint8_t> memory_;
  bool in_memory_ = false;
  const WriteAt* write_at_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace paxect::core
