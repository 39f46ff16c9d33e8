// `key`, what `peers` shows of pinned keys, and the settings sign_key and peers.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/proof/vectors.h"
#include "link/receiver_rig.h"
#include "proof/signature.h"
#include "settings/pinned_keys.h"
#include "support/emulation.h"
#include "support/open_watch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

struct KeySite {
  TempDir directory;
  FakeHost host;
  KeySite() {
    host.set("policy", directory / "policy.json");
    host.set("manifest", directory / "link_manifest.json");
    host.set("node", "north");
  }
  std::string path(const std::string& name) const { return directory / name; }
  CommandResult key(std::vector<std::string> words) {
    words.insert(words.begin(), "key");
    return command(host, words);
  }
  bool said(const std::string& text) const { return host.logged(text); }
};

unsigned mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

std::string key_file(KeySite& site, const std::string& name) {
  REQUIRE(site.key({"new", site.path(name)}).status == 0);
  return site.path(name);
}

TEST_CASE("The folder of keys that pin makes is for its owner alone to write, whatever the umask") {
  KeySite site;
  REQUIRE(site.key({"new", site.path("k")}).status == 0);
  site.host.set("peers", site.path("peers"));
  const mode_t before = umask(0);
  const CommandResult pinned = site.key({"pin", "north", site.path("k.pub")});
  umask(before);
  INFO(pinned.output);
  CHECK(pinned.status == 0);
  CHECK(mode_of(site.path("peers")) == 0755);
  CHECK(mode_of(site.path("peers/north.pub")) == 0644);
}

TEST_CASE("A new secret key is for its owner alone whatever the umask, and minisign works with it") {
  KeySite site;
  const mode_t mask = GENERATE(0000U, 0777U);
  const mode_t before = umask(mask);
  CommandResult made = site.key({"new", site.path("k")});
  umask(before);
  INFO(made.output);
  REQUIRE(made.status == 0);
  CHECK(mode_of(site.path("k")) == 0600);
  CHECK(mode_of(site.path("k.pub")) == 0644);
  CHECK(list(site.directory.path()) == Names{"k", "k.pub"});
  write_file(site.path("text"), "text");
  auto minisign = [&](const std::vector<std::string>& argv) {
    return run({.argv = argv, .directory = site.directory.path()}).status;
  };
  CHECK(minisign({"minisign", "-Sm", "text", "-s", "k"}) == 0);
  CHECK(minisign({"minisign", "-Vm", "text", "-p", "k.pub"}) == 0);
}

TEST_CASE("A new key replaces nothing, neither a file nor a public key, and leaves nothing behind") {
  KeySite site;
  const std::string taken = GENERATE("k", "k.pub");
  write_file(site.path(taken), "mine");
  CHECK(site.key({"new", site.path("k")}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(site.path(taken) + " exists already and is not replaced"));
  CHECK(read_file(site.path(taken)) == "mine");
  CHECK(list(site.directory.path()) == Names{taken});
  CHECK(site.key({"new", site.path("no/such/k")}).status == PAXECT_PLUGIN_CONFIG);
}

TEST_CASE("Of a new key both files are made, or none") {
  TempDir temp;
  FakeHost host;
  // With .pub behind it, the name is too long.
  CHECK(command(host, {"key", "new", temp / std::string(253, 'k')}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(list(temp.path()).empty());
}

TEST_CASE("key show prints the file that key new made, with a key of minisign too") {
  KeySite site;
  CHECK(site.key({"show"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said("no sign_key is set"));
  site.host.set("sign_key", "file:" + key_file(site, "k"));
  CHECK(site.key({"show"}).output == read_file(site.path("k.pub")));
  write_file(site.path("other"), vector_text("north.key"));
  REQUIRE(chmod(site.path("other").c_str(), 0600) == 0);
  site.host.set("sign_key", "file:" + site.path("other"));
  CHECK(site.key({"show"}).output == vector_text("north.pub"));
  auto shown = command_json(site.host, {"key", "show"});
  CHECK(std::string(shown["public_key"].GetString()) == vector_text("north.pub"));
  CHECK(std::string(shown["node"].GetString()) == "north");
}

TEST_CASE("A key that others can read is refused with the remedy, by the relay and by every command") {
  LinkRig rig;
  KeySite site;
  const std::string path = key_file(site, "k");
  const unsigned mode = GENERATE(0640U, 0604U, 0620U, 0601U);
  REQUIRE(chmod(path.c_str(), mode) == 0);
  rig.host.set("sign_key", "file:" + path);
  rig.host.set("mode", "send");
  PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(relay.init() == PAXECT_PLUGIN_CONFIG);
  CHECK(relay.error().find(path + ": others can read this key: chmod 600 it") != std::string::npos);
  site.host.set("sign_key", "file:" + path);
  CHECK(site.key({"show"}).status == PAXECT_PLUGIN_CONFIG);
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  PluginDriver again(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(again.init() == PAXECT_PLUGIN_OK);
}

TEST_CASE("A sign_key that cannot be used is refused, and its text is not shown where it may be the key") {
  KeySite site;
  write_file(site.path("bad"), "untrusted comment: x\n");
  REQUIRE(chmod(site.path("bad").c_str(), 0600) == 0);
  auto problem = [&](const std::string& setting) {
    LinkRig rig;
    rig.host.set("sign_key", setting);
    PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
    CHECK(relay.init() == PAXECT_PLUGIN_CONFIG);
    return relay.error();
  };
  CHECK(problem("RWQAAEIysecret").find("RWQAAEIy") == std::string::npos);
  CHECK(problem("file:" + site.path("bad")).find(site.path("bad") + ": line 2: ") != std::string::npos);
  CHECK(problem("file:" + site.path("none")).find("cannot open") != std::string::npos);
  CHECK(problem("file:" + site.directory.path()).find("is not a regular file") != std::string::npos);
  CHECK(problem("credential:a/b").find("not the name of a credential") != std::string::npos);
}

TEST_CASE("A pinned key is copied under the name of its node, several beside each other") {
  KeySite site;
  const std::string first = key_file(site, "a") + ".pub";
  const std::string second = key_file(site, "b") + ".pub";
  REQUIRE(site.key({"pin", "south", first}).status == 0);
  REQUIRE(site.key({"pin", "south", second}).status == 0);
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.pub"});
  CHECK(read_file(site.path("peers/south.pub")) == read_file(first));
  CHECK(read_file(site.path("peers/south.1.pub")) == read_file(second));
  auto shown = command_json(site.host, {"key", "show"});
  REQUIRE(shown["keys"].Size() == 2);
  CHECK(std::string(shown["keys"][0]["node"].GetString()) == "south");
  CHECK_FALSE(shown["keys"][0]["revoked"].GetBool());
  // One key is one peer's.
  CHECK(site.key({"pin", "south", first}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.key({"pin", "west", first}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(" is pinned for south, as " + site.path("peers/south.pub")));
  CHECK(list(site.path("peers")).size() == 2);
}

TEST_CASE("What is not a public key is not pinned, nor under a name that is not a node's") {
  KeySite site;
  const std::string secret = key_file(site, "a");
  CHECK(site.key({"pin", "south", secret}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(secret + ": line 2: not 42 bytes in base64"));
  CHECK(site.key({"pin", "south", site.path("none")}).status == PAXECT_PLUGIN_CONFIG);
  for (const char* name : {"", "../x", "a b", "south.1", ".south"})
    CHECK(site.key({"pin", name, secret + ".pub"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK_FALSE(exists(site.path("peers")));
}

TEST_CASE("A revoked key is kept as evidence and is not pinned again before it is removed") {
  KeySite site;
  const std::string first = key_file(site, "a") + ".pub";
  const std::string second = key_file(site, "b") + ".pub";
  for (const std::string& file : {first, second}) REQUIRE(site.key({"pin", "south", file}).status == 0);
  auto revoked = command_json(site.host, {"key", "revoke", "south", first});
  REQUIRE(revoked["keys"].Size() == 1);
  CHECK(revoked["keys"][0]["revoked"].GetBool());
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.pub.revoked"});
  CHECK(site.key({"pin", "south", first}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(" was revoked, as " + site.path("peers/south.pub.revoked")));
  CHECK(site.key({"revoke", "south", first}).status == PAXECT_PLUGIN_CONFIG);
  // A new key does not take the revoked one's name.
  REQUIRE(site.key({"pin", "south", key_file(site, "c") + ".pub"}).status == 0);
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.2.pub", "south.pub.revoked"});
  REQUIRE(site.key({"revoke", "south"}).status == 0);
  CHECK(list(site.path("peers")) == Names{"south.1.pub.revoked", "south.2.pub.revoked", "south.pub.revoked"});
  CHECK(site.key({"revoke", "south"}).status == PAXECT_PLUGIN_CONFIG);
  std::filesystem::remove(site.path("peers/south.pub.revoked"));
  CHECK(site.key({"pin", "south", first}).status == 0);
}

TEST_CASE("A key that cannot be revoked does not keep the others of its node") {
  KeySite site;
  for (const char* name : {"a", "b"})
    REQUIRE(site.key({"pin", "south", key_file(site, name) + ".pub"}).status == 0);
  write_file(site.path("peers/south.pub.revoked"), "in the way");
  CHECK(site.key({"revoke", "south"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said("exists already"));
  CHECK(list(site.path("peers")) == Names{"south.1.pub.revoked", "south.pub", "south.pub.revoked"});
}

TEST_CASE(
    "A retired key is kept with the last list that counts, and is not pinned again before it is removed") {
  KeySite site;
  const std::string first = key_file(site, "a") + ".pub";
  const std::string second = key_file(site, "b") + ".pub";
  const std::string stream = "3f9a6c2e11d04b77";
  const std::string other = "0123456789abcdef";
  for (const std::string& file : {first, second}) REQUIRE(site.key({"pin", "south", file}).status == 0);
  auto retired = command_json(site.host, {"key", "retire", "south", first, stream, "12"});
  REQUIRE(retired["keys"].Size() == 1);
  CHECK(retired["keys"][0]["retired"].GetBool());
  CHECK(retired["keys"][0]["last"][0]["number"].GetInt() == 12);
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.pub.retired"});
  CHECK(read_file(site.path("peers/south.pub.retired")) == read_file(first) + "retired " + stream + " 12\n");
  CHECK(site.key({"pin", "south", first}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(" was retired, as " + site.path("peers/south.pub.retired")));
  // Another stream, another number, and none.
  REQUIRE(site.key({"retire", "south", first, other, "0"}).status == 0);
  REQUIRE(site.key({"retire", "south", site.path("peers/south.pub.retired"), stream, "13"}).status == 0);
  REQUIRE(site.key({"retire", "south", first}).status == 0);
  const std::string lines = "retired " + other + " 0\nretired " + stream + " 13\n";
  CHECK(read_file(site.path("peers/south.pub.retired")) == read_file(first) + lines);
  write_file(site.path("text"), "text");
  REQUIRE(run({.argv = {"minisign", "-Sm", "text", "-s", "a"}, .directory = site.directory.path()}).status ==
          0);
  CHECK(run({.argv = {"minisign", "-Vm", "text", "-p", "peers/south.pub.retired"},
             .directory = site.directory.path()})
            .status == 0);
  // A new key does not take its name.
  REQUIRE(site.key({"pin", "south", key_file(site, "c") + ".pub"}).status == 0);
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.2.pub", "south.pub.retired"});
  const std::string text = command(site.host, {"peers"}).output;
  CHECK(text.find("(" + other + " through 0, " + stream + " through 13)") != std::string::npos);
  // Revoked later, it is evidence, and cannot be retired.
  REQUIRE(site.key({"revoke", "south", first}).status == 0);
  CHECK(list(site.path("peers")) == Names{"south.1.pub", "south.2.pub", "south.pub.revoked"});
  CHECK(site.key({"retire", "south", first}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.key({"pin", "south", first}).status == PAXECT_PLUGIN_CONFIG);
}

TEST_CASE("What is no stream with a number, or no pinned key, is not retired") {
  KeySite site;
  const std::string file = key_file(site, "a") + ".pub";
  CHECK(site.key({"retire", "south", file}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(file + ": this key is not pinned for south"));
  REQUIRE(site.key({"pin", "south", file}).status == 0);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"3f9a6c2e11d04b7", "1"},
                                                {"3F9A6C2E11D04B77", "1"},
                                                {"3f9a6c2e11d04b77", "01"},
                                                {"3f9a6c2e11d04b77", "x"},
                                                {"3f9a6c2e11d04b77", "9223372036854775808"}}) {
    std::vector<std::string> all = {"retire", "south", file};
    all.insert(all.end(), words.begin(), words.end());
    CHECK(site.key(all).status == PAXECT_PLUGIN_CONFIG);
  }
  CHECK(site.key({"retire", "west", file}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.key({"retire", "south", file, "3f9a6c2e11d04b77"}).status == PAXECT_PLUGIN_USAGE);
  CHECK(list(site.path("peers")) == Names{"south.pub"});
}

TEST_CASE("peers shows the pinned keys, and what is wrong with a file that is none") {
  KeySite site;
  REQUIRE(site.key({"pin", "south", key_file(site, "a") + ".pub"}).status == 0);
  write_file(site.path("peers/west.pub"), "untrusted comment: minisign public key\n");
  auto peers = command_json(site.host, {"peers"});
  REQUIRE(peers["keys"].Size() == 2);
  CHECK(std::string(peers["keys"][0]["problem"].GetString()).empty());
  CHECK(std::string(peers["keys"][1]["problem"].GetString()).find("line 2: ") != std::string::npos);
  const std::string text = command(site.host, {"peers"}).output;
  CHECK(text.find("south           pinned ") != std::string::npos);
  CHECK(text.find("west            not a key  ") != std::string::npos);
}

void expose(const std::string& path) {
  std::filesystem::permissions(path, std::filesystem::perms::group_write, std::filesystem::perm_options::add);
}

std::vector<link::NodeKey> keys_in(const std::string& folder) {
  std::vector<link::PinnedKey> pinned;
  REQUIRE(link::read_pinned_keys(link::KeyFolder(folder), &pinned).ok());
  return link::node_keys_of(pinned);
}

TEST_CASE("A revoked key stays revoked when others can write its file") {
  KeySite site;
  const std::string file = key_file(site, "a") + ".pub";
  REQUIRE(site.key({"pin", "south", file}).status == 0);
  REQUIRE(site.key({"revoke", "south"}).status == 0);
  const std::string revoked = site.path("peers/south.pub.revoked");
  expose(revoked);
  CHECK(site.key({"pin", "south", file}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said(" was revoked, as " + revoked));
  // Also where a copy of it was put there under another number.
  std::filesystem::copy_file(file, site.path("peers/south.5.pub"));
  const std::vector<link::NodeKey> keys = keys_in(site.path("peers"));
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].is_revoked);
  const auto shown = command_json(site.host, {"peers"});
  REQUIRE(shown["keys"].Size() == 2);
  CHECK(shown["keys"][1]["revoked"].GetBool());
  CHECK_FALSE(std::string(shown["keys"][1]["id"].GetString()).empty());
  CHECK(std::string(shown["keys"][1]["problem"].GetString()).find("its group can write it") !=
        std::string::npos);
}

TEST_CASE("A retired key stays retired when others can write its file, whose lines count no more") {
  KeySite site;
  const std::string stream = "3f9a6c2e11d04b77";
  const std::string file = key_file(site, "a") + ".pub";
  REQUIRE(site.key({"pin", "south", file}).status == 0);
  REQUIRE(site.key({"retire", "south", file, stream, "12"}).status == 0);
  std::filesystem::copy_file(file, site.path("peers/south.5.pub"));
  CHECK(keys_in(site.path("peers")).at(0).last_of(stream) == 12);
  expose(site.path("peers/south.pub.retired"));
  const std::vector<link::NodeKey> keys = keys_in(site.path("peers"));
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].last_of(stream) == 0);
  // Nor does a command write them again into a file that counts.
  CHECK(site.key({"retire", "south", file, "0123456789abcdef", "1"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(site.said("its group can write it"));
}

TEST_CASE("A key that others can write grants nothing, and can be revoked and retired") {
  KeySite site;
  const std::string file = key_file(site, "a") + ".pub";
  REQUIRE(site.key({"pin", "south", file}).status == 0);
  expose(site.path("peers/south.pub"));
  CHECK(keys_in(site.path("peers")).empty());
  CHECK(command(site.host, {"peers"}).output.find("exposed ") != std::string::npos);
  const std::string verb = GENERATE("revoke", "retire");
  CHECK(site.key({verb, "south", file}).status == 0);
  CHECK_FALSE(exists(site.path("peers/south.pub")));
}

TEST_CASE("A linked key counts only when nobody else can change a link on the way to it") {
  KeySite site;
  REQUIRE(site.key({"pin", "south", key_file(site, "a") + ".pub"}).status == 0);
  const std::string key = site.path("peers/south.pub");
  for (const char* folder : {"safe", "common", "safe/deep"})
    std::filesystem::create_directory(site.path(folder));
  std::filesystem::rename(key, site.path("safe/deep/south.pub"));
  const auto problem = [&] {
    return std::string(command_json(site.host, {"peers"})["keys"][0]["problem"].GetString());
  };
  SECTION("of the file") {
    std::filesystem::create_symlink("../safe/deep/south.pub", site.path("common/x"));
    std::filesystem::create_symlink(site.path("common/x"), key);
  }
  SECTION("of a folder") {
    std::filesystem::create_symlink(site.path("safe/deep"), site.path("common/x"));
    std::filesystem::create_symlink("../common/x/south.pub", key);
  }
  CHECK(problem().empty());
  CHECK(keys_in(site.path("peers")).size() == 1);
  expose(site.path("common"));
  CHECK(problem().find("common: its group can write it") != std::string::npos);
  CHECK(keys_in(site.path("peers")).empty());
  // What cannot be judged does not count.
  std::filesystem::permissions(site.path("common"), std::filesystem::perms(0755));
  std::filesystem::remove(site.path("common/x"));
  CHECK(problem().find("cannot open") != std::string::npos);
  std::filesystem::create_symlink("x", site.path("common/x"));
  CHECK(problem().find("cannot open") != std::string::npos);
  CHECK(keys_in(site.path("peers")).empty());
}

TEST_CASE("What is no regular file under the name of a key is not opened") {
  KeySite site;
  REQUIRE(site.key({"pin", "south", key_file(site, "a") + ".pub"}).status == 0);
  const std::string fifo = site.path("peers/north.pub");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  OpenWatch watch(fifo);
  const auto shown = command_json(site.host, {"peers"});
  REQUIRE(shown["keys"].Size() == 2);
  CHECK(std::string(shown["keys"][0]["problem"].GetString()) == fifo + " is not a regular file");
  CHECK_FALSE(watch.was_opened());
}

void give(const std::string& path, uid_t user) { REQUIRE(lchown(path.c_str(), user, user) == 0); }

constexpr uid_t kRelayUser = 65533;
constexpr uid_t kOperator = 65532;

TEST_CASE(
    "To a command the keys of the user of the relay count, and those of no other user, whoever runs it") {
  if (geteuid() != 0) return skip("only root can give a file to another user");
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  rig.stop();
  const auto give_all = [&](uid_t user) {
    give(rig.directory.path(), user);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(rig.directory.path()))
      give(entry.path().string(), user);
  };
  give_all(kRelayUser);
  std::filesystem::permissions(rig.directory.path(), std::filesystem::perms(0755));
  const uid_t asking = GENERATE(uid_t{0}, kRelayUser, kOperator);
  INFO(asking);
  const auto problem = [&] {
    REQUIRE(seteuid(asking) == 0);
    const auto peers = command_json(rig.host, {"peers"});
    REQUIRE(seteuid(0) == 0);
    return std::string(peers["keys"][0]["problem"].GetString());
  };
  CHECK(problem().empty());
  REQUIRE(seteuid(asking) == 0);
  const CommandResult missing = command(rig.host, {"missing"});
  REQUIRE(seteuid(0) == 0);
  INFO(missing.output);
  CHECK(missing.status == 0);
  give(rig.peers() + "/north.pub", kOperator);
  CHECK(problem().find("its owner, user 65532, can write it") != std::string::npos);
  CHECK(problem().find("chown root, or user 65533, it") != std::string::npos);
}

TEST_CASE("Before the first start the keys of the owner of the state directory or of the folder count") {
  if (geteuid() != 0) return skip("only root can give a file to another user");
  KeySite site;
  site.host.set("lock", site.path("run/lock"));
  REQUIRE(site.key({"pin", "south", key_file(site, "a") + ".pub"}).status == 0);
  const auto problem = [&] {
    return std::string(command_json(site.host, {"peers"})["keys"][0]["problem"].GetString());
  };
  give(site.path("peers/south.pub"), kRelayUser);
  CHECK(problem().find("user 65533") != std::string::npos);
  SECTION("the state directory") {
    std::filesystem::create_directory(site.path("run"));
    CHECK(problem().find("user 65533") != std::string::npos);
    give(site.path("run"), kRelayUser);
    CHECK(problem().empty());
    give(site.path("run"), kOperator);
    CHECK(problem().find("user 65533") != std::string::npos);
  }
  SECTION("the folder") {
    give(site.path("peers"), kRelayUser);
    CHECK(problem().empty());
    std::filesystem::create_directory(site.path("run"));
    CHECK(problem().empty());
  }
}

TEST_CASE("key with other words says how it is used") {
  KeySite site;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"make"}, {"new"}, {"show", "x"}, {"pin", "south"}, {"revoke"}})
    CHECK(site.key(words).status == PAXECT_PLUGIN_USAGE);
}

}  // namespace
}  // namespace paxect::test
