// Starts a sender and a receiver on any bytes as their records, and on the same with the digest of each line
// put right. What they make of them they write again; the next start reads it as the same.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "digest.h"
#include "fuzz.h"
#include "receiver.h"
#include "sender.h"
#include "support/fake_host.h"

namespace paxect::fuzz {
namespace {

std::string with_digests(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    lines += std::string(line) + " " + carrier::digest_of(line).substr(0, 8) + "\n";
  }
  return lines;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A carrier of a folder that is not there, without a server.
class Place {
 public:
  explicit Place(const std::string& mode) {
    std::string path =
        std::string(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/paxect-fuzz.XXXXXX";
    FUZZ_REQUIRE(mkdtemp(path.data()) != nullptr);
    fake_.set("mode", mode);
    fake_.set("folder", path + "/folder");
    fake_.set("state", path);
    fake_.set("subject", "test");
    FUZZ_REQUIRE(read_settings(host_, &settings_).ok());
    bool busy = false;
    FUZZ_REQUIRE(state_.open(settings_, &busy).ok());
    connection_.emplace(host_, settings_, "fuzz");
    FUZZ_REQUIRE(connection_->open().ok());
    records_ = state_.path(mode == "send" ? "sender.records" : "receiver.records");
  }

  template <typename End>
  void check(std::string_view text) {
    std::ofstream(records_, std::ios::binary | std::ios::trunc) << text;
    const std::string once = start<End>();
    const std::string twice = start<End>();
    FUZZ_REQUIRE(once == twice);
    fake_.clear_log();
  }

 private:
  template <typename End>
  std::string start() {
    End end(host_, settings_, state_, &*connection_);
    FUZZ_REQUIRE(end.start().ok());
    return read(records_);
  }

  test::FakeHost fake_{"carrier"};
  carrier::Host host_{fake_.get()};
  carrier::Settings settings_;
  carrier::StateDirectory state_;
  std::optional<carrier::Connection> connection_;
  std::string records_;
};

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace carrier = paxect::carrier;
  static paxect::fuzz::Place sender("send");
  static paxect::fuzz::Place receiver("receive");
  const std::string_view text = paxect::fuzz::view(data, size);
  for (const std::string& records : {std::string(text), paxect::fuzz::with_digests(text)}) {
    sender.check<carrier::Sender>(records);
    receiver.check<carrier::Receiver>(records);
  }
  return 0;
}
