// `key new|show|pin|retire|revoke`: the secret key of this node, and the public keys of its peers.
#include <unistd.h>

#include <tuple>
#include <vector>

#include "base/filesystem.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "proof/key.h"
#include "proof/statement.h"
#include "settings/link_config.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

constexpr unsigned kSecretMode = 0600;
constexpr const char* kUsage =
    "use paxect link key new PATH, key show, key pin NAME FILE, key retire NAME FILE [STREAM NUMBER], or key "
    "revoke NAME [FILE], each with [--json]";

bool exists(const std::string& path) {
  FileIdentity ignored;
  return identity_of(path, &ignored);
}

// Needs no settings: it is the first thing that an operator does.
paxect_plugin_status make_key(const Call& call, const std::string& path) {
  const std::string public_path = public_key_of(path);
  if (path.empty() || path.ends_with('/')) return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  // Nothing is made unless both can be.
  for (const std::string& each : {path, public_path})
    if (exists(each))
      return call.fail(PAXECT_PLUGIN_CONFIG, each + " exists already and is not replaced: give another path");
  const SigningKey key = SigningKey::generate();
  Wiped secret;
  key.write(&secret);
  // The public one first: alone it is of no use to anybody, and is removed again.
  Status status = create_file(public_path, public_key_text(key.public_key()), kOwnFileMode);
  if (status.ok()) {
    status = create_file(path, secret.text, kSecretMode);
    if (!status.ok()) std::ignore = unlink(public_path.c_str());
  }
  if (!status.ok()) return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  const std::string id = key_id_text(key.public_key().id);
  if (call.arguments().json) {
    JsonLine json;
    json.add("id", id);
    json.add("secret_key", path);
    json.add("public_key", public_path);
    json.finish(&call.console());
    return PAXECT_PLUGIN_OK;
  }
  call.console().line("key " + id + ": keep " + shown(path) + " secret, and give " + shown(public_path) +
                      " to the peers");
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status show_key(const Call& call, const LinkConfig& config) {
  const bool is_json = call.arguments().json;
  const std::optional<SigningKey>& key = config.sign_key.key();
  if (!config.sign_key_problem.empty()) return call.fail(PAXECT_PLUGIN_CONFIG, config.sign_key_problem);
  if (!key && !is_json)
    return call.fail(PAXECT_PLUGIN_CONFIG, "no sign_key is set: make one with `paxect link key new PATH`");
  if (!is_json) {
    call.console().print(public_key_text(key->public_key()));
    return PAXECT_PLUGIN_OK;
  }
  std::vector<PinnedKey> keys;
  if (Status status = read_pinned_keys(KeyFolder(config), &keys); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  JsonLine json;
  json.add("node", config.node);
  json.add("id", key ? key_id_text(key->public_key().id) : "");
  json.add("public_key", key ? public_key_text(key->public_key()) : "");
  print_keys(keys, &json);
  json.finish(&call.console());
  return PAXECT_PLUGIN_OK;
}

void report(const Call& call, const std::vector<PinnedKey>& keys, const char* what) {
  if (call.arguments().json) {
    JsonLine json;
    print_keys(keys, &json);
    return json.finish(&call.console());
  }
  for (const PinnedKey& pinned : keys)
    call.console().line(pinned.node + ": " + what +
                        (pinned.problem.empty() || pinned.is_exposed
                             ? " the key " + key_id_text(pinned.key.id)
                             : " a damaged key") +
                        ", in " + shown(pinned.path));
}

Status retire(const LinkConfig& config, const std::vector<std::string>& words, PinnedKey* out) {
  std::string stream;
  std::uint64_t number = 0;
  if (words.size() == 5) {
    stream = words[3];
    if (!is_stream(stream) || !parse_number(words[4], 0, kMaxNumber, &number))
      return Status::invalid("'" + stream + " " + words[4] +
                             "' is not a stream, 16 hexadecimal digits, and the number of its last list that "
                             "counts: the name of that list has both");
  }
  return retire_key(KeyFolder(config), words[1], words[2], stream, number, out);
}

}  // namespace

paxect_plugin_status run_key(const Call& call) {
  const std::vector<std::string>& words = call.arguments().words;
  const std::string& verb = words[0];
  const bool is_known = (verb == "new" && words.size() == 2) || (verb == "show" && words.size() == 1) ||
                        (verb == "pin" && words.size() == 3) ||
                        (verb == "retire" && (words.size() == 3 || words.size() == 5)) ||
                        (verb == "revoke" && (words.size() == 2 || words.size() == 3));
  if (!is_known) return call.fail(PAXECT_PLUGIN_USAGE, kUsage);
  if (verb == "new") return make_key(call, words[1]);
  LinkConfig config;
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (verb == "show") return show_key(call, config);
  std::vector<PinnedKey> keys;
  Status status;
  if (verb == "pin") {
    PinnedKey made;
    status = pin_key(KeyFolder(config), words[1], words[2], &made);
    if (status.ok()) keys = {made};
  } else if (verb == "retire") {
    PinnedKey made;
    status = retire(config, words, &made);
    if (status.ok()) keys = {made};
  } else {
    status = revoke_keys(KeyFolder(config), words[1], words.size() == 3 ? words[2] : "", &keys);
  }
  // Some keys may be revoked when another one could not be.
  if (!keys.empty()) report(call, keys, verb == "pin" ? "pinned" : verb == "retire" ? "retired" : "revoked");
  return status.ok() ? PAXECT_PLUGIN_OK : call.fail(PAXECT_PLUGIN_CONFIG, status.message);
}

}  // namespace paxect::link
