#include "relay/places.h"

#include <utility>

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
    PlaceLook look;
    std::string token;
    status = find(*side, &look, &token);
    const Side& other = side == &inbox_ ? outbox_ : inbox_;
    if (status.ok() && other.tree->is_open() &&
        is_one_file(look_at(look.directory->fd()), look_at(other.tree->root().fd())))
      status = Status::refused("place", std::string(side->role) + " " + side->path + " and " + other.role +
                                            " " + other.path + " are one directory: give two");
    if (status.ok() && side == &inbox_) status = parts_.lock.acquire_directory(*look.directory);
    if (status.ok()) status = note(*side, look, token);
    if (status.ok()) {
      tidy_marker(*look.directory);
      side->tree->use(look.directory, token);
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

Status Places::find(const Side& side, PlaceLook* look, std::string* token) {
  if (Status status = finder_.look(side.path, look); !status.ok()) return status;
  const KnownPlace* known = current_place(parts_.journal.places(), side.role, side.path);
  if (known != nullptr) return judge(side, KnownPlace(*known), *look, token);
  if (side.must_be_mount && finder_.mount_at(side.path) == kNone)
    return Status::environment(std::string(side.role) + " " + side.path +
                               " is on no mount of its own, and outbox_is_mount is set: mount it");
  Status status;
  if (!look->directory) status = make(side, look);
  return status.ok() ? mark(side, *look, token) : status;
}

Status Places::judge(const Side& side, const KnownPlace& known, const PlaceLook& look, std::string* token) {
  const std::string name = std::string(side.role) + " " + side.path;
  const PlaceMatch match = match_place(known, look);
  const bool was_mount = known.mount != kNone;
  const bool is_mount = look.mount != kNone;
  if (match == PlaceMatch::kMissing)
    return Status::environment(name + " does not exist any more: " +
                               (was_mount ? "mount it (" + known.mount + ")" : "bring it back"));
  if (match == PlaceMatch::kSame || match == PlaceMatch::kSameUnmarked) {
    *token = known.token;
    return match == PlaceMatch::kSame ? Status::success() : mark(side, look, token);
  }
  if (is_adopted(side, look, token)) return mark(side, look, token);
  if (match == PlaceMatch::kNotMounted) return elsewhere(side, "is not mounted (" + known.mount + ")");
  bool may_take_turns = is_known(side, look.token);
  if (!may_take_turns && is_mount)
    if (Status status = is_unused(*look.directory, &may_take_turns); !status.ok()) return status;
  if (!may_take_turns)
    return elsewhere(side, look.token.empty() ? "is another directory than before: it has no marker"
                                              : "is another place than before: its marker differs");
  if (const std::size_t open = parts_.journal.open_towards(known.token); open > 0)
    return elsewhere(
        side, "is another place than before, and deliveries to that are unfinished: " + std::to_string(open));
  return mark(side, look, token);
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

bool Places::is_adopted(const Side& side, const PlaceLook& look, std::string* token) const {
  const std::string wanted = adopted(adopt_of(parts_.config.state), side.role);
  if (wanted.empty()) return false;
  if (wanted != look.token && !(look.token.empty() && is_derived(*look.directory, wanted))) return false;
  *token = wanted;
  return true;
}

// ---- making it the place -------------------------------------------------------------------------------

Status Places::make(const Side& side, PlaceLook* look) {
  if (Status status = make_directories(side.path); !status.ok()) return status;
  Status status = finder_.look(side.path, look);
  if (status.ok() && !look->directory) return Status::environment(side.path + " came and went");
  return status;
}

// Makes the marker with this token, or a new one, unless there is one or nobody with our rights can make one.
Status Places::mark(const Side& side, const PlaceLook& look, std::string* token) {
  if (!look.token.empty()) {
    *token = look.token;
    return Status::success();
  }
  const bool is_back = !token->empty();
  if (!is_back) *token = make_token();
  bool is_refused = false;
  Status status = make_marker(*look.directory, token, &is_refused);
  if (is_refused && !is_back) *token = derived_token(*look.directory);
  if (is_refused) return Status::success();
  if (status.ok() && is_back)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = look.directory->path_of(kPlaceMarker),
                         .status = "ok",
                         .message = std::string(side.role) + " had lost its marker: made again"});
  return status;
}

Status Places::note(const Side& side, const PlaceLook& look, const std::string& token) {
  const KnownPlace* current = current_place(parts_.journal.places(), side.role, side.path);
  const KnownPlace found{.role = side.role,
                         .token = token,
                         .mount = look.mount,
                         .path = side.path,
                         .fingerprint = look.fingerprint};
  if (current != nullptr && *current == found) return Status::success();
  const bool is_other = current != nullptr && current->token != token;
  if (Status status = parts_.journal.note_place(found); !status.ok()) return status;
  if (is_other)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "place",
                         .source = side.path,
                         .status = "ok",
                         .message = std::string(side.role) + " is another place from now on" +
                                    (look.mount == kNone ? "" : ": " + look.mount)});
  const std::string path = adopt_of(parts_.config.state);
  return adopted(path, side.role).empty() ? Status::success() : adopt(path, side.role, "");
}

void Places::keep_markers() {
  for (const Side* side : {&inbox_, &outbox_}) {
    const Tree& tree = *side->tree;
    if (!tree.is_in_place() || tree.root().look(kPlaceMarker).kind != FileKind::kMissing ||
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
