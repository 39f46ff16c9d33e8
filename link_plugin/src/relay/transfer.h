// One file on its way: what is known of it from the gate to the audit log, and the part of the way that does
// not touch shared state, so that several transfers can take it side by side.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flush.h"
#include "records/journal.h"
#include "settings/link_config.h"
#include "stages/codec.h"
#include "stages/delivery.h"
#include "stages/intake.h"

namespace paxect::link {

enum class Route {
  kEncode,  // plain file -> container with sidecar
  kDecode,  // container -> data
  kForward  // container, checked -> the same container with sidecar
};

// In the reason for the quarantine of a container that is not delivered, and is not lost.
inline constexpr std::string_view kCanBeRepaired = "it can be repaired";

// Which way a file of this name goes.
Route route_of(std::string_view name, Mode mode);

struct Transfer {
  Candidate source;
  Route route = Route::kEncode;
  std::shared_ptr<const Directory> source_directory;
  std::shared_ptr<const Directory> target_directory;
  std::uint64_t max_bytes = UINT64_MAX;  // of data in a container

  // The content of a source, by SHA-256.
  struct Content {
    std::string digest = {};    // "" when unknown
    std::string original = {};  // of the container that was repaired from it; "" unless it was damaged

    // What its sidecar says.
    const std::string& of_sidecar() const { return original.empty() ? digest : original; }
  };
  Content known;  // of a source that was delivered, if this looks like it

  Intent intent;
  Product product;
  Product sidecar;  // of a product that is a container

  Codec::Result result;          // of a source that was repaired: of the container that it was
  std::string damaged_digest;    // of a source that was repaired; "" when not all of it could be read
  UniqueFd leased_source;        // it, from its reading to its removal, while a granted lease is on it
  std::string source_sidecar;    // the name of the source's, "" when it has none
  FileIdentity read_sidecar;     // the file of that name, once its digest was found to be the container's
  FileIdentity settled_sidecar;  // it, if it was complete when the source was taken
  // Digest and name of the entry of a list that the journal did not know, which names its container.
  std::optional<LostEntries::key_type> sent_before = {};
  // Of a container that Receiver::claim() found no open entry for: what it is to be quarantined with where it
  // waits for a list for too long.
  Status unlisted = {};
  Status status;
  Published published = Published::kDelivered;

  // Of a file that may be in hand for long: since when, in UTC, and the bytes of it that were read so far, by
  // all passes together. Other threads may read the counter.
  std::int64_t taken_utc_ns = 0;
  std::shared_ptr<std::atomic<std::uint64_t>> bytes_read = nullptr;

  bool is_large() const { return bytes_read != nullptr; }
  // How often its bytes are read.
  unsigned passes() const { return route == Route::kForward ? 2 : 1; }
  std::string source_path() const { return source_directory->path_of(source.name); }
  bool makes_container() const { return route != Route::kDecode; }
};

// Names the temporary files after the relay and the intent's id.
void name_temporaries(Transfer* transfer, const std::string& relay_token);

// Reads the source with this core (the built-in one when its command is empty) and writes the
// product; the outcome is in transfer->status. After a failure temporary files may remain, for abandon().
// Touches nothing but the transfer and the codec.
void work_on(Transfer* transfer, Codec* codec, const ExternalCore& core);

// Makes what was written durable, contents and temporary names: all products of a batch, and `more` with
// them, of which `*outcome` receives the first failure.
void flush_all(std::span<Transfer> batch, std::span<const Unflushed> more = {}, Status* outcome = nullptr);

// The failure of a source that changed while it was read.
Status changed(const Transfer& transfer);

// Whether the source is still the file that was read.
Status check_unchanged(const Transfer& transfer);

// Records in the intent what the products are, once they are durable.
void note_products(Transfer* transfer);
// The content of the source, once it was read.
Transfer::Content content_of(const Transfer& transfer);

// Gives the product its name.
Status publish(Transfer* transfer, const Stop& stop, const AboutTo& about_to);
// Removes the temporary files. False when one may be left.
bool abandon(Transfer* transfer);

}  // namespace paxect::link
