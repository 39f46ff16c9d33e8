// `quarantine`: what was given up, and what the operator does with it.
//
// The relay may be running. It only ever adds to the quarantine, and takes a file that comes back as it takes
// any other that is renamed into its inbox.
#include <algorithm>
#include <boost/filesystem/path.hpp>

#include "base/move_file.h"
#include "base/printable.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/quarantine_items.h"
#include "commands/relay_context.h"

namespace paxect::link {
namespace {

void add_json(const QuarantineItem& item, JsonLine* json) {
  json->begin_element();
  json->add("name", item.name);
  json->add("bytes", item.size);
  json->add("sidecar", item.has_sidecar);
  json->add("event", item.event);
  json->add("reason", item.reason);
  json->add("detail", item.detail);
  json->add("attempts", item.attempts);
  json->add("first_utc", item.first_utc);
  json->add("last_utc", item.last_utc);
  json->add("source", item.source);
  json->end_object();
}

void print_item(const QuarantineItem& item, Console* console) {
  console->line(shown(item.name));
  console->row("  size", size_text(item.size) + (item.has_sidecar ? ", with a sidecar" : ""));
  if (!item.has_reason) return console->row("  reason", "unknown: no reason file that can be read");
  console->row("  reason", shown(item.event + ": " + item.reason));
  console->row("  detail", shown(item.detail));
  console->row("  attempts", std::to_string(item.attempts));
  console->row("  first", shown(item.first_utc));
  console->row("  last", shown(item.last_utc));
  console->row("  source", shown(item.source));
}

void list(const std::vector<QuarantineItem>& items, const std::string& path, Console* console) {
  if (items.empty()) console->line("nothing in " + shown(path));
  for (const QuarantineItem& item : items) {
    std::string reason = item.has_reason ? item.event + ": " + item.reason : "no reason file";
    console->line(shown(item.name) + "  " + size_text(item.size) + "  " + shown(item.last_utc) + "  " +
                  shown(reason));
  }
}

// The folder and the name in the inbox that an item came from; its own name in the inbox itself when the
// reason does not name one. The relay writes plain paths: with a ".." in it the reason is not its own, and
// leads anywhere.
void find_home(const RelayContext& context, const QuarantineItem& item, std::string* folder,
               std::string* name) {
  *folder = "";
  *name = item.name;
  const std::string inbox = context.config.inbox + "/";
  if (!item.source.starts_with(inbox) || item.source.size() == inbox.size()) return;
  if (boost::filesystem::path(item.source).lexically_normal() != item.source) return;
  std::string relative = item.source.substr(inbox.size());
  *name = base_name(relative);
  *folder = folder_of(relative);
}

// The sidecar first: the container alone would be checked against nothing.
Status move_back(const Directory& quarantine, const QuarantineItem& item, const Directory& home,
                 const std::string& name) {
  auto taken_by = [&](const std::string& taken) {
    return Status::invalid(home.path_of(taken) + " is there: move it away first");
  };
  bool taken = false;
  std::vector<std::string> returned;
  const Stop never = [] { return false; };
  auto move = [&](const Directory& from, const std::string& old_name, const Directory& to,
                  const std::string& new_name, bool* exists) {
    return move_file(from, old_name, from.stat_of(old_name).identity, to, new_name, never, exists, &returned);
  };
  Status status;
  if (item.has_sidecar) {
    if (home.stat_of(name).kind != FileKind::kMissing) return taken_by(name);
    status = move(quarantine, sidecar_of(item.name), home, sidecar_of(name), &taken);
    if (taken) return taken_by(sidecar_of(name));
    if (!status.ok()) return status;
  }
  status = move(quarantine, item.name, home, name, &taken);
  if (!status.ok() && item.has_sidecar) {
    bool ignored = false;
    Status back = move(home, sidecar_of(name), quarantine, sidecar_of(item.name), &ignored);
    if (!back.ok()) return back;
  }
  if (taken) return taken_by(name);
  return status;
}

Status retry(const RelayContext& context, const Directory& quarantine, const QuarantineItem& item,
             Console* console) {
  std::string folder;
  std::string name;
  find_home(context, item, &folder, &name);
  Directory inbox;
  Directory home;
  Status status = Directory::open(context.config.inbox, &inbox);
  if (status.ok()) status = inbox.open_below(folder, true, &home);
  if (status.ok()) status = move_back(quarantine, item, home, name);
  if (status.ok()) status = home.sync();
  if (status.ok()) status = quarantine.remove(reason_of(item.name));
  if (status.ok()) status = quarantine.sync();
  if (status.ok()) console->line(shown(item.name) + ": back in " + shown(home.path_of(name)));
  return status;
}

// The reason last: what is left of a drop that was broken off is still explained.
Status drop(const Directory& quarantine, const QuarantineItem& item, Console* console) {
  Status status = quarantine.remove(item.name);
  if (status.ok() && item.has_sidecar) status = quarantine.remove(sidecar_of(item.name));
  if (status.ok()) status = quarantine.remove(reason_of(item.name));
  if (status.ok()) status = quarantine.sync();
  if (status.ok()) console->line(shown(item.name) + ": removed");
  return status;
}

// The items of these names; a name is as it is shown, or else as it is on disk, "./" before it or not.
bool choose(const Call& call, const std::vector<QuarantineItem>& items, const std::string& path,
            std::vector<QuarantineItem>* chosen) {
  bool complete = true;
  const auto& words = call.arguments().words;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string name = words[i].starts_with("./") ? words[i].substr(2) : words[i];
    auto found = std::find_if(items.begin(), items.end(),
                              [&](const QuarantineItem& item) { return shown(item.name) == name; });
    if (found == items.end())
      found = std::find_if(items.begin(), items.end(),
                           [&](const QuarantineItem& item) { return item.name == name; });
    if (found != items.end()) {
      chosen->push_back(*found);
      continue;
    }
    call.fail(PAXECT_PLUGIN_USAGE, "no " + words[i] + " in " + path + ": see quarantine list");
    complete = false;
  }
  return complete;
}

paxect_plugin_status change(const Call& call, const RelayContext& context,
                            const std::vector<QuarantineItem>& chosen) {
  paxect_plugin_status result = PAXECT_PLUGIN_OK;
  Directory quarantine;
  Status status = Directory::open(context.config.quarantine, &quarantine);
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  for (const QuarantineItem& item : chosen) {
    bool back = call.arguments().words.front() == "retry";
    status =
        back ? retry(context, quarantine, item, &call.console()) : drop(quarantine, item, &call.console());
    if (!status.ok()) result = call.fail(PAXECT_PLUGIN_INCOMPLETE, item.name + ": " + status.message);
  }
  return result;
}

}  // namespace

paxect_plugin_status run_quarantine(const Call& call) {
  const auto& words = call.arguments().words;
  const std::string& verb = words.front();
  bool changes = verb == "retry" || verb == "drop";
  if (verb != "list" && verb != "show" && !changes)
    return call.fail(PAXECT_PLUGIN_USAGE, "quarantine " + verb + ": use list, show, retry or drop");
  if ((verb == "list") != (words.size() == 1))
    return call.fail(PAXECT_PLUGIN_USAGE,
                     "quarantine " + verb + (verb == "list" ? " takes no names" : ": give names"));
  if (changes && call.arguments().json)
    return call.fail(PAXECT_PLUGIN_USAGE, "quarantine " + verb + " has no --json");
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  std::vector<QuarantineItem> items;
  Status status;
  // Below a mount point that nothing is mounted on there is no quarantine, and none of it goes back there.
  if (verb == "retry" || context.config.quarantine.starts_with(context.config.inbox + "/")) {
    JournalContents journal;
    status = read_journal(journal_of(context.config.state), &journal);
    if (status.ok()) status = check_inbox(context.config, journal.places);
  }
  if (status.ok()) status = list_quarantine(context.config.quarantine, &items);
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<QuarantineItem> chosen;
  bool complete = choose(call, items, context.config.quarantine, &chosen);
  if (verb == "list") chosen = items;
  paxect_plugin_status result = PAXECT_PLUGIN_OK;
  if (changes) {
    result = chosen.empty() ? PAXECT_PLUGIN_OK : change(call, context, chosen);
  } else if (call.arguments().json) {
    JsonLine json;
    json.begin_array("items");
    for (const QuarantineItem& item : chosen) add_json(item, &json);
    json.end_array();
    json.finish(&call.console());
  } else if (verb == "list") {
    list(chosen, context.config.quarantine, &call.console());
  } else {
    for (const QuarantineItem& item : chosen) print_item(item, &call.console());
  }
  return complete ? result : PAXECT_PLUGIN_INCOMPLETE;
}

}  // namespace paxect::link
