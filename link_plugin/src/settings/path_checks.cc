#include "settings/path_checks.h"

#include <sys/stat.h>

#include <map>
#include <utility>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "settings/claims.h"

namespace paxect::link {
namespace {

// Files would be relayed that were given up, or records delivered.
void refuse_one_within_another(const Host& host, SettingReader& reader, const LinkConfig& config) {
  struct Named {
    const char* key;
    std::string path;
  };
  std::vector<Named> all = {{"outbox", config.outbox}, {"quarantine", config.quarantine}};
  if (host.get("state", nullptr) != nullptr) all.push_back({"state", directory_name(config.state)});
  for (const Named& inner : all)
    for (const Named& outer : all)
      if (inner.key != outer.key && is_within(inner.path, outer.path))
        reader.fail(inner.key, inner.path,
                    std::string(inner.path == outer.path ? "this is also the " : "this is inside the ") +
                        outer.key + " " + outer.path + ": give each a directory of its own");
  // `quarantine drop` removes what is there.
  for (const Named& file : {Named{"lock", config.lock}, Named{"policy", config.policy},
                            Named{"manifest", config.manifest}, Named{"log", config.log}})
    if (directory_name(file.path) == config.quarantine)
      reader.fail("quarantine", config.quarantine,
                  "the " + std::string(file.key) + " " + file.path +
                      " is in it and would count as quarantined: give each a directory of its own");
  if (host.get("peers", nullptr) != nullptr)
    for (const Named& outer : {Named{"inbox", config.inbox}, all[0], all[1]})
      if (is_within(config.peers, outer.path))
        reader.fail(
            "peers", config.peers,
            "this is in the " + std::string(outer.key) + " " + outer.path +
                ", and who can write there would decide whom the relay trusts: give a path elsewhere");
  for (const Named& one : all)
    if (one.path == config.inbox)
      reader.fail(one.key, one.path, "this is also the inbox: give each a directory of its own");
}

// Lists and receipts are files like any other to whoever reads these folders; and in the folder of keys and
// in the quarantine, commands would come across them.
void refuse_proof_folders(SettingReader& reader, const LinkConfig& config) {
  for (const auto& [key, path] :
       {std::pair{"proof_also", config.proof_also}, {"receipts", config.receipts}}) {
    if (path.empty()) continue;
    for (const auto& [other, taken] : {std::pair<const char*, std::string>{"inbox", config.inbox},
                                       {"outbox", config.outbox},
                                       {"quarantine", config.quarantine},
                                       {"folder of peers", config.peers},
                                       {"folder of the lists", join(config.outbox, kProofFolder)}})
      if (path == taken)
        reader.fail(key, path,
                    std::string("this is also the ") + other + ": give each a directory of its own");
  }
}

// What would be taken for files to relay: folders of ours in the inbox, where those are looked into, and
// files. Hidden ones are never taken.
void refuse_own_in_inbox(SettingReader& reader, const LinkConfig& config) {
  auto refuse = [&](const char* key, const std::string& path, bool folder) {
    const std::string inbox = config.inbox.ends_with('/') ? config.inbox : config.inbox + "/";
    if (!path.starts_with(inbox)) return;
    const std::string rest = path.substr(inbox.size() - 1);
    if (rest.find("/.") != std::string::npos) return;
    if (!config.recursive && (folder || rest.find('/', 1) != std::string::npos)) return;
    reader.fail(key, path, "in the inbox it would be relayed like what comes there: give a path elsewhere");
  };
  refuse("outbox", config.outbox, true);
  refuse("quarantine", config.quarantine, true);
  refuse("policy", config.policy, false);
  refuse("manifest", config.manifest, false);
  refuse("peers", config.peers, true);
  if (!config.receipts.empty()) refuse("receipts", config.receipts, true);
  if (!config.proof_also.empty()) refuse("proof_also", config.proof_also, true);
  refuse("log", config.log, false);
  refuse("lock", config.lock, false);
}

// Writing to anything else would lose what is written, or replace what every program of the system shares.
void refuse_what_is_no_file(SettingReader& reader, const LinkConfig& config) {
  for (auto [key, path] : {std::pair{"policy", &config.policy},
                           {"manifest", &config.manifest},
                           {"log", &config.log},
                           {"lock", &config.lock},
                           {"metrics_file", &config.metrics_file}}) {
    struct stat info {};
    if (!path->empty() && stat(path->c_str(), &info) == 0 && !S_ISREG(info.st_mode))
      reader.fail(key, *path, "this is no regular file: give the path of a file");
  }
}

// One would be written over the other, and a lock is removed at the end.
void refuse_one_file_for_two(SettingReader& reader, const LinkConfig& config) {
  std::map<std::string, const char*> owners;
  for (auto [key, path] : {std::pair{"policy", &config.policy},
                           {"manifest", &config.manifest},
                           {"log", &config.log},
                           {"lock", &config.lock},
                           {"metrics_file", &config.metrics_file}}) {
    auto [owner, first] = owners.emplace(*path, key);
    if (!first) reader.fail(key, *path, std::string(owner->second) + " has this path: give each its own");
  }
}

}  // namespace

void refuse_path_conflicts(const Host& host, const LinkConfig& config, SettingReader* reader) {
  refuse_one_within_another(host, *reader, config);
  refuse_own_in_inbox(*reader, config);
  refuse_proof_folders(*reader, config);
  refuse_one_file_for_two(*reader, config);
}

Status check_paths(const Host& host, const LinkConfig& config) {
  SettingReader reader(host);
  refuse_what_is_no_file(reader, config);
  LinkConfig resolved;
  resolved.recursive = config.recursive;
  for (auto path : {&LinkConfig::inbox, &LinkConfig::outbox, &LinkConfig::quarantine, &LinkConfig::policy,
                    &LinkConfig::manifest, &LinkConfig::log, &LinkConfig::lock, &LinkConfig::state,
                    &LinkConfig::peers, &LinkConfig::proof_also, &LinkConfig::receipts})
    if (!(config.*path).empty()) resolved.*path = canonical_path(config.*path);
  refuse_one_within_another(host, reader, resolved);
  refuse_own_in_inbox(reader, resolved);
  refuse_proof_folders(reader, resolved);
  return reader.failed() ? Status::invalid(host.log_all_but_last(reader.faults())) : Status::success();
}

}  // namespace paxect::link
