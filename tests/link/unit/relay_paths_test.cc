#include "base/relay_paths.h"

#include <algorithm>
#include <set>

#include "support/catch.h"

namespace paxect::link {
namespace {

TEST_CASE("Containers are named after the stem, or the full name") {
  CHECK(container_of("a.txt", Naming::kStem) == "a.freq");
  CHECK(container_of("a.tar.gz", Naming::kStem) == "a.tar.freq");
  CHECK(container_of("Makefile", Naming::kStem) == "Makefile.freq");
  CHECK(container_of("ends.", Naming::kStem) == "ends..freq");
  CHECK(container_of("a.txt", Naming::kFull) == "a.txt.freq");
  CHECK(data_of("a.txt.freq") == "a.txt");
}

TEST_CASE("Sidecars belong to containers only") {
  CHECK(is_container("a.freq"));
  CHECK_FALSE(is_container(".freq"));
  for (const char* name : {"a.FREQ", "A.Freq", "a.b.fReq"}) CHECK(is_container(name));
  CHECK(is_sidecar("a.freq.sha256"));
  CHECK(is_sidecar("A.FREQ.SHA256"));
  CHECK(container_of_sidecar("A.FREQ.SHA256") == "A.FREQ");
  CHECK(data_of("REPORT.FREQ") == "REPORT");
  CHECK(conflict_of("a.FREQ", std::string(64, 'c'), 8) == "a.cccccccc.FREQ");
  CHECK_FALSE(is_sidecar("a.sha256"));
  CHECK_FALSE(is_sidecar(".freq.sha256"));
  CHECK(container_of_sidecar("a.freq.sha256") == "a.freq");
}

TEST_CASE("A sidecar can have its suffix in any case, and the usual one comes first") {
  std::vector<std::string> names = sidecar_spellings("a.freq");
  CHECK(names.front() == sidecar_of("a.freq"));
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == 8);
  for (const std::string& name : names) CHECK(is_sidecar(name));
  CHECK(std::count(names.begin(), names.end(), "a.freq.SHA256") == 1);
}

TEST_CASE("Hidden and unfinished files are never taken") {
  CHECK(is_never_taken(".a"));
  CHECK(is_never_taken("a.part"));
  CHECK(is_never_taken("a.tmp"));
  CHECK(is_never_taken("a.PART"));
  CHECK(is_never_taken("paxect.proof"));
  CHECK_FALSE(is_never_taken("paxect.proof.txt"));
  CHECK_FALSE(is_never_taken("a.partial"));
}

TEST_CASE("The temporary names of two deliveries differ, and each is known by relay and intent") {
  const std::string relay = "0123456789abcdef0123456789abcdef";
  const std::string other = "0123456789abcdee0123456789abcdef";
  CHECK(product_temporary_of(relay, 7) == ".paxect-0123456789abcdef-7.part");
  CHECK(sidecar_temporary_of(relay, 7) == ".paxect-0123456789abcdef-7-s.part");
  CHECK(is_never_taken(product_temporary_of(relay, 7)));
  std::uint64_t id = 0;
  CHECK((is_product_temporary(product_temporary_of(relay, 17), relay, &id) && id == 17));
  CHECK((is_product_temporary(sidecar_temporary_of(relay, 18), relay, &id) && id == 18));
  CHECK_FALSE(is_product_temporary(product_temporary_of(other, 7), relay, &id));
  for (const char* name : {".paxect-place", ".paxect-0123456789abcdef-7.part.part", ".paxect-x-7.part",
                           ".paxect-0123456789abcdef-07.part", ".paxect-0123456789abcdef-.part",
                           ".paxect-0123456789abcdef-99999999999999999999999.part", "a.part"})
    CHECK_FALSE(is_product_temporary(name, relay, &id));
}

TEST_CASE("A temporary name is hidden, unfinished, and never too long") {
  CHECK(temporary_of("a.freq") == ".a.freq.part");
  std::string longest(kNameMax, 'x');
  CHECK(temporary_of(longest).size() <= kNameMax);
  CHECK(temporary_of(longest) != temporary_of(longest.substr(1)));
  CHECK(is_never_taken(temporary_of(longest)));
}

TEST_CASE("The name of a file that is removed is hidden, never too long, and contains the original name") {
  CHECK(tombstone_of("a.txt") == ".a.txt.paxect-leaving");
  CHECK(is_tombstone(".a.txt.paxect-leaving"));
  CHECK(name_of_tombstone(".a.txt.paxect-leaving") == "a.txt");
  for (const char* other : {"a.paxect-leaving", ".paxect-leaving", ".a.txt", "a.txt", ".a.leaving"})
    CHECK_FALSE(is_tombstone(other));
  std::string longest = std::string(kNameMax - 4, 'x') + ".txt";
  CHECK(tombstone_of(longest).size() == kNameMax);
  CHECK(tombstone_of(longest) != tombstone_of("y" + longest.substr(1)));
  CHECK(is_tombstone(tombstone_of(longest)));
  CHECK(is_never_taken(tombstone_of(longest)));
  CHECK(name_of_tombstone(tombstone_of(longest)).ends_with(".txt"));
}

TEST_CASE("A name apart from another one has its suffix, and leaves room for a sidecar") {
  CHECK(apart_of("a.txt", "01234567") == "a.01234567.txt");
  CHECK(apart_of("a.freq", "01234567") == "a.01234567.freq");
  CHECK(apart_of("a", "01234567") == "a.01234567");
  CHECK(apart_of("a.freq.sha256", "01234567") == "a.01234567.freq.sha256");
  CHECK(apart_of("a.FREQ.Sha256", "01234567") == "a.01234567.FREQ.Sha256");
  std::string longest(kNameMax, 'x');
  CHECK(apart_of(longest, "01234567").size() == kNameMax);
  CHECK(apart_of("a." + longest.substr(2), "01234567").size() == kNameMax);
  CHECK(sidecar_of(apart_of(longest.substr(5) + ".freq", "01234567")).size() == kNameMax);
  const std::string sidecar = longest.substr(12) + ".freq.sha256";
  CHECK(apart_of(sidecar, "01234567").size() == kNameMax);
  CHECK(is_sidecar(apart_of(sidecar, "01234567")));
}

TEST_CASE("A conflict name carries the digits, before the suffix of a container") {
  std::string digest = "0123456789abcdef";
  CHECK(conflict_of("a", digest, 8) == "a.01234567");
  CHECK(conflict_of("a.txt", digest, 8) == "a.txt.01234567");
  CHECK(conflict_of("a.freq", digest, 8) == "a.01234567.freq");
  std::string longest(kNameMax, 'x');
  CHECK(conflict_of(longest, digest, 8).size() == kNameMax);
}

TEST_CASE("A rotated log keeps its suffix") {
  CHECK(rotated_log_of("dir/log.jsonl", "20260102T030405Z", 0) == "dir/log.20260102T030405Z.jsonl");
  CHECK(rotated_log_of("log", "S", 2) == "log.S.2.jsonl");
}

TEST_CASE("Paths are taken apart") {
  CHECK(base_name("/a/b") == "b");
  CHECK(directory_name("/a/b") == "/a");
  CHECK(directory_name("/a") == "/");
  CHECK(directory_name("a") == ".");
  CHECK(join("", "a") == "a");
  CHECK(join("x", "a") == "x/a");
}

TEST_CASE("The folder of a path is relative to the inbox, and empty for the inbox itself") {
  CHECK(folder_of("a.txt").empty());
  CHECK(folder_of("a/b.txt") == "a");
  CHECK(folder_of("a/b/c.txt") == "a/b");
}

TEST_CASE("A directory holds itself and what is below it, and no other of which it is the beginning") {
  CHECK(is_within("/a/b", "/a"));
  CHECK(is_within("/a", "/a"));
  CHECK(is_within("/a", "/"));
  CHECK(is_within("a/b", ""));
  CHECK_FALSE(is_within("/ab", "/a"));
  CHECK_FALSE(is_within("/a", "/a/b"));
}

}  // namespace
}  // namespace paxect::link
