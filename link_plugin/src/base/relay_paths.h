// Every file name that link makes is made here, and every name that means something to it is recognised here.
// Names are bytes; nothing here touches the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::link {

enum class Naming {
  kStem,  // a.txt -> a.freq -> a
  kFull   // a.txt -> a.txt.freq -> a.txt
};

// The longest file name that the file systems we know take, in bytes.
inline constexpr std::size_t kNameMax = 255;

// The folder of lists and receipts in an outbox, and so in the inbox of who gets its contents. It has a
// visible name so that `cp *` takes it along.
inline constexpr char kProofFolder[] = "paxect.proof";

// Dot files, *.part, *.tmp, and the folder of lists and receipts: never taken, whatever the settings say.
bool is_never_taken(std::string_view name);
// NAME.freq, and NAME.freq.sha256, in any ASCII case.
bool is_container(std::string_view name);
bool is_sidecar(std::string_view name);

// link_manifest*.json: a peer's manifest, or our own.
bool is_manifest(std::string_view name);
// Stands for the name of every peer while nobody could list their manifests.
inline constexpr char kManifestFolder[] = "folder of the manifests";

// The marker of an inbox, an outbox or a quarantine.
inline constexpr char kPlaceMarker[] = ".paxect-place";

// From the last dot on, ".txt"; "" when there is none, or only at the end.
std::string_view suffix_of(std::string_view name);

std::string container_of(std::string_view plain, Naming naming);
std::string data_of(std::string_view container);
std::string sidecar_of(std::string_view container);
// The names that the sidecar of a container can have: sidecar_of() first, then ".SHA256" in every other case.
std::vector<std::string> sidecar_spellings(std::string_view container);
std::string container_of_sidecar(std::string_view sidecar);

// The name of a file of our own while it is written, beside its final place: .NAME.part; for a name too long
// for that, one made from its digest.
std::string temporary_of(std::string_view name);
// The name of a product while it is written: .paxect-RELAY-ID.part, with "-s" before the suffix for a
// sidecar. RELAY is the first half of the relay's token, ID that of the intent: no two deliveries, of any two
// relays, have the same one.
std::string product_temporary_of(std::string_view relay_token, std::uint64_t id);
std::string sidecar_temporary_of(std::string_view relay_token, std::uint64_t id);
// Whether the name is such a one of this relay; `*id` receives the intent's.
bool is_product_temporary(std::string_view name, std::string_view relay_token, std::uint64_t* id);
// The half of the relay's token that its temporaries and its lines in the log have.
std::string_view short_token_of(std::string_view relay_token);

// The name of a file while it is removed, beside where it was: .NAME.paxect-leaving; a name too long for that
// is cut as by apart_of(). name_of_tombstone() returns the part that is left.
std::string tombstone_of(std::string_view name);
bool is_tombstone(std::string_view name);
std::string name_of_tombstone(std::string_view tombstone);

// How many digits distinguish one name from another: 8, and more only where even those names are taken.
inline constexpr std::size_t kConflictDigits[] = {8, 16, 32, 64};

// A name that `digits` distinguish from `name`, with the same suffix: a.HHHHHHHH.txt. At most `longest` bytes
// long, and so is the name of the sidecar of a container.
std::string apart_of(std::string_view name, std::string_view digits, std::size_t longest = kNameMax);

// The name to take when `name` is taken by other content: NAME.HHHHHHHH, before the suffix of a container.
// `digits` of the digest's 64 hexadecimal digits, which are those of the data, not of the container.
std::string conflict_of(std::string_view name, std::string_view digest_hex, std::size_t digits);

// NAME and NAME.reason.json in the quarantine; `number` counts up from 0 while the name is taken.
// A long name is cut; its reason file has all of it.
std::string quarantined_of(std::string_view name, unsigned number);
std::string reason_of(std::string_view quarantined);

// The journal, what the operator adopted, and the status file. `state` is the path of the lock, or one with
// its name in another directory.
std::string journal_of(std::string_view state);
std::string adopt_of(std::string_view state);
// A journal that was damaged, kept for whoever wants to look into it.
std::string damaged_journal_of(std::string_view journal_path, std::string_view stamp);
std::string status_of(std::string_view state);
// What the operator wants to be sent again: lines "STREAM ENTRY".
std::string resend_of(std::string_view state);
// The folder of receipts that the operator imported.
std::string imported_receipts_of(std::string_view state);
// log.jsonl -> log.20261122T140000Z.jsonl; with a number when two rotations fall into one second.
std::string rotated_log_of(std::string_view log_path, std::string_view stamp, unsigned number);
// Whether `name` is a rotated part of the log `base`: STEM.YYYYMMDDTHHMMSSZ[.N].jsonl by the relay, or BASE.N
// and BASE-YYYYMMDD[...] by logrotate; compressed or not.
bool is_rotated_log(std::string_view name, std::string_view base);
bool is_compressed_log(std::string_view name);
// The quarantine when none is configured.
std::string default_quarantine_of(std::string_view inbox);

// PATH.pub, of the secret key PATH. The pinned keys of a node: NODE.pub, NODE.1.pub, ..., by their number
// from 0 on, and each when it was retired or revoked: FILE.retired, FILE.revoked. node_of_pinned() gives the
// node of each, "" where the name has another form; no name of a node ends with a dot and a number.
enum class PinState { kPinned, kRetired, kRevoked };
// "pinned", "retired", "revoked".
std::string_view name_of(PinState state);
std::string public_key_of(std::string_view path);
std::string pinned_of(std::string_view node, unsigned number);
std::string retired_of(std::string_view file);
std::string revoked_of(std::string_view file);
std::string node_of_pinned(std::string_view name, PinState* state);

// The list and the receipt of this number in a stream of a node, and the signature beside each:
// NODE.STREAM.NUMBER.list, NODE.STREAM.NUMBER.receipt, FILE.minisig.
std::string list_of(std::string_view node, std::string_view stream, std::uint64_t number);
std::string receipt_of(std::string_view node, std::string_view stream, std::uint64_t number);
std::string signature_of(std::string_view file);

// "folder/name"; just the name when the folder is "".
std::string join(std::string_view folder, std::string_view name);
// The last component of a path, and all before it ("." for none).
std::string_view base_name(std::string_view path);
std::string directory_name(std::string_view path);
// The folder of a path that is relative to the inbox or the outbox, "" for the inbox or the outbox itself.
std::string folder_of(std::string_view path);
// Whether `path` is `directory` or below it; "" and "/" hold everything.
bool is_within(std::string_view path, std::string_view directory);

}  // namespace paxect::link
