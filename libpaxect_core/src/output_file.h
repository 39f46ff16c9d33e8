// Every file that this project writes: it appears under its name complete or not at all.
//
// A regular file is written under no name, or a hidden one, beside its target and takes the target's place
// in commit(). Anything else (a device, a FIFO, standard output) is written to directly. Destroyed without
// commit, it leaves no trace of a regular file.
//
// One thread at a time, but for write_at.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "descriptor.h"
#include "file_identity.h"
#include "status.h"

namespace paxect::core {

class OutputFile {
 public:
  OutputFile() = default;
  ~OutputFile() { discard(); }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // "-" is standard output. `others` are the files that it must not be: the inputs, and the other outputs of
  // the same command. Nothing is visible under the path yet. Errors: OPEN, SAME_FILE.
  Status open(const std::string& path, std::span<const FileIdentity> others);
  // Whether to leave holes for runs of zeros where the output is a new regular file. Before the first write.
  void set_sparse(bool sparse) { sparse_ = sparse && is_new_file(); }
  // Has the system begin to write a new regular file to the disk while the rest of it is made, for a file
  // that is flushed in the end. What replaces a file is written so anyway: file systems flush it at the
  // rename.
  void set_write_back_early() { write_back_early_ = is_new_file(); }

  // Appends. Errors: WRITE; CANCELLED when interrupted.
  Status write(const void* data, std::size_t size, const Interrupted& interrupted);

  // Whether write_at can be used: the output is a new regular file, of zeros until something is written.
  bool is_new_file() const { return !target_.empty(); }
  // Writes at an offset, from any thread; not together with write, whose place it does not move. Leaves holes
  // as write does, and at the edges of `data` for fewer zeros, which others may continue. Requires:
  // is_new_file(). Errors: WRITE.
  Status write_at(std::uint64_t offset, const void* data, std::size_t size);
  // What the size becomes in commit, after write_at. Requires: is_new_file().
  void set_size(std::uint64_t size) { offset_ = size; }

  // Puts the file under its name, in one step, replacing what was there; with `sync` it is durable
  // afterwards. Errors: WRITE.
  Status commit(bool sync);

 private:
  Status open_in_place(int flags);
  Status open_temporary();
  Status append(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted);
  Status append_sparse(const std::uint8_t* data, std::size_t size);
  Status put(std::uint64_t offset, const std::uint8_t* data, std::size_t size);
  void begin_write_back(std::uint64_t end, std::size_t written);
  Status fill_small_hole();
  Status set_final_size();
  Status name_temporary();
  void discard();
  Status open_failure(const char* message, int error) const;
  Status write_failure(const char* message, int error) const;

  std::string name_;       // as the user gave it
  std::string target_;     // what is replaced in the end; empty: written directly
  std::string directory_;  // of target_
  std::string temporary_;  // a name to remove on failure; empty: none
  Descriptor owned_;
  int fd_ = -1;
  bool exists_ = false;
  mode_t mode_ = 0;
  bool sparse_ = false;
  bool write_back_early_ = false;
  std::atomic<std::size_t> dirty_{0};  // bytes written since write-back was last begun
  std::uint64_t offset_ = 0;           // of the next byte to write, in a new file
  std::uint64_t hole_ = 0;             // bytes of zeros before it that are not written yet
};

}  // namespace paxect::core
