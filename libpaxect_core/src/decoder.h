// Decodes a container into verified data, with the checks of FORMAT.md in their order. One thread at a time
// uses a Decoder, which decompresses on worker threads. The failure reported is the first in the container,
// for any number of threads. After a failure, begin() makes it usable again.
//
// The footer is the last 44 bytes. Where the size of the container is not known, the latest 44 bytes are held
// back, so that the parser sees only bytes before the footer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

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

  // Decompresses on these threads, of the same owner, instead of threads of its own. From the next begin()
  // on; that is the number of threads then, whatever its parameters say.
  void share(std::shared_ptr<WorkerThreads> threads) { threads_ = std::move(threads); }
  // Drops all work in progress. Afterwards no worker uses the caller's memory or output.
  void abandon() noexcept;
  // Abandons, and clears the results of earlier jobs. Buffers, contexts and threads are kept.
  void clear() noexcept;
  void reset() noexcept { clear(); }
  // Calls clear() and begins a new container.
  void begin(const Parameters& parameters, const Callbacks& callbacks);
  // As begin, but the data is written to `out` instead of the sink.
  void begin_in_memory(const Parameters& parameters, const Callbacks& callbacks, std::span<std::uint8_t> out);
  // As begin, for an output with random access: the threads that decompress frames write them as well, so
  // that the owner has time to hash. Small frames, and those of an odd size, go to the sink. `write_at` must
  // stay valid until the work is done or abandoned.
  void begin_at_offsets(const Parameters& parameters, const Callbacks& callbacks, const WriteAt& write_at);
  Status write(std::span<const std::uint8_t> data);
  Status read_from(paxect_source source, void* opaque);
  // Verifies the footer.
  Status finish();
  // The footer that proves the frames before the one that is not complete yet, if from there on no data and
  // so many frames follow.
  Status expected_footer(std::uint32_t frames_to_come, Footer& footer);

  // The maximum memory that a job uses, in bytes.
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
    bool maybe_footer = false;  // the frame header could be the footer of the frames before it
    Buffer payload;
    Buffer output;
    std::uint8_t* data = nullptr;       // in `output`, or in the caller's memory
    std::uint64_t data_offset = 0;      // of the frame's data in all data
    const WriteAt* write_at = nullptr;  // nullptr: the owner writes
    bool fits = true;                   // into the caller's memory
    Status status;
  };
  struct Worker {
    void operator()(Job& job) noexcept;
    Status work(Job& job);
    FrameDecompressor decompressor;
  };
  using Pipeline = OrderedPipeline<Job, Worker>;
  enum class State { kHeader, kFrameHeader, kPayload, kExtension };

  Status take(std::span<const std::uint8_t> data);
  Status defer_trailing(Status status);
  bool continues_behind_footer() const;
  void hold(std::span<const std::uint8_t> data);
  std::uint64_t left_before_footer() const;
  Status write_before_known_footer(std::span<const std::uint8_t> data);
  Status payload_room(std::size_t size);
  Status payload_grew(std::size_t size);
  Status consume(std::span<const std::uint8_t> data);  // bytes before the footer
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
  Status finish_frames();
  Status check_footer();

  Allocator allocator_;
  Parameters parameters_{Role::kDecoder};
  Callbacks callbacks_;
  std::shared_ptr<WorkerThreads> threads_;  // that are shared, or nullptr
  std::unique_ptr<Pipeline> pipeline_;
  Buffer reading_;  // for read_from
  Sha256 digest_;
  Header header_;
  Footer footer_;

  std::array<std::uint8_t, kFooterSize> held_{};
  std::size_t held_size_ = 0;

  State state_ = State::kHeader;
  std::array<std::uint8_t, kHeaderSize> gathered_{};  // header, frame header or extension prefix in parts
  std::size_t gathered_size_ = 0;
  std::uint64_t offset_ = 0;        // in the container, of the next byte to consume
  std::uint64_t frame_offset_ = 0;  // of the current frame
  FrameHeader frame_;               // the current frame
  std::uint64_t frames_ = 0;        // read completely, extension frames included
  std::uint64_t data_size_ = 0;     // declared by those frames
  std::uint64_t taken_ = 0;         // bytes of its payload
  bool maybe_footer_ = false;       // it could be the footer
  std::optional<Status> trailing_;  // a failure that is one only if the container continues (defer_trailing)

  std::span<std::uint8_t> memory_;
  bool in_memory_ = false;
  const WriteAt* write_at_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace paxect::core
