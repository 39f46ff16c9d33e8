// The configuration of a consumer, and whether somebody else has changed it.
//
// What the server reports is compared with what it replied when the consumer was made or restored, and not
// with what was asked for: it adds limits of its own, such as max_batch. Of a consumer that another process
// has made, the reply is not known: then what this carrier asks for counts, and the limits as they were seen
// first. Every receiver asks for the same, but for the AckWait, which is only raised. So two receivers that
// share a consumer restore it to the same configuration.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace paxect::carrier {

// The members that are compared, as the API of JetStream names them, with their values as JSON. One that has
// the value 0, false or none is left out.
using ConsumerMembers = std::map<std::string, std::string>;

struct ConsumerInfo {
  std::string created;
  std::int64_t ack_wait_ns = 0;
  ConsumerMembers members;
};
// The reply to CONSUMER.INFO or to the making of a consumer. False when it is none.
bool parse_consumer_info(std::string_view reply, ConsumerInfo* out);
// Whether it says that there is no such consumer.
bool is_consumer_missing(std::string_view reply);

// What a carrier asks for. Its AckWait is a setting.
const ConsumerMembers& own_members();
// Whether the member is one of those that only another consumer can have otherwise.
bool is_fixed_member(const std::string& name);

// The body of the request that gives a consumer the configuration of a carrier again. What is none of the
// carrier's stays as in `reply`, that to CONSUMER.INFO. The limits of requests are left to the server. ""
// when the reply is none.
std::string restoring_request(std::string_view reply, const std::string& stream, std::int64_t ack_wait_ns);

class ConsumerConfig {
 public:
  // This process has made or restored the consumer, and that is the server's reply.
  void take_reply(const ConsumerMembers& reply) { expected_ = reply; }
  // Another process has made it.
  void take_existing(const ConsumerMembers& seen);
  // Why somebody else must have changed it: "max_deliver is 5 instead of -1"; none if nobody has.
  struct Difference {
    std::string name;
    std::string text;
  };
  std::vector<Difference> compare(const ConsumerInfo& now, std::int64_t ack_wait_ns) const;

 private:
  ConsumerMembers expected_;
};

}  // namespace paxect::carrier
