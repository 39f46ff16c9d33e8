// Places by the real host and plugin, with mounts where a test needs them: each test is a shell script, run
// in a directory and, if it mounts, a mount namespace of its own.
#include <filesystem>
#include <map>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// Functions that all scripts have. `until_true CONDITION` waits for at most 20 s, `relay` starts one in the
// background whose messages are in `errors`, `missing` lists the files that a list says and a folder has not.
constexpr const char* kPrelude = R"(
export LC_ALL=C.UTF-8
px() { "$PAXECT" "$@"; }
once() { px run --once 2>>errors; echo "once $?"; }
relay() { "$PAXECT" run 2>>errors & pid=$!; until_true 'test -s state/lock'; }
finish() { kill -TERM $pid; wait $pid; echo "ended $?"; }
until_true() {
  n=0
  until eval "$1"; do
    n=$((n + 1)); [ $n -lt 400 ] || { echo "never: $1"; cat errors; return; }
    sleep 0.05
  done
}
says() { until_true "grep -q '$1' errors" ; }
put() { echo "$2" >.new && mv .new "$1"; }
)";

bool may_mount() {
  static const bool may = [] {
    Command command;
    command.argv = {"unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"};
    return run(command).status == 0;
  }();
  if (!may) WARN("skipped: mounts are not allowed here (unshare -m)");
  return may;
}

using Settings = std::map<std::string, std::string>;

class Scene {
 public:
  // The settings of `more` go before those that every scene has.
  explicit Scene(const Settings& more = {}) {
    for (const char* name : {"inbox", "state"}) std::filesystem::create_directory(directory / name);
    Settings settings = {
        {"node", "n1"},         {"mode", "send"},          {"inbox", "inbox"},
        {"outbox", "outbox"},   {"lock", "state/lock"},    {"policy", "state/policy.json"},
        {"settle_ms", "1"},     {"poll_sec", "0.2"},       {"manifest", "state/link_manifest.json"},
        {"backoff_sec", "0.2"}, {"log", "state/log.jsonl"}};
    for (const auto& [key, value] : more) settings[key] = value;
    std::string text = "[link]\n";
    for (const auto& [key, value] : settings) text += key + " = " + value + "\n";
    write_file(directory / "paxect.conf", text);
    write_file(directory / "errors", "");
  }

  // What the script printed.
  std::string script(const std::string& text, bool mounts = false) {
    Command command;
    if (mounts) command.argv = {"unshare", "-m"};
    command.argv.insert(command.argv.end(), {"sh", "-c", kPrelude + text});
    command.environment = {"PAXECT=" PAXECT_TEST_BIN "/paxect"};
    command.directory = directory.path();
    Result result = run(command);
    UNSCOPED_INFO(result.output << result.error << errors());
    return result.output;
  }
  std::string mounting(const std::string& text) { return script(text, true); }
  std::string errors() const { return read_file(directory / "errors"); }
  bool said(const std::string& text) const { return errors().find(text) != std::string::npos; }

  TempDir directory;
};

TEST_CASE("Restarted while the share of its outbox is not mounted, a relay concludes nothing and waits") {
  if (!may_mount()) return;
  Scene scene(Settings{{"sandbox", "off"}});
  const std::string output = scene.mounting(R"(
mkdir disk outbox; mount --bind disk outbox
once; put inbox/a.txt precious
# After its intent is durable, before the product has its name.
strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:signal=KILL:when=1 "$PAXECT" run --once 2>/dev/null
umount outbox
once; ls inbox; ls -A outbox
"$PAXECT" run 2>>errors & pid=$!; says 'is not mounted'; ls -A outbox
mount --bind disk outbox
until_true 'test -e outbox/a.freq && test ! -e inbox/a.txt'; finish
ls outbox
)");
  CHECK(output == "once 0\nonce 1\na.txt\nended 0\na.freq\na.freq.sha256\n");
  CHECK(scene.said("mount"));
}

TEST_CASE("A delivery into a mount below the outbox is decided as soon as that mount is back") {
  if (!may_mount()) return;
  Scene scene(Settings{{"sandbox", "off"}, {"recursive", "true"}});
  const std::string output = scene.mounting(R"(
mkdir -p disk outbox/sub inbox/sub; mount -t tmpfs none disk; mount --bind disk outbox/sub
once; put inbox/sub/a.txt precious
strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:signal=KILL:when=1 "$PAXECT" run --once 2>/dev/null
umount outbox/sub
relay; says 'held a.txt'
ls inbox/sub; ls -A outbox/sub
mount --bind disk outbox/sub
until_true 'test -e outbox/sub/a.freq && test ! -e inbox/sub/a.txt'; finish
ls outbox/sub; grep -c '"event": "encode"' state/log.jsonl
)");
  CHECK(output == "once 0\na.txt\nended 0\na.freq\na.freq.sha256\n1\n");
  CHECK(scene.said("another file system"));
  // Touched, it would be delivered a second time, whatever became of the first one.
  CHECK_FALSE(scene.said("touch it"));
}

TEST_CASE("Sources that are kept are not delivered again after a start without the inbox's share") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir disk; mount --bind disk inbox
once; sed -i 's/"auto_delete": true/"auto_delete": false/' state/policy.json
for i in 1 2 3; do put inbox/f$i.txt $i; done
once; ls outbox; rm outbox/*
umount inbox; once; ls -A inbox
mount --bind disk inbox; once; ls outbox
)");
  CHECK(output ==
        "once 0\nonce 0\nf1.freq\nf1.freq.sha256\nf2.freq\nf2.freq.sha256\nf3.freq\nf3.freq.sha256\n"
        "once 1\nonce 0\n");
}

TEST_CASE("A share mounted above the outbox is taken when it is fresh, and its mount point never again") {
  if (!may_mount()) return;
  Scene scene(Settings{{"outbox", "share/out"}});
  const std::string output = scene.mounting(R"(
mkdir -p disk/out share
once
mount --bind disk share
relay; put inbox/one.txt 1; until_true 'test -e disk/out/one.freq -a ! -e inbox/one.txt'
umount -l share; put inbox/two.txt 2; says 'is not mounted'
ls share/out; ls inbox
mount --bind disk share; until_true 'test -e disk/out/two.freq -a ! -e inbox/two.txt'; finish
)");
  CHECK(output == "once 0\ntwo.txt\nended 0\n");
  CHECK(scene.said("another place from now on"));
  CHECK(scene.said("there again"));
}

TEST_CASE("What a dead relay left of its marker in an inbox that is read-only now is no live relay") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
sed -i 's/"auto_delete": true/"auto_delete": false/' state/policy.json 2>/dev/null
mkdir disk; put disk/a.txt data; : >disk/.paxect-place.part
mount --bind -o ro disk inbox; mount -o remount,ro,bind inbox
begun=$(date +%s); once; test $(($(date +%s) - begun)) -lt 3 && echo soon
ls outbox
)");
  CHECK(output == "once 1\nsoon\na.freq\na.freq.sha256\n");
  CHECK_FALSE(scene.said("another relay makes"));
  CHECK(scene.said("/inbox/a.txt was delivered and cannot be removed: "));
}

TEST_CASE("An outbox that cannot be written to is reported once for all files of a batch") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir disk outbox; mount --bind disk outbox; once
for i in 1 2 3 4 5; do put inbox/f$i.txt $i; done
mount -o remount,ro,bind outbox; once
grep -c 'Read-only file system' state/log.jsonl; ls inbox
mount -o remount,rw,bind outbox; once; ls inbox
)");
  CHECK(output == "once 0\nonce 1\n1\nf1.txt\nf2.txt\nf3.txt\nf4.txt\nf5.txt\nonce 0\n");
  CHECK(scene.said("files of this batch with this trouble: 5"));
}

TEST_CASE("outbox_is_mount makes nothing below a mount that is not there") {
  if (!may_mount()) return;
  Scene scene(Settings{{"outbox", "share/out"}, {"outbox_is_mount", "true"}});
  const std::string output = scene.mounting(R"(
mkdir -p disk share; put inbox/a.txt a
once; ls share
mount --bind disk share; once; ls disk/out
)");
  CHECK(output == "once 1\nonce 0\na.freq\na.freq.sha256\n");
  CHECK(scene.said("outbox_is_mount"));
}

TEST_CASE("Another disk at the path gets nothing before the operator adopts it") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir one two outbox; mount --bind one outbox; once
umount outbox; echo other >two/file; mount --bind two outbox
put inbox/a.txt a; once; ls two
px link place; echo "place $?"
px link place adopt outbox; once; ls two
px link place; echo "place $?"
)");
  CHECK(output.find("once 0\nonce 1\nfile\n") == 0);
  CHECK(output.find("another  ") != std::string::npos);
  CHECK(output.find("place 1\n") != std::string::npos);
  CHECK(output.find("once 0\na.freq\na.freq.sha256\nfile\n") != std::string::npos);
  CHECK(output.find("place 0\n") != std::string::npos);
  CHECK(scene.said("has no marker"));
}

TEST_CASE("A fresh stick is taken with one line, and sticks may take turns") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir -p one two/lost+found outbox; mount --bind one outbox
relay; put inbox/a.txt a; until_true 'test -e one/a.freq -a ! -e inbox/a.txt'
umount -l outbox; mount --bind two outbox
put inbox/b.txt b; until_true 'test -e two/b.freq -a ! -e inbox/b.txt'
umount -l outbox; mount --bind one outbox
put inbox/c.txt c; until_true 'test -e one/c.freq -a ! -e inbox/c.txt'; finish
)");
  CHECK(output == "ended 0\n");
  const std::string errors = scene.errors();
  const std::string line = "another place from now on";
  CHECK(errors.find(line, errors.find(line) + 1) != std::string::npos);
}

TEST_CASE("A fresh stick waits while a delivery towards the one before is unfinished") {
  if (!may_mount()) return;
  Scene scene(Settings{{"sandbox", "off"}});
  const std::string output = scene.mounting(R"(
mkdir one two outbox; mount --bind one outbox
once; put inbox/a.txt a
strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:signal=KILL:when=1 "$PAXECT" run --once 2>/dev/null
umount outbox; mount --bind two outbox
once; ls -A two; ls inbox
umount outbox; mount --bind one outbox; once; ls one; ls inbox
)");
  CHECK(output == "once 0\nonce 1\na.txt\nonce 0\na.freq\na.freq.sha256\n");
  CHECK(scene.said("unfinished"));
}

TEST_CASE("A disk that is pulled in the middle of a batch gets each file once when it is back") {
  if (!may_mount() || !has_strace()) return;
  // A bind mount lives on in whoever has it open; what a dead server serves fails at every call.
  const bool is_dead = GENERATE(false, true);
  if (is_dead && !has_bindfs()) return;
  Scene scene(Settings{{"sandbox", "off"}});
  const std::string output = scene.mounting(std::string(is_dead ? R"(
attach() { bindfs -f disk outbox 2>>errors & fs=$!; until_true 'mountpoint -q outbox'; }
pull() { kill -KILL $fs; wait $fs 2>/dev/null; umount -l outbox; }
)"
                                                                : R"(
attach() { mount --bind disk outbox; }
pull() { umount -l outbox; }
)") + R"(
mkdir disk outbox; attach; once
i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo $i >inbox/f$i.txt; done
strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:delay_enter=5000 "$PAXECT" run 2>>errors & pid=$!
until_true '[ $(ls disk | grep -c "freq$") -gt 20 ]'
pull
ls disk | grep -c 'freq$' >delivered; [ $(cat delivered) -lt 200 ] || echo 'not in the middle'
says 'is not mounted'; attach; says 'there again'
until_true '! ls inbox | grep -q .'
kill -TERM $(head -1 state/lock); wait $pid
ls disk | grep -c '^f[0-9]*.freq$'; ls disk | wc -l; ls -A disk | grep -c part
grep -c '"event": "encode"' state/log.jsonl
pull 2>/dev/null
)");
  CHECK(output == "once 0\n200\n400\n0\n200\n");
  CHECK(scene.said("there again"));
}

TEST_CASE("An inbox copied to a new disk is the same place") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir disk new; mount --bind disk inbox; once
umount inbox; cp -a disk/. new/; mount --bind new inbox
put inbox/a.txt a; once; ls outbox
)");
  CHECK(output == "once 0\nonce 0\na.freq\na.freq.sha256\n");
}

TEST_CASE("A read-only inbox is known by its directory, and another one under its path is not it") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mkdir one two; echo a >one/a.txt; echo b >two/b.txt
mount --bind one inbox; mount -o remount,bind,ro inbox
once >/dev/null; sed -i 's/"auto_delete": true/"auto_delete": false/' state/policy.json
rm -f outbox/*; once; ls outbox
umount inbox; mount --bind two inbox; mount -o remount,bind,ro inbox
once; ls outbox
px link place adopt inbox >/dev/null; once; ls outbox
)");
  CHECK(output == "once 0\nonce 1\nonce 0\nb.freq\nb.freq.sha256\n");
}

TEST_CASE("A share that is read-only here gets its marker from its sender later, and stays the place") {
  if (!may_mount() || !has_bindfs()) return;
  // Neither has the directory a time of birth there.
  Scene scene;
  const std::string output = scene.mounting(R"sh(
attach() { bindfs -f -o ro $1 inbox 2>>errors & fs=$!; until_true 'mountpoint -q inbox'; }
detach() { umount inbox; wait $fs; }
marker() { echo "paxect-place 1 $(printf %032d $2)" >$1/.paxect-place; }
mkdir one two; echo a >one/a.txt; attach one
once >/dev/null; sed -i 's/"auto_delete": true/"auto_delete": false/' state/policy.json
marker one 1; echo b >one/b.txt; rm -f outbox/*
once; ls outbox
detach; attach one; once; ls outbox
detach; marker one 2; attach one; once
detach; marker two 3; cp -p one/a.txt two; attach two; once
detach; marker one 1; attach one; once; ls outbox
detach
)sh");
  const std::string delivered = "once 0\nb.freq\nb.freq.sha256\n";
  CHECK(output == delivered + delivered + "once 1\nonce 1\n" + delivered);
  CHECK(scene.said("has got a marker from somebody else"));
  CHECK(scene.said("is another place than before: its marker differs"));
}

TEST_CASE("A marker that a receiver takes along is made again, while the relay runs and at its start") {
  Scene scene;
  const std::string output = scene.script(R"(
once; cp outbox/.paxect-place before; rm outbox/.paxect-place inbox/.paxect-place
once; cmp before outbox/.paxect-place && echo same
relay; rm outbox/.paxect-place; until_true 'cmp -s before outbox/.paxect-place'; finish
)");
  CHECK(output == "once 0\nonce 0\nsame\nended 0\n");
  CHECK(scene.said("lost its marker"));
}

TEST_CASE("A new directory under the path is not the place") {
  Scene scene;
  const std::string output = scene.script(R"(
once; mv outbox away; mkdir outbox; put inbox/a.txt a; once; ls -A outbox
rmdir outbox; once; ls -d outbox 2>/dev/null
px link place adopt outbox 2>/dev/null; echo "adopt $?"
mkdir outbox; px link place adopt outbox; once; ls outbox
)");
  CHECK(output.find("once 0\nonce 1\nonce 1\nadopt 78\n") == 0);
  CHECK(
      output.find("adopted: the relay works in it from its next start on\nonce 0\na.freq\na.freq.sha256\n") !=
      std::string::npos);
  CHECK(scene.said("does not exist any more"));
}

TEST_CASE("A path that changes in the settings leads to a place that may be made") {
  Scene scene;
  const std::string output = scene.script(R"(
once; sed -i 's/^outbox = .*/outbox = elsewhere/' paxect.conf; put inbox/a.txt a; once; ls elsewhere
)");
  CHECK(output == "once 0\nonce 0\na.freq\na.freq.sha256\n");
}

TEST_CASE("A relay goes on within seconds of the return of its outbox, with one line at each end") {
  Scene scene(Settings{{"backoff_sec", "60"}});
  const std::string output = scene.script(R"(
relay; until_true 'test -d outbox'; mv outbox away; put inbox/a.txt a; says 'does not exist any more'
mv away outbox; until_true 'test -e outbox/a.freq -a ! -e inbox/a.txt'; finish
grep -c 'does not exist any more' errors; grep -c 'there again' errors
)");
  CHECK(output == "ended 0\n1\n1\n");
}

TEST_CASE("A lock file that was removed does not let a second relay into the inbox") {
  Scene scene;
  const std::string output = scene.script(R"(
relay; rm state/lock; once; test ! -e state/lock || kill -0 $pid
until_true 'test -s state/lock'
sed 's#state/lock#state/other#' paxect.conf >other.conf
px run --once -c other.conf 2>>errors; echo "other $?"
put inbox/a.txt a; until_true 'test -e outbox/a.freq -a ! -e inbox/a.txt'; finish
)");
  CHECK(output == "once 75\nother 75\nended 0\n");
  CHECK(scene.said("another relay works in the inbox"));
}

TEST_CASE("Without a lock service a relay waits and says so, unless locks = off") {
  if (run({.argv = {"strace", "-V"}}).status != 0) {
    WARN("skipped: no strace");
    return;
  }
  Scene scene(Settings{{"sandbox", "off"}});
  const std::string output = scene.script(R"(
put inbox/a.txt a
no_locks="env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=flock,fcntl -e inject=flock,fcntl:error=ENOLCK -P $PWD/state/lock"
$no_locks "$PAXECT" run --once 2>>errors; echo "once $?"; ls inbox
$no_locks "$PAXECT" run --once --set link.locks=off 2>>errors; echo "once $?"; ls outbox
)");
  CHECK(output == "once 1\na.txt\nonce 0\na.freq\na.freq.sha256\n");
  CHECK(scene.said("locks = off"));
}

TEST_CASE("A disk that is full at the start is waited for") {
  if (!may_mount()) return;
  Scene scene;
  const std::string output = scene.mounting(R"(
mount -t tmpfs -o size=64k tmpfs state
once; head -c 100k /dev/zero >state/fill 2>/dev/null; put inbox/a.txt a
"$PAXECT" run 2>>errors & pid=$!
says 'No space left'; ls inbox; rm state/fill
until_true 'test -e outbox/a.freq -a ! -e inbox/a.txt'; finish
)");
  CHECK(output == "once 0\na.txt\nended 0\n");
}

TEST_CASE("Directories of one relay that are the same, or one inside another, are refused by check") {
  Scene scene;
  const std::string output = scene.script(R"(
for pair in quarantine=outbox quarantine=outbox/q quarantine=inbox state=outbox outbox=q/out; do
  px check --set link.quarantine=q --set link.$pair >/dev/null 2>>errors; echo "check $?"
done
px check --set link.quarantine=q --set link.state=elsewhere >/dev/null; echo "check $?"
)");
  CHECK(output == "check 78\ncheck 78\ncheck 78\ncheck 78\ncheck 78\ncheck 0\n");
}

TEST_CASE("state = DIR has the journal, and a second relay with the same one is refused") {
  Scene scene(Settings{{"state", "records"}});
  const std::string output = scene.script(R"(
relay; until_true 'test -s records/lock.journal'; ls records | grep journal; ls state | grep journal
mkdir i2; sed 's#^inbox.*#inbox = i2#; s#^lock.*#lock = other/lock#' paxect.conf >other.conf
px run --once -c other.conf 2>>errors; echo "other $?"; finish; ls records
)");
  CHECK(output == "lock.journal\nother 75\nended 0\nlock.journal\nlock.status.json\n");
}

TEST_CASE("A quarantine that could not be made is tried again, and the trouble ends") {
  Scene scene(Settings{{"quarantine", "state/q"}});
  const std::string output = scene.script(R"(
once; sed -i 's/"quarantine_on_policy_block": false/"quarantine_on_policy_block": true/' state/policy.json
echo "in the way" >state/q
relay; echo MZ >inbox/x.exe; says 'state/q'; px link status | grep -c '^trouble'
rm state/q; until_true 'test -e state/q/x.exe'
until_true '! px link status | grep -q "^trouble"'; finish
)");
  CHECK(output == "once 0\n1\nended 0\n");
}

TEST_CASE("explain of a damaged file says that the quarantine cannot take it, and why") {
  Scene scene(Settings{{"quarantine", "state/q"}});
  const std::string output = scene.script(R"(
once; echo "in the way" >state/q; echo damaged >inbox/x.freq
relay; says 'state/q'; until_true 'px link explain x.freq | grep -q "waits to be moved to the quarantine: .*state/q"'
px link explain x.freq | grep -c '^reason .*container'
rm state/q; until_true 'test -e state/q/x.freq'; finish
)");
  CHECK(output == "once 0\n1\nended 0\n");
}

TEST_CASE("A file that a read-only inbox keeps from the quarantine is reported once") {
  if (!may_mount()) return;
  Scene scene(Settings{{"mode", "receive"}, {"quarantine", "q"}});
  const std::string output = scene.mounting(R"(
mkdir one; echo damaged >one/x.freq
mount --bind one inbox; mount -o remount,bind,ro inbox
tries() { px link explain x.freq --json | grep -o '"attempts": *[0-9]*' | grep -o '[0-9]*$'; }
relay; says 'deferred .*x.freq'; until_true 'test "`tries`" -ge 3'
grep -c 'deferred .*x.freq' errors
mount -o remount,bind,rw inbox; until_true 'test -e q/x.freq -a ! -e inbox/x.freq'; finish
)");
  CHECK(output == "1\nended 0\n");
}

TEST_CASE("A quarantine on a share that is away keeps files in the inbox, and the relay goes on") {
  if (!may_mount()) return;
  Scene scene(Settings{{"quarantine", "share"}});
  const std::string output = scene.mounting(R"(
mkdir share disk; mount --bind disk share; once
sed -i 's/"quarantine_on_policy_block": false/"quarantine_on_policy_block": true/' state/policy.json
echo MZ >inbox/x.exe; once; ls disk; umount share
relay; echo MZ >inbox/y.exe; put inbox/a.txt a; until_true 'test -e outbox/a.freq -a ! -e inbox/a.txt'
says 'quarantine .*is not mounted'; ls -A share; ls inbox
mount --bind disk share; until_true 'test -e disk/y.exe'; finish
)");
  CHECK(output == "once 0\nonce 1\nx.exe\nx.exe.reason.json\ny.exe\nended 0\n");
}

TEST_CASE("status of a relay whose process is stopped says how old its report is") {
  Scene scene;
  const std::string output = scene.script(R"(
silent() { px link status | grep -o 'process [0-9]* has given no sign of life for [0-9]* min' | sed "s/$pid/PID/"; }
relay; put inbox/a.txt data; until_true 'test -e outbox/a.freq -a ! -e inbox/a.txt'
silent
kill -STOP $pid; touch -d '-90 seconds' state/lock.status.json; silent
kill -CONT $pid; until_true 'test -z "`silent`"'
finish
)");
  CHECK(output == "process PID has given no sign of life for 1 min\nended 0\n");
}

}  // namespace
}  // namespace paxect::test
