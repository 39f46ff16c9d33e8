// Names of files, subjects and streams: every one that the carrier makes or recognises is here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paxect::carrier {

enum class FileKind {
  kNever,      // hidden, unfinished: not sent
  kContainer,  // NAME.freq
  kSidecar,    // NAME.freq.sha256: goes with its container
  kStatement,  // a signed list, a receipt, or a signature of one: for every receiver
  kOther
};

// By the last component of a path.
FileKind kind_of(std::string_view path);

// Whether a receiver may make a file of this relative path: no empty part, no "." and "..", nothing hidden
// or unfinished, each part at most 255 bytes, all of it at most 4095.
bool is_valid_path(std::string_view path);

std::string sidecar_of(std::string_view container);
std::string container_of(std::string_view sidecar);
// The hidden name of what is not delivered yet, beside its final place.
std::string temporary_of(std::string_view path, std::string_view id);
std::string sidecar_temporary_of(std::string_view path, std::string_view id);
// The name of an empty file that is there from before the rename of the hidden file until its record.
std::string witness_of(std::string_view path, std::string_view id);
// Whether a name, without its folder, is one of the three; *id receives that of the job.
bool is_temporary(std::string_view name, std::string* id);
// The hidden name of a file while it is removed, "" when it would be too long; and the name that a file with
// such a name had, "" for another file.
std::string leaving_of(std::string_view name);
std::string name_of_leaving(std::string_view hidden);
// NAME.DIGITS.freq: the name that a container gets when its own is taken. At most 255 bytes in its last part,
// with room for the sidecar's suffix.
std::string conflict_of(std::string_view path, std::string_view digits);
// "folder/name": the folder, "" for none, and the name.
std::string folder_of(std::string_view path);
std::string base_of(std::string_view path);
std::string join(std::string_view folder, std::string_view name);

inline constexpr char kPlaceMarker[] = ".paxect-place";        // of link
inline constexpr char kOwnMarker[] = ".paxect-carrier-place";  // of a receiver
inline constexpr char kReceivers[] = "receivers";              // the consumer of the jobs

// The subjects and streams of one SUBJECT.
class Names {
 public:
  explicit Names(std::string subject) : subject_(std::move(subject)) {}

  std::string stream(std::string_view what) const { return subject_ + "_" + std::string(what); }
  std::string subject(std::string_view what, std::string_view id) const {
    return subject_ + "." + std::string(what) + "." + std::string(id);
  }
  std::string chunk(std::string_view id, std::uint64_t number) const {
    return subject("data", id) + "." + std::to_string(number);
  }
  std::string ask() const { return subject_ + ".ask"; }
  std::string peers() const { return subject_ + ".peers"; }

 private:
  std::string subject_;
};

// The last token of a subject.
std::string id_of_subject(std::string_view subject);

// What the subjects of one kind of message have in common: "north.data." of chunks, "$JS.API.STREAM.INFO." of
// one call.
std::string kind_of_subject(std::string_view subject);

}  // namespace paxect::carrier
