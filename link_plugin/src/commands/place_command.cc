// `place`: the directories that the relay works in, whether they are the ones from before, and how the
// operator says that another one is the place from now on.
#include "base/place.h"
#include "base/place_marker.h"
#include "base/relay_paths.h"
#include "base/token.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "records/adoption.h"
#include "records/place_match.h"

namespace paxect::link {
namespace {

struct Place {
  const char* role;
  std::string path;
  PlaceObservation observed = {};
  std::string problem = {};  // why it cannot be checked
  std::optional<KnownPlace> known = {};
  std::size_t unfinished = 0;  // deliveries towards the known one

  const char* state() const {
    if (!problem.empty()) return "unreadable";
    if (!known) return observed.directory ? "new" : "none";
    switch (match_place(*known, observed)) {
      case PlaceMatch::kSame:
      case PlaceMatch::kSameUnmarked:
        return "here";
      case PlaceMatch::kMissing:
        return "missing";
      case PlaceMatch::kNotMounted:
        return "not mounted";
      case PlaceMatch::kOther:
        break;
    }
    return "another";
  }
  bool is_away() const { return !problem.empty() || (known && std::string_view(state()) != "here"); }
};

std::vector<Place> places_of(const RelayContext& context, const JournalContents& journal) {
  const LinkConfig& config = context.config;
  const PlaceFinder finder(directory_name(config.state));
  std::vector<Place> places = {{"inbox", config.inbox}, {"outbox", config.outbox}};
  // Below the inbox it has no identity of its own.
  if (!config.quarantine.starts_with(config.inbox + "/")) places.push_back({"quarantine", config.quarantine});
  for (Place& place : places) {
    place.problem = finder.observe(place.path, &place.observed).message;
    const KnownPlace* known = current_place(journal.places, place.role, place.path);
    if (known == nullptr) continue;
    place.known = *known;
    for (const Intent& intent : journal.intents)
      // Of one that is not prepared nothing has left the inbox: its file may have failed since.
      if (intent.prepared && !intent.finished && intent.target_place == known->token) ++place.unfinished;
  }
  return places;
}

void print_json(const std::vector<Place>& places, Console* console) {
  JsonLine json;
  json.begin_array("places");
  for (const Place& place : places) {
    json.begin_element();
    json.add("role", place.role);
    json.add("path", place.path);
    json.add("state", place.state());
    json.add("token", place.observed.token);
    json.add("mount", place.observed.mount);
    json.add("known_token", place.known ? place.known->token : "");
    json.add("known_mount", place.known ? place.known->mount : "-");
    json.add("unfinished", std::uint64_t{place.unfinished});
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

void print_text(const std::vector<Place>& places, Console* console) {
  for (const Place& place : places) {
    std::string text = std::string(place.state()) + "  " + shown(place.path);
    if (place.observed.mount != "-") text += ", " + shown(place.observed.mount);
    if (place.is_away() && place.known && place.known->mount != "-")
      text += ", before " + shown(place.known->mount);
    if (place.unfinished > 0) text += ", " + count_text(place.unfinished, "delivery") + " unfinished";
    console->row(place.role, text);
    if (!place.problem.empty()) console->row("", shown(place.problem));
  }
}

paxect_plugin_status adopt_place(const Call& call, const RelayContext& context, const Place& place) {
  const std::string name = std::string(place.role) + " " + place.path;
  if (!place.problem.empty()) return call.fail(PAXECT_PLUGIN_CONFIG, place.problem);
  if (!place.observed.directory)
    return call.fail(PAXECT_PLUGIN_CONFIG, name + " does not exist: mount or make it first");
  if (!place.is_away()) {
    call.console().line(shown(name) + (place.known ? " is the place already" : " is taken as it is"));
    return PAXECT_PLUGIN_OK;
  }
  std::string token = place.observed.token;
  if (token.empty()) {
    token = make_token();
    bool is_refused = false;
    Status status = make_marker(*place.observed.directory, &token, &is_refused);
    if (is_refused) token = derived_token(*place.observed.directory);
    if (!status.ok() && !is_refused) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  if (Status status = adopt(adopt_of(context.config.state), place.role, token); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  call.console().line(shown(name) + " is adopted: the relay works in it " +
                      (context.runs() ? "within seconds" : "from its next start on"));
  if (place.unfinished > 0)
    call.console().line("not finished towards the one from before, and held until that is back: " +
                        std::to_string(place.unfinished));
  return PAXECT_PLUGIN_OK;
}

}  // namespace

paxect_plugin_status run_place(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  if (!words.empty() && (words.size() != 2 || words[0] != "adopt" || call.arguments().json))
    return call.fail(PAXECT_PLUGIN_USAGE, "use paxect link place [--json], or paxect link place adopt ROLE");
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  JournalContents journal;
  if (Status status = read_journal(journal_of(context.config.state), &journal); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const std::vector<Place> places = places_of(context, journal);
  if (words.empty()) {
    if (call.arguments().json)
      print_json(places, &call.console());
    else
      print_text(places, &call.console());
    for (const Place& place : places)
      if (place.is_away()) return PAXECT_PLUGIN_INCOMPLETE;
    return PAXECT_PLUGIN_OK;
  }
  for (const Place& place : places)
    if (words[1] == place.role) return adopt_place(call, context, place);
  return call.fail(PAXECT_PLUGIN_USAGE,
                   "'" + words[1] +
                       "' is no place of this relay: give inbox, outbox, or quarantine where that " +
                       "is not below the inbox");
}

}  // namespace paxect::link
