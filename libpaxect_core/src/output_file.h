// Every file that this project writes: it appears under its name complete or not at all.
//
// A regular file is written beside its target and takes the target's place in commit(), with the target's
// owner, permissions and extended attributes (see file_attributes.h). Until then nobody else can read it, and
// destroyed without commit it leaves no trace. A device, a FIFO and an open descriptor are written to
// directly; what they hold is never replaced or truncated.
//
// One thread at a time, but for write_at.
//
// Rejected: RENAME_EXCHANGE, and fallocate before writing. They avoid the flush that ext4 makes when a new
// file replaces another, and with it the promise that after a loss of power one of both is there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blocking_io.h"
#include "descriptor.h"
#include "file_attributes.h"
#include "file_identity.h"
#include "output_target.h"
#include "status.h"
#include "temporary_file.h"

namespace paxect::core {

class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // What else the job works with.
  struct Context {
    std::span<const FileIdentity> inputs = {};   // what the output must not be
    std::span<const FileIdentity> outputs = {};  // likewise: the others of the same command
    // The file gets the modification time of the first of these inputs, and at most the permissions of each.
    std::vector<FileAttributes> attributes_of = {};
  };
  // "-" is standard output. Nothing is visible under the path yet. Errors: OPEN, SAME_FILE; CANCELLED when
  // interrupted, as opening a FIFO can be.
  Status open(const std::string& path, const Context& context, const Interrupted& interrupted);
  // Whether to leave holes for runs of zeros where the output is a new regular file. Before the first write.
  void set_sparse(bool sparse) { sparse_ = sparse && is_new_file(); }
  // Has the system begin to write a new regular file to the disk while the rest of it is made, for a file
  // that is flushed in the end. What replaces a file is written so anyway: file systems flush it at the
  // rename.
  void set_write_back_early() { write_back_early_ = is_new_file(); }

  // Appends. Errors: WRITE; CANCELLED when interrupted.
  Status write(const void* data, std::size_t size, const Interrupted& interrupted);

  // Whether write_at can be used: the output is a new regular file, of zeros until something is written.
  bool is_new_file() const { return target_.is_new_file(); }
  // Writes at an offset, from any thread; not together with write, whose place it does not move. Leaves holes
  // as write does, and at the edges of `data` for fewer zeros, which others may continue. Requires:
  // is_new_file(). Errors: WRITE.
  Status write_at(std::uint64_t offset, const void* data, std::size_t size);
  // What the size becomes in commit, after write_at. Requires: is_new_file().
  void set_size(std::uint64_t size) { offset_ = size; }

  // Puts the file under its name, in one step, replacing what was there; with `sync` it is durable
  // afterwards. What was created there since open is subject to the checks of open. Errors: WRITE, OPEN,
  // SAME_FILE.
  Status commit(bool sync);
  // After commit: what of the replaced file could not be kept, as one line; "" when nothing was lost.
  std::string warning() const;

 private:
  Status check_identity() const;
  bool resembles_input() const;
  Status open_in_place(const Interrupted& interrupted);
  Status open_temporary();
  Status append_sparse(const std::uint8_t* data, std::size_t size);
  Status put(std::uint64_t offset, const std::uint8_t* data, std::size_t size);
  void begin_write_back(std::uint64_t end, std::size_t written);
  Status fill_small_hole();
  Status set_final_size();
  Status find_replaced();
  Status find_usual_mode();
  Status try_commit(bool sync, int& error);
  Status commit_in_place(bool sync);
  Status flush_directory() const;
  Status open_failure(const char* message, int error) const;
  Status write_failure(const char* message, int error) const;

  OutputTarget target_;
  TemporaryFile temporary_;  // of a new file
  Descriptor opened_;        // what is written in place
  int fd_ = -1;
  BlockingIo in_place_;  // on fd_, where that is no new file
  Descriptor replaced_;
  AttributeSources sources_;
  std::optional<mode_t> usual_mode_;  // of a new file without any source
  std::vector<FileIdentity> inputs_;
  std::vector<FileIdentity> outputs_;
  std::vector<std::string> lost_;
  bool sparse_ = false;
  bool write_back_early_ = false;
  std::atomic<std::size_t> dirty_{0};  // bytes written since write-back was last begun
  std::uint64_t limit_ = UINT64_MAX;   // to the size of files
  std::uint64_t offset_ = 0;           // of the next byte to write, in a new file
  std::uint64_t hole_ = 0;             // bytes of zeros before it that are not written yet
};

}  // namespace paxect::core
