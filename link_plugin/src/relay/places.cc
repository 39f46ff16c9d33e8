#include "relay/places.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/place_marker.h"
#include "base/relay_paths.h"
#include "base/token.h"
#include "records/adoption.h"
#include "records/place_match.h"

namespace paxect::link {
namespace {

constexpr std::string_view kNone = "-";

// "a/b" when `path` is that below `directory`, "" when it is not below it.
std::string below(const std::string& path, const std::string& directory) {
  if (!path.starts_with(directory + "/")) return "";
  return path.substr(directory.size() + 1);
}

// The place in which somebody else made this marker after it was known.
const KnownPlace* place_with_marker(const std::vector<KnownPlace>& places, const char* role,
                                    const std::string& marker) {
  const auto found = std::find_if(places.begin(), places.end(), [&](const KnownPlace& place) {
    return place.role == role && has_marker(place, marker);
  });
  return found == places.end() ? nullptr : &*found;
}

bool is_derived(const Directory& directory, const std::string& token) {
  return derived_token(directory) == token;
}

}  // namespace

Places::Places(const Parts& parts)
    : parts_(parts),
      finder_(directory_name(parts.config.state)),
      inbox_{kInboxRole, parts.config.inbox, false, &parts.inbox},
      outbox_{kOutboxRole, parts.config.outbox, parts.config.outbox_is_mount, &parts.outbox},
      quarantine_{"quarantine", parts.config.quarantine, false, &quarantine_tree_} {}

Status Places::check(Change* change) {
  *change = {};
  Status inbox = settle(&inbox_, &change->inbox);
  Status outbox = settle(&outbox_, &change->outbox);
  return inbox.ok() ? outbox : inbox;
}

// Opens what the path leads to if that is the place, or may take its turn.
Status Places::settle(Side* side, bool* changed) {
  Status status;
  if (!side->tree->is_in_place()) {
    PlaceObservation observed;
    std::string token;
    status = find(*side, &observed, &token);
    const Side& other = side == &inbox_ ? outbox_ : inbox_;
    if (status.ok() && other.tree->is_open() &&
        is_one_file(stat_fd(observed.directory->fd()), stat_fd(other.tree->root().fd())))
      status = Status::refused("place", std::string(side->role) + " " + side->path + " and " + other.role +
                                            " " + other.path + " are one directory: give two");
    if (status.ok() && side == &inbox_) status = parts_.lock.acquire_directory(*observed.directory);
    if (status.ok()) status = note(*side, observed, token);
    if (status.ok()) {
      tidy_marker(*observed.directory);
      side->tree->use(observed.directory, token);
      *changed = true;
    }
  }
  report(side, status);
  return status;
}

void Places::report(Side* side, const Status& status) {
  const bool was_away = std::exchange(side->is_away, !status.ok());
  parts_.reporter.report_problem(side->role, status.message);
  if (was_away && status.ok())
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = side->path,
                         .status = "ok",
                         .message = std::string(side->role) + " is there again"});
}

// ---- which directory it is -----------------------------------------------------------------------------

Status Places::find(const Side& side, PlaceObservation* observed, std::string* token) {
  if (Status status = finder_.observe(side.path, observed); !status.ok()) return status;
  const KnownPlace* known = current_place(parts_.journal.places(), side.role, side.path);
  if (known != nullptr) return judge(side, KnownPlace(*known), *observed, token);
  if (side.must_be_mount && finder_.mount_at(side.path) == kNone)
    return Status::environment(std::string(side.role) + " " + side.path +
                               " is on no mount of its own, and outbox_is_mount is set: mount it");
  Status status;
  if (!observed->directory) status = make(side, observed);
  return status.ok() ? mark(side, *observed, token) : status;
}

Status Places::judge(const Side& side, const KnownPlace& known, const PlaceObservation& observed,
                     std::string* token) {
  const std::string name = std::string(side.role) + " " + side.path;
  const PlaceMatch match = match_place(known, observed);
  const bool was_mount = known.mount != kNone;
  const bool is_mount = observed.mount != kNone;
  if (match == PlaceMatch::kMissing)
    return Status::environment(name + " does not exist any more: " +
                               (was_mount ? "mount it (" + known.mount + ")" : "bring it back"));
  if (match == PlaceMatch::kSame || match == PlaceMatch::kSameUnmarked) {
    *token = known.token;
    return match == PlaceMatch::kSame ? Status::success() : mark(side, observed, token);
  }
  if (is_adopted(side, observed, token)) return mark(side, observed, token);
  if (match == PlaceMatch::kNotMounted) return elsewhere(side, "is not mounted (" + known.mount + ")");
  const KnownPlace* other = place_with_marker(parts_.journal.places(), side.role, observed.token);
  bool may_take_turns = other != nullptr || is_known(side, observed.token);
  if (!may_take_turns && is_mount)
    if (Status status = is_unused(*observed.directory, &may_take_turns); !status.ok()) return status;
  if (!may_take_turns)
    return elsewhere(side, observed.token.empty() ? "is another directory than before: it has no marker"
                                                  : "is another place than before: its marker differs");
  if (const std::size_t open = parts_.journal.open_towards(known.token); open > 0)
    return elsewhere(
        side, "is another place than before, and deliveries to that are unfinished: " + std::to_string(open));
  if (other != nullptr) *token = other->token;
  if (other != nullptr) return Status::success();
  return mark(side, observed, token);
}

Status Places::elsewhere(const Side& side, const std::string& what) const {
  return Status::environment(std::string(side.role) + " " + side.path + " " + what +
                             ": bring back the one from before, or run 'paxect link place adopt " +
                             side.role + "' to go on with this one");
}

bool Places::is_known(const Side& side, const std::string& token) const {
  if (token.empty()) return false;
  for (const KnownPlace& place : parts_.journal.places())
    if (place.role == side.role && place.token == token) return true;
  // Deliveries towards it are unfinished: the journal has lost what it knew of the place itself.
  return parts_.journal.open_towards(token) > 0;
}

bool Places::is_adopted(const Side& side, const PlaceObservation& observed, std::string* token) const {
  const std::string wanted = adopted(adopt_of(parts_.config.state), side.role);
  if (wanted.empty()) return false;
  if (wanted != observed.token && !(observed.token.empty() && is_derived(*observed.directory, wanted)))
    return false;
  *token = wanted;
  return true;
}

// ---- making it the place -------------------------------------------------------------------------------

Status Places::make(const Side& side, PlaceObservation* observed) {
  if (Status status = make_directories(side.path); !status.ok()) return status;
  Status status = finder_.observe(side.path, observed);
  if (status.ok() && !observed->directory) return Status::environment(side.path + " came and went");
  return status;
}

// Makes the marker with this token, or a new one, unless there is one or nobody with our rights can make one.
Status Places::mark(const Side& side, const PlaceObservation& observed, std::string* token) {
  if (!observed.token.empty()) {
    *token = observed.token;
    return Status::success();
  }
  const bool is_back = !token->empty();
  if (!is_back) *token = make_token();
  bool is_refused = false;
  Status status = make_marker(*observed.directory, token, &is_refused, parts_.stop);
  if (is_refused && !is_back) *token = derived_token(*observed.directory);
  if (is_refused) return Status::success();
  if (status.ok() && is_back)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = observed.directory->path_of(kPlaceMarker),
                         .status = "ok",
                         .message = std::string(side.role) + " had lost its marker: made again"});
  return status;
}

Status Places::note(const Side& side, const PlaceObservation& observed, const std::string& token) {
  const KnownPlace* current = current_place(parts_.journal.places(), side.role, side.path);
  KnownPlace found{.role = side.role,
                   .token = token,
                   .mount = observed.mount,
                   .path = side.path,
                   .fingerprint = evidence_of(observed, token)};
  // A marker that was removed does not take the place away from whoever made it.
  if (current != nullptr && current->token == token && observed.token.empty() && found.fingerprint.empty())
    found.fingerprint = current->fingerprint;
  if (current != nullptr && *current == found) return Status::success();
  const bool is_other = current != nullptr && current->token != token;
  if (Status status = parts_.journal.note_place(found); !status.ok()) return status;
  if (is_other)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = side.path,
                         .status = "ok",
                         .message = std::string(side.role) + " is another place from now on" +
                                    (observed.mount == kNone ? "" : ": " + observed.mount)});
  if (has_marker(found, observed.token))
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = side.path,
                         .status = "ok",
                         .message = std::string(side.role) +
                                    " has got a marker from somebody else: it is known by " +
                                    "that from now on"});
  const std::string path = adopt_of(parts_.config.state);
  return adopted(path, side.role).empty() ? Status::success() : adopt(path, side.role, "");
}

void Places::keep_markers() {
  for (const Side* side : {&inbox_, &outbox_}) {
    const Tree& tree = *side->tree;
    if (!tree.is_in_place() || tree.root().stat_of(kPlaceMarker).kind != FileKind::kMissing ||
        is_derived(tree.root(), tree.token()))
      continue;
    std::string token = tree.token();
    Status ignored = mark(*side, {.directory = tree.shared_root()}, &token);
  }
}

Status Places::open_quarantine(std::shared_ptr<const Directory>* out) {
  const std::string folder = below(parts_.config.quarantine, parts_.config.inbox);
  if (!folder.empty()) {
    if (!inbox_.tree->is_in_place()) return Status::environment("inbox " + inbox_.path + " is away");
    auto opened = std::make_shared<Directory>();
    Status status = inbox_.tree->root().open_below(folder, true, opened.get());
    *out = std::move(opened);
    return status;
  }
  bool changed = false;
  Status status = settle(&quarantine_, &changed);
  if (status.ok()) *out = quarantine_tree_.shared_root();
  return status;
}

}  // namespace paxect::link
