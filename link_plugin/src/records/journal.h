// What is under way, so that a restart knows which half-done deliveries happened.
//
// A delivery has two effects, a new name in the outbox and a source that goes away, and a crash can fall
// between them; the receiver may even have taken the output by then, so the directories alone cannot tell.
// The journal can:
//   begin    which source becomes which temporary file; written before the temporary exists
//   prepare  the temporary is complete and durable; durable itself before anything is renamed
//   abort    it will not be delivered after all; durable before the temporary is removed
//   finish   the source is gone, or remembered
// A temporary file goes away in one step with the appearance of its final name. So after a crash: not
// prepared, or the temporary still there: not delivered, the temporary is removed and the source is done
// again. Prepared and no temporary: delivered; the source is removed, or remembered, without a second
// delivery.
//
// The file is text, one record a line, each closed by the first 8 hexadecimal digits of its SHA-256; reading
// ends at the first line that does not check out, which can only be torn by a crash. Not for two threads at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

struct Intent {
  std::uint64_t id = 0;
  std::string source;     // path in the inbox
  FileIdentity identity;  // of the source; its device is not kept, it may differ after a restart
  bool into_inbox = false;
  bool container = false;  // makes a container with a sidecar
  std::string folder;      // below the inbox or outbox
  std::string temporary;
  std::string name;
  std::string side_temporary;  // of the sidecar; "" for none
  std::string digest;          // of the product, once prepared
  std::uint64_t log_offset = 0;
  bool prepared = false;  // and not aborted
  bool finished = false;
};

// A journal as it lies on disk; `valid` bytes of it check out.
struct JournalContents {
  std::vector<Intent> intents;  // in order of their ids
  std::unordered_map<std::string, FileIdentity> remembered;
  std::size_t valid = 0;
};
// Only looks: a relay may be appending to it. No file is an empty journal.
Status read_journal(const std::string& path, JournalContents* out);

// Whether a source that is remembered is what stands under its path; one that is being removed has been
// renamed since.
bool is_same_source(const std::string& path, const FileIdentity& remembered, const FileIdentity& found);

class Journal {
 public:
  // Reads what an earlier process left, in order of their ids, and goes on behind it. The old contents stay
  // until clear().
  Status open(const std::string& path, std::vector<Intent>* left);

  // The ids are given by next_id().
  std::uint64_t next_id() { return ++last_id_; }
  Status begin(std::span<const Intent> intents);
  Status prepare(std::span<const Intent> intents);
  Status abort(std::span<const std::uint64_t> ids);
  // Not durable, and no harm when it is lost: recovery comes to the same result.
  void finish(std::span<const std::uint64_t> ids);

  // Sources that were delivered but are still there, by policy or because they cannot be removed; also under
  // their hidden names.
  void remember(const std::string& source, const FileIdentity& identity);
  void forget(const std::string& source) { remembered_.erase(source); }
  const std::unordered_map<std::string, FileIdentity>& remembered() const { return remembered_; }
  bool is_done(const std::string& source, const FileIdentity& identity) const;

  // Writes the journal anew with only what is remembered and still there. Only between deliveries, when the
  // removal of every delivered source is durable.
  Status clear(const std::function<bool(const std::string& source, const FileIdentity&)>& still_there);
  // Bytes written since then, or all when it was opened later.
  std::uint64_t grown() const { return size_ - kept_; }

 private:
  Status append(const std::string& lines, bool durable);

  std::string path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t kept_ = 0;  // by the last clear()
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::string, FileIdentity> remembered_;
};

}  // namespace paxect::link
