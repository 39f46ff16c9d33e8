#include "consumer_config.h"

#include <string>

#include "json_object.h"
#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::int64_t kAckWait = 30'000'000'000;

// The reply of a server to CONSUMER.INFO, with these members more.
std::string reply_with(const std::string& members) {
  return R"({"type":"io.nats.jetstream.api.v1.consumer_info_response","stream_name":"test_job","name":"receivers",)"
         R"("created":"2026-11-28T17:28:46.1Z","config":{"durable_name":"receivers","deliver_policy":"all",)"
         R"("ack_policy":"explicit","ack_wait":30000000000,"replay_policy":"instant","max_waiting":512,)"
         R"("num_replicas":0)" +
         members + R"(},"num_ack_pending":0})";
}

const std::string kOwn = R"(,"max_deliver":-1,"max_ack_pending":10000)";

ConsumerInfo info_of(const std::string& members) {
  ConsumerInfo info;
  REQUIRE(parse_consumer_info(reply_with(members), &info));
  return info;
}

std::string texts(const ConsumerConfig& config, const ConsumerInfo& now, std::int64_t ack_wait = kAckWait) {
  std::string all;
  for (const auto& difference : config.compare(now, ack_wait)) all += difference.text + ";";
  return all;
}

TEST_CASE("A limit that the server adds when it makes a consumer is no change") {
  ConsumerConfig config;
  const ConsumerInfo made = info_of(kOwn + R"(,"max_batch":100,"headers_only":false,"backoff":[])");
  config.take_reply(made.members);
  CHECK(texts(config, made).empty());
  CHECK(texts(config, info_of(kOwn + R"(,"max_batch":1)")) == "max_batch is 1 instead of 100;");
  // Also of a consumer that another process has made.
  config.take_existing(made.members);
  CHECK(texts(config, made).empty());
}

TEST_CASE("A consumer that another process has made is compared with what a carrier asks for") {
  ConsumerConfig config;
  const ConsumerInfo changed =
      info_of(R"(,"max_deliver":5,"max_ack_pending":10000,"filter_subject":"test.job.x")");
  config.take_existing(changed.members);
  CHECK(texts(config, changed) ==
        "max_deliver is 5 instead of -1;filter_subject is \"test.job.x\" instead of not set;");
  CHECK(texts(config, info_of(kOwn)).empty());
}

TEST_CASE("What the server replies to a restoration counts as restored") {
  ConsumerConfig config;
  config.take_existing({});
  const ConsumerInfo clamped = info_of(R"(,"max_deliver":-1,"max_ack_pending":1000)");
  CHECK_FALSE(texts(config, clamped).empty());
  config.take_reply(clamped.members);
  CHECK(texts(config, clamped).empty());
}

TEST_CASE("An AckWait may be longer than the own one, and not shorter") {
  ConsumerConfig config;
  config.take_existing({});
  CHECK(texts(config, info_of(kOwn), kAckWait / 2).empty());
  CHECK(texts(config, info_of(kOwn), 2 * kAckWait) == "ack_wait is 30000 ms instead of 60000;");
}

TEST_CASE("What only another consumer can have otherwise is a change of its own kind") {
  ConsumerConfig config;
  config.take_existing({});
  ConsumerInfo info;
  std::string reply = reply_with(kOwn);
  reply.replace(reply.find("explicit"), 8, "none");
  REQUIRE(parse_consumer_info(reply, &info));
  const auto differences = config.compare(info, kAckWait);
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].text == "ack_policy is \"none\" instead of \"explicit\"");
  CHECK(is_fixed_member(differences[0].name));
  CHECK_FALSE(is_fixed_member("max_deliver"));
}

TEST_CASE("A restoration keeps what is none of the carrier's, and is the same one from every receiver") {
  const std::string reply =
      reply_with(R"(,"max_deliver":5,"max_batch":1,"description":"of an administrator",)"
                 R"("metadata":{"a":"b"},"headers_only":true)");
  const std::string request = restoring_request(reply, "test_job", kAckWait);
  const JsonReader reader(request);
  std::string stream;
  REQUIRE(reader.get("stream_name", &stream));
  CHECK(stream == "test_job");
  REQUIRE(reader.find("config") != nullptr);
  const json::Value& config = *reader.find("config");
  CHECK(std::string(config["description"].GetString()) == "of an administrator");
  CHECK(std::string(config["metadata"]["a"].GetString()) == "b");
  CHECK(std::string(config["durable_name"].GetString()) == "receivers");
  CHECK(config["max_deliver"].GetInt64() == -1);
  CHECK(config["max_ack_pending"].GetInt64() == 10'000);
  CHECK(config["ack_wait"].GetInt64() == kAckWait);
  CHECK_FALSE(config.HasMember("max_batch"));
  CHECK_FALSE(config.HasMember("headers_only"));
  // A receiver with a shorter AckWait leaves the longer one.
  CHECK(restoring_request(reply, "test_job", kAckWait / 2) == request);
}

TEST_CASE("A configuration that is nested deeply is none") {
  constexpr std::size_t kDeep = 500'000;
  ConsumerInfo info;
  for (const char* name : {"backoff", "metadata"}) {
    const std::string deep =
        reply_with(kOwn + ",\"" + name + "\":" + std::string(kDeep, '[') + std::string(kDeep, ']'));
    CHECK_FALSE(parse_consumer_info(deep, &info));
    CHECK(restoring_request(deep, "test_job", kAckWait).empty());
  }
}

TEST_CASE("A consumer that is missing is told from any other answer") {
  CHECK(is_consumer_missing(R"({"error":{"code":404,"err_code":10014,"description":"consumer not found"}})"));
  CHECK_FALSE(
      is_consumer_missing(R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})"));
  CHECK_FALSE(is_consumer_missing(reply_with(kOwn)));
  ConsumerInfo info;
  CHECK_FALSE(parse_consumer_info("{}", &info));
  CHECK_FALSE(parse_consumer_info("no JSON", &info));
}

}  // namespace
}  // namespace paxect::carrier
