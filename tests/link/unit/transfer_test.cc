#include "relay/transfer.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using Names = std::vector<std::string>;

const Stop kNever = [] { return false; };
const AboutTo kAlways = {.name = [] { return Status::success(); }};
const std::string kRelay(32, '7');

// An inbox and an outbox, and transfers from one to the other.
class Way {
 public:
  Way() {
    for (const char* name : {"inbox", "outbox"}) std::filesystem::create_directory(temp_ / name);
    REQUIRE(Directory::open(inbox(""), inbox_.get()).ok());
    REQUIRE(Directory::open(outbox(""), outbox_.get()).ok());
  }

  std::string inbox(const std::string& name) const { return temp_ / ("inbox/" + name); }
  std::string outbox(const std::string& name) const { return temp_ / ("outbox/" + name); }
  Names delivered() const { return test::list(outbox("")); }

  // The file as the gate hands it over, towards the name `target`.
  Transfer transfer(const std::string& name, const std::string& target, Mode mode = Mode::kRelay) const {
    Transfer made;
    made.source = {"", name, inbox_->stat_of(name).identity};
    made.route = route_of(name, mode);
    made.source_directory = inbox_;
    made.target_directory = outbox_;
    made.product.directory = made.sidecar.directory = outbox_.get();
    made.product.name = target;
    made.sidecar.name = target + ".sha256";
    made.intent.id = 5;
    const FileStat beside = inbox_->stat_of(name + ".sha256");
    made.settled_sidecar = beside.identity;
    name_temporaries(&made, kRelay);
    return made;
  }
  void work(Transfer* transfer) { work_on(transfer, &codec_, {}); }
  // Encodes this data; the container's bytes.
  std::string container(const std::string& data) {
    test::write_file(inbox("made.txt"), data);
    Transfer made = transfer("made.txt", "made.freq");
    work(&made);
    REQUIRE(made.status.ok());
    const std::string bytes = test::read_file(outbox(made.product.temporary));
    abandon(&made);
    std::filesystem::remove(inbox("made.txt"));
    return bytes;
  }

 private:
  test::TempDir temp_;
  std::shared_ptr<Directory> inbox_ = std::make_shared<Directory>();
  std::shared_ptr<Directory> outbox_ = std::make_shared<Directory>();
  Codec codec_{kNever};
};

TEST_CASE("The name and the mode of the relay decide the route") {
  CHECK(route_of("a.txt", Mode::kRelay) == Route::kEncode);
  CHECK(route_of("a.txt", Mode::kSend) == Route::kEncode);
  CHECK(route_of("a.freq", Mode::kRelay) == Route::kDecode);
  CHECK(route_of("A.FREQ", Mode::kReceive) == Route::kDecode);
  CHECK(route_of("a.freq", Mode::kSend) == Route::kForward);
}

TEST_CASE("Temporaries are named after the relay and the intent, and only containers have two") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  test::write_file(way.inbox("b.freq"), "container");
  Transfer encode = way.transfer("a.txt", "a.freq");
  CHECK(encode.product.temporary.find(".part") != std::string::npos);
  CHECK(encode.intent.temporary == encode.product.temporary);
  CHECK(encode.intent.side_temporary == encode.sidecar.temporary);
  CHECK_FALSE(encode.sidecar.temporary.empty());
  Transfer decode = way.transfer("b.freq", "b");
  CHECK(decode.sidecar.temporary.empty());
}

TEST_CASE("A plain file becomes a container with a sidecar of its digest, both under temporary names") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  Transfer transfer = way.transfer("a.txt", "a.freq");
  way.work(&transfer);
  REQUIRE(transfer.status.ok());
  const std::string bytes = test::read_file(way.outbox(transfer.product.temporary));
  CHECK(transfer.product.digest == sha256_hex(bytes));
  CHECK(test::read_file(way.outbox(transfer.sidecar.temporary)) == sha256_hex(bytes) + "\n");
  CHECK(content_of(transfer).digest == sha256_hex("data"));
  flush_all({&transfer, 1});
  note_products(&transfer);
  CHECK(transfer.intent.digest == transfer.product.digest);
  CHECK(transfer.intent.data_digest == sha256_hex("data"));
  CHECK(transfer.intent.size == bytes.size());
  REQUIRE(publish(&transfer, kNever, kAlways).ok());
  CHECK(way.delivered() == Names{"a.freq", "a.freq.sha256"});
  CHECK(test::exists(way.inbox("a.txt")));
}

TEST_CASE("A container becomes its data, and a relay that sends forwards it unchanged") {
  Way way;
  const std::string bytes = way.container("data");
  test::write_file(way.inbox("a.freq"), bytes);
  const bool forwards = GENERATE(false, true);
  Transfer transfer =
      way.transfer("a.freq", forwards ? "a.freq" : "a", forwards ? Mode::kSend : Mode::kRelay);
  way.work(&transfer);
  REQUIRE(transfer.status.ok());
  CHECK(transfer.result.data_digest == sha256_hex("data"));
  CHECK(content_of(transfer).digest == sha256_hex(bytes));
  REQUIRE(publish(&transfer, kNever, kAlways).ok());
  CHECK(way.delivered() == (forwards ? Names{"a.freq", "a.freq.sha256"} : Names{"a"}));
  CHECK(test::read_file(way.outbox(forwards ? "a.freq" : "a")) == (forwards ? bytes : "data"));
}

TEST_CASE("A damaged container fails for good, and its temporary goes when it is abandoned") {
  Way way;
  std::string bytes = way.container("data");
  bytes[bytes.size() / 2] ^= 1;
  test::write_file(way.inbox("a.freq"), bytes);
  Transfer transfer = way.transfer("a.freq", "a", GENERATE(Mode::kRelay, Mode::kSend));
  way.work(&transfer);
  CHECK(transfer.status.fault == Fault::kIntegrity);
  CHECK(transfer.status.event == "decode_error");
  abandon(&transfer);
  CHECK(way.delivered().empty());
}

TEST_CASE("A container is compared with its sidecar") {
  Way way;
  const std::string bytes = way.container("data");
  test::write_file(way.inbox("a.freq"), bytes);
  auto fault_with = [&](const std::string& sidecar) {
    test::write_file(way.inbox("a.freq.sha256"), sidecar);
    Transfer transfer = way.transfer("a.freq", "a");
    way.work(&transfer);
    abandon(&transfer);
    return transfer.status.event;
  };
  CHECK(fault_with(sha256_hex(bytes) + "\n") == "");
  CHECK(fault_with(sha256_hex("other") + "\n") == "checksum_mismatch");
  CHECK(fault_with("no digest\n") == "sidecar_unreadable");
}

TEST_CASE("A sidecar that was not complete when its container was taken proves nothing yet") {
  Way way;
  test::write_file(way.inbox("a.freq"), way.container("data"));
  test::write_file(way.inbox("a.freq.sha256"), sha256_hex("other") + "\n");
  Transfer transfer = way.transfer("a.freq", "a");
  transfer.settled_sidecar = {};
  way.work(&transfer);
  CHECK(transfer.status.fault == Fault::kChanged);
  abandon(&transfer);
}

TEST_CASE("More data than the policy lets out ends the work") {
  Way way;
  test::write_file(way.inbox("a.freq"), way.container(std::string(100'000, 'x')));
  Transfer transfer = way.transfer("a.freq", "a");
  transfer.max_bytes = 99'999;
  way.work(&transfer);
  CHECK(transfer.status.fault == Fault::kBlocked);
  abandon(&transfer);
}

TEST_CASE("A source that is another file, open for writing or gone is not delivered") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  Transfer transfer = way.transfer("a.txt", "a.freq");
  Fault expected = Fault::kNone;
  std::ofstream writer;
  SECTION("another file") {
    test::write_file(way.inbox("a.txt"), "other data");
    expected = Fault::kChanged;
  }
  SECTION("open for writing") {
    writer.open(way.inbox("a.txt"), std::ios::app);
    expected = Fault::kOpenForWriting;
  }
  SECTION("gone") {
    std::filesystem::remove(way.inbox("a.txt"));
    expected = Fault::kGone;
  }
  way.work(&transfer);
  INFO(transfer.status.message);
  CHECK(transfer.status.fault == expected);
  abandon(&transfer);
  CHECK(way.delivered().empty());
}

TEST_CASE("A source that changed after it was read is noticed before its product gets its name") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  Transfer transfer = way.transfer("a.txt", "a.freq");
  way.work(&transfer);
  REQUIRE(transfer.status.ok());
  CHECK(check_unchanged(transfer).ok());
  // Who writes to it waits for our lease; who renames does not.
  test::write_file(way.inbox("b.txt"), "more data");
  std::filesystem::rename(way.inbox("b.txt"), way.inbox("a.txt"));
  CHECK(check_unchanged(transfer).fault == Fault::kChanged);
  abandon(&transfer);
}

TEST_CASE("What was delivered before is known by its content, and writes nothing") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  Transfer transfer = way.transfer("a.txt", "a.freq");
  transfer.known.digest = sha256_hex("data");
  way.work(&transfer);
  CHECK(transfer.status.fault == Fault::kDelivered);
  CHECK(content_of(transfer).digest == sha256_hex("data"));
  CHECK(way.delivered().empty());
  Transfer other = way.transfer("a.txt", "a.freq");
  other.known.digest = sha256_hex("older data");
  way.work(&other);
  CHECK(other.status.ok());
  abandon(&other);
}

TEST_CASE("A flush that fails fails the file, and one that failed before is not flushed") {
  Way way;
  test::write_file(way.inbox("a.txt"), "data");
  std::vector<Transfer> batch(2);
  batch[0] = way.transfer("a.txt", "a.freq");
  way.work(&batch[0]);
  REQUIRE(batch[0].status.ok());
  batch[1].status = Status::stopped();
  batch[0].product.fd.reset(open("/dev/null", O_WRONLY | O_CLOEXEC));  // fsync() fails with EINVAL
  flush_all(batch);
  CHECK(batch[0].status.fault == Fault::kEnvironment);
  CHECK(batch[1].status.fault == Fault::kStopped);
}

}  // namespace
}  // namespace paxect::link
