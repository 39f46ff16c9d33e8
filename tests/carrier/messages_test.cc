#include "messages.h"

#include <cctype>
#include <string>
#include <vector>

#include "digest.h"
#include "incoming.h"
#include "names.h"
#include "nkey.h"
#include "support/catch.h"

namespace paxect::carrier {
namespace {

Job example(const std::string& name = "a.freq") {
  Job job;
  job.name = name;
  job.digest = digest_of("x");
  job.size = kChunkSize + 1;
  job.mtime_ns = -5;
  job.sidecar = "text\n";
  job.sender = "0123456789abcdef";
  job.epoch = "fedcba9876543210";
  job.id = id_of(job);
  return job;
}

TEST_CASE("A job is read as it was written") {
  const std::string name =
      GENERATE(as<std::string>{}, "a.freq", "folder/b.freq", "\xff\x80.freq", "\"\\\n.freq");
  const Job job = example(name);
  Job read;
  read.is_repeated = true;
  REQUIRE(parse_job(job_text(job), &read));
  CHECK_FALSE(read.is_repeated);
  CHECK(read.name == name);
  CHECK(read.id == job.id);
  CHECK(read.digest == job.digest);
  CHECK(read.mtime_ns == -5);
  CHECK(read.sidecar == "text\n");
  CHECK(read.epoch == job.epoch);
  CHECK(job.chunks() == 2);
}

TEST_CASE("A job says that it was published before") {
  Job job = example();
  job.is_repeated = true;
  Job read;
  REQUIRE(parse_job(job_text(job), &read));
  CHECK(read.is_repeated);
}

TEST_CASE("A job with a name that leads elsewhere is refused") {
  const std::string name = GENERATE(as<std::string>{}, "", "/a", "../a", "a/../b", "a//b", ".hidden",
                                    "a/.b/c", "a.part", "a.TMP", "a/", std::string(256, 'n'));
  const Job job = example(name);
  Job read;
  INFO(name);
  CHECK_FALSE(parse_job(job_text(job), &read));
}

TEST_CASE("A sidecar gives its digest beside a name of as many digits") {
  const std::string digest = digest_of("contents");
  const std::string name = digest_of("name") + ".freq";
  const std::vector<std::string> texts = {digest,
                                          digest + "\n",
                                          digest + "  " + name + "\n",
                                          digest + " *" + name + "\r\n",
                                          "\\" + digest + "  " + name + "\n",
                                          "SHA256 (" + name + ") = " + digest + "\n",
                                          "\\SHA256 (" + name + ") = " + digest + "\n",
                                          "SHA2-256(" + name + ")= " + digest + "\n",
                                          "# written by hand\n" + digest + "\n"};
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(digest_in_sidecar(text) == digest);
  }
  std::string upper = digest;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(digest_in_sidecar(upper) == digest);
  CHECK(digest_in_sidecar(digest + "0").empty());
  CHECK(digest_in_sidecar("").empty());
}

TEST_CASE("A job whose ID is not that of its contents is refused") {
  Job job = example();
  job.size += 1;
  Job read;
  CHECK_FALSE(parse_job(job_text(job), &read));
  CHECK_FALSE(parse_job("", &read));
  CHECK_FALSE(parse_job("[]", &read));
  CHECK_FALSE(parse_job("{\"v\":2}", &read));
}

TEST_CASE("The same file has the same ID, another one has another") {
  const Job job = example();
  Job other = job;
  CHECK(id_of(other) == job.id);
  other.mtime_ns += 1;
  CHECK(id_of(other) != job.id);
}

TEST_CASE("A list has its contents") {
  Job job = example("n.0123456789abcdef.1.list");
  const std::string contents = "# paxect list 1\n\n";
  job.size = contents.size();
  job.digest = digest_of(contents);
  job.id = id_of(job);
  Job read;
  std::string text;
  REQUIRE(parse_list(list_text(job, contents), &read, &text));
  CHECK(text == contents);
  CHECK_FALSE(parse_list(list_text(job, contents + "x"), &read, &text));
}

TEST_CASE("A claim has the run of its process, or none from an earlier version") {
  const std::string id(32, 'a');
  const std::string receiver(16, 'b');
  for (const std::string& run : {std::string(16, 'c'), std::string()}) {
    Claim read{.id = "", .receiver = "", .run = "old"};
    REQUIRE(parse_claim(claim_text({.id = id, .receiver = receiver, .run = run}), &read));
    CHECK(read.id == id);
    CHECK(read.receiver == receiver);
    CHECK(read.run == run);
  }
  Claim ignored;
  CHECK_FALSE(parse_claim(claim_text({.id = id, .receiver = receiver, .run = "x"}), &ignored));
}

TEST_CASE("The chunks of a stream are read from its information") {
  const std::string id(32, 'a');
  std::vector<std::uint64_t> numbers;
  const auto each = [&](const std::string& found, std::uint64_t number) {
    CHECK(found == id);
    numbers.push_back(number);
  };
  for_each_chunk(R"({"state":{"messages":9,"subjects":{"s.data.)" + id + R"(.0":1,"s.data.)" + id +
                     R"(.17":1,"s.data.x.1":1,"s.data.)" + id + R"(.y":1,"":1}}})",
                 each);
  CHECK(numbers == std::vector<std::uint64_t>{0, 17});
  for (const char* text : {"", "{}", R"({"state":1})", R"({"state":{"subjects":[]}})", R"({"error":{}})"})
    for_each_chunk(text, [](const std::string&, std::uint64_t) { FAIL(); });
}

TEST_CASE("A full stream is not a message that is there already") {
  std::uint64_t sequence = 0;
  std::string reason;
  const auto error = [&](const std::string& text) {
    return parse_publication(
        R"({"error":{"code":503,"err_code":10077,"description":")" + text + R"("},"stream":"s","seq":0})",
        &sequence, &reason);
  };
  CHECK(error("maximum messages per subject exceeded") == Stored::kAlready);
  CHECK(error("maximum bytes exceeded") == Stored::kFull);
  CHECK(error("maximum messages exceeded") == Stored::kFull);
  CHECK(error("something else") == Stored::kFailed);
  CHECK(parse_publication(R"({"stream":"s","seq":7})", &sequence, &reason) == Stored::kYes);
  CHECK(sequence == 7);
  CHECK(parse_publication("", &sequence, &reason) == Stored::kFailed);
}

TEST_CASE("Only the error that names it shows that a stream has no such message") {
  std::uint64_t sequence = 0;
  CHECK(parse_lookup(R"({"message":{"subject":"a","seq":7,"data":"eA=="}})", &sequence) == Lookup::kFound);
  CHECK(sequence == 7);
  std::string contents;
  CHECK(parse_lookup(R"({"message":{"subject":"a","seq":7,"data":"eHk="}})", &sequence, &contents) ==
        Lookup::kFound);
  CHECK(contents == "xy");
  CHECK(parse_lookup(R"({"message":{"subject":"a","seq":7}})", &sequence, &contents) == Lookup::kFound);
  CHECK(contents.empty());
  CHECK(parse_lookup(R"({"message":{"subject":"a","seq":7,"data":"?"}})", &sequence, &contents) ==
        Lookup::kUnknown);
  CHECK(parse_lookup(R"({"error":{"code":404,"err_code":10037,"description":"no message found"}})",
                     &sequence) == Lookup::kMissing);
  for (const char* text :
       {"", "{}", R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})",
        R"({"error":{"code":503,"err_code":10008}})", R"({"error":{"code":404}})", R"({"error":404})",
        R"({"message":{"subject":"a"}})", R"({"message":7})"}) {
    INFO(text);
    CHECK(parse_lookup(text, &sequence) == Lookup::kUnknown);
  }
}

TEST_CASE("The subject of an acknowledgement has the position") {
  AckSubject position;
  REQUIRE(parse_ack_subject("$JS.ACK.test_job.receivers.2.13.14.1700000000.0", &position));
  CHECK(position.deliveries == 2);
  CHECK(position.sequence == 13);
  CHECK(position.given == 14);
  CHECK(position.stored_ns == 1700000000);
  REQUIRE(parse_ack_subject("$JS.ACK.hub.ACCOUNT.test_job.receivers.3.15.14.1700000000.0.x", &position));
  CHECK(position.deliveries == 3);
  CHECK(position.sequence == 15);
  CHECK(position.given == 14);
  CHECK(position.stored_ns == 1700000000);
  CHECK_FALSE(parse_ack_subject("_INBOX.a.b", &position));
}

TEST_CASE("Subjects of one kind of message have the same beginning") {
  CHECK(kind_of_subject("test.data.0123.4") == "test.data.");
  CHECK(kind_of_subject("test.job.0123") == "test.job.");
  CHECK(kind_of_subject("$JS.API.STREAM.INFO.test_job") == "$JS.API.STREAM.INFO.");
  CHECK(kind_of_subject("$JS.API.DIRECT.GET.test_epoch.test.epoch.now") == "$JS.API.DIRECT.GET.");
  CHECK(kind_of_subject("test.peers") == "test.peers");
  CHECK(kind_of_subject("$JS.API.INFO") == "$JS.API.INFO");
  CHECK(kind_of_subject("").empty());
}

TEST_CASE("Kinds of files are known by their names") {
  CHECK(kind_of("a.freq") == FileKind::kContainer);
  CHECK(kind_of("a.FREQ.sha256") == FileKind::kSidecar);
  CHECK(kind_of("paxect.proof/n.s.1.list.minisig") == FileKind::kStatement);
  CHECK(kind_of("a.txt") == FileKind::kOther);
  CHECK(kind_of(".a.freq") == FileKind::kNever);
  CHECK(kind_of("a.freq.part") == FileKind::kNever);
}

TEST_CASE("A name that is taken gets digits before its suffix, and stays short enough for a sidecar") {
  CHECK(conflict_of("f/a.freq", "01234567") == "f/a.01234567.freq");
  CHECK(sidecar_of(base_of(conflict_of(std::string(250, 'n') + ".freq", "01234567"))).size() <= 255);
}

TEST_CASE("Hidden names are recognised") {
  const std::string id(32, 'a');
  std::string found;
  CHECK(is_temporary(base_of(temporary_of("f/a.freq", id)), &found));
  CHECK(found == id);
  CHECK(is_temporary(base_of(sidecar_temporary_of("f/a.freq", id)), &found));
  CHECK(is_temporary(base_of(witness_of("f/a.freq", id)), &found));
  CHECK_FALSE(is_temporary(".paxect-0123-1.part", &found));
  CHECK(name_of_leaving(leaving_of("a.freq")) == "a.freq");
  CHECK(name_of_leaving("a.freq").empty());
}

// A seed and its key by `nk -gen user -pubout`.
TEST_CASE("A seed that is damaged has no public key") {
  std::string key;
  CHECK_FALSE(public_nkey_of("SU", &key));
  CHECK_FALSE(public_nkey_of(std::string(58, 'A'), &key));
}

TEST_CASE("A receiver of an earlier version has in hand what waits with it") {
  const Peer peer{.id = std::string(16, 'a'),
                  .mode = "receive",
                  .host = "south",
                  .section = "carrier",
                  .version = "1.0.0",
                  .waiting = 3,
                  .in_hand = 2};
  std::string text = peer_text(peer);
  Peer read;
  REQUIRE(parse_peer(text, &read));
  CHECK(read.in_hand == 2);
  const std::string field = ",\"in_hand\":2";
  const std::size_t at = text.find(field);
  REQUIRE(at != std::string::npos);
  text.erase(at, field.size());
  REQUIRE(parse_peer(text, &read));
  CHECK(read.in_hand == 3);
}

}  // namespace
}  // namespace paxect::carrier
