// The floor of the carrier: libnats alone moves the same bytes through the same server.
//   bench_carrier_floor URL COUNT BYTES publish|through
// Publishes COUNT times BYTES in messages of at most 512 KiB to a stream of files and waits for all
// acknowledgements of the server. With `through`, a second connection receives them in the meantime and
// acknowledges each. Makes the stream and removes it. Prints WALL-SECONDS CPU-SECONDS.
#include <nats/nats.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kChunk = std::size_t{512} << 10;
constexpr std::size_t kWindowBytes = std::size_t{32} << 20;
constexpr const char* kStream = "bench_floor";

void check(natsStatus status, const char* what) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "bench_carrier_floor: %s: %s\n", what, natsStatus_GetText(status));
  std::exit(1);
}

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

struct Session {
  std::unique_ptr<natsConnection, Freed<natsConnection_Destroy>> connection;
  std::unique_ptr<jsCtx, Freed<jsCtx_Destroy>> js;

  Session(const char* url, std::size_t window) {
    natsConnection* to = nullptr;
    check(natsConnection_ConnectTo(&to, url), url);
    connection.reset(to);
    jsOptions options;
    check(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = static_cast<int64_t>(window);
    jsCtx* context = nullptr;
    check(natsConnection_JetStream(&context, to, &options), "JetStream");
    js.reset(context);
  }
};

void make_stream(const Session& session) {
  js_DeleteStream(session.js.get(), kStream, nullptr, nullptr);
  jsStreamConfig config;
  check(jsStreamConfig_Init(&config), "stream");
  const char* subject = "bench_floor.>";
  config.Name = kStream;
  config.Subjects = &subject;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  check(js_AddStream(nullptr, session.js.get(), &config, nullptr, nullptr), "stream");
}

void receive(const Session& session, std::size_t count, std::size_t window) {
  jsSubOptions options;
  check(jsSubOptions_Init(&options), "subscription");
  options.ManualAck = true;
  options.Config.AckPolicy = js_AckExplicit;
  options.Config.MaxAckPending = static_cast<int64_t>(window);
  natsSubscription* made = nullptr;
  check(js_SubscribeSync(&made, session.js.get(), "bench_floor.>", nullptr, &options, nullptr),
        "subscription");
  std::unique_ptr<natsSubscription, Freed<natsSubscription_Destroy>> subscription(made);
  check(natsSubscription_SetPendingLimits(made, -1, -1), "subscription");
  for (std::size_t i = 0; i < count; ++i) {
    natsMsg* got = nullptr;
    check(natsSubscription_NextMsg(&got, made, 60'000), "message");
    std::unique_ptr<natsMsg, Freed<natsMsg_Destroy>> message(got);
    check(natsMsg_Ack(got, nullptr), "acknowledgement");
  }
  check(natsConnection_FlushTimeout(session.connection.get(), 60'000), "flush");
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int measure(const char* url, std::size_t count, std::size_t bytes, bool through) {
  const std::size_t chunks = std::max<std::size_t>(1, (bytes + kChunk - 1) / kChunk);
  const std::size_t window =
      std::clamp<std::size_t>(kWindowBytes / std::min(std::max<std::size_t>(1, bytes), kChunk), 1, 2048);
  Session sender(url, window);
  Session receiver(url, window);
  make_stream(sender);
  std::vector<char> noise(kChunk);
  std::minstd_rand random(1);
  for (char& byte : noise) byte = static_cast<char>(random() >> 8);
  auto begin = std::chrono::steady_clock::now();
  std::jthread other;
  if (through) other = std::jthread([&] { receive(receiver, count * chunks, window); });
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      std::size_t size = std::min(kChunk, bytes - chunk * kChunk);
      std::string subject = "bench_floor." + std::to_string(i) + "." + std::to_string(chunk);
      check(js_PublishAsync(sender.js.get(), subject.c_str(), noise.data(), static_cast<int>(size), nullptr),
            "publish");
    }
  jsPubOptions options;
  check(jsPubOptions_Init(&options), "publish");
  options.MaxWait = 60'000;
  check(js_PublishAsyncComplete(sender.js.get(), &options), "acknowledgements");
  if (other.joinable()) other.join();
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  check(js_DeleteStream(sender.js.get(), kStream, nullptr, nullptr), "stream");
  std::printf("%.3f %.3f\n", wall.count(), seconds(usage.ru_utime) + seconds(usage.ru_stime));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: bench_carrier_floor URL COUNT BYTES publish|through\n", stderr);
    return 64;
  }
  try {
    return measure(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
                   std::string(argv[4]) == "through");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_carrier_floor: %s\n", error.what());
    return 1;
  }
}
