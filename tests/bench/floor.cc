// The time that the libraries below paxect-core take in one process, without files or containers: its floors.
//   bench_floor encode|decode LEVEL THREADS FILE   libzstd on frames of 1 MiB
//   bench_floor sha256 FILE                        libcrypto on the whole file
//   bench_floor small BYTES COUNT FILE             COUNT pieces in turn, by libzstd and by libpaxect_core
// FILE is read into memory before the measurement. Prints one line per measurement: NAME WALL-SECONDS
// CPU-SECONDS.
#include <openssl/evp.h>
#include <paxect/core.h>
#include <sys/resource.h>
#include <zstd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<char>;
constexpr std::size_t kFrame = std::size_t{1} << 20;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Sums the time of several pieces of one kind of work.
class Meter {
 public:
  explicit Meter(const char* name) : name_(name) {}

  void add(const std::function<void()>& work) {
    double cpu = cpu_seconds();
    auto start = std::chrono::steady_clock::now();
    work();
    wall_ += std::chrono::steady_clock::now() - start;
    cpu_ += cpu_seconds() - cpu;
  }
  void print() const { std::printf("%s %.6f %.6f\n", name_, wall_.count(), cpu_); }

 private:
  const char* name_;
  std::chrono::duration<double> wall_{};
  double cpu_ = 0;
};

void measure(const char* name, const std::function<void()>& work) {
  Meter meter(name);
  meter.add(work);
  meter.print();
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench_floor: %s\n", what);
  std::exit(70);
}

std::size_t check(std::size_t result) {
  if (ZSTD_isError(result) != 0) fail(ZSTD_getErrorName(result));
  return result;
}

Bytes load(const char* path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  Bytes data(in ? static_cast<std::size_t>(in.tellg()) : 0);
  in.seekg(0);
  if (!in.read(data.data(), static_cast<std::streamsize>(data.size()))) fail("cannot read the file");
  return data;
}

std::vector<std::span<const char>> split(const Bytes& data, std::size_t size) {
  std::vector<std::span<const char>> pieces;
  for (std::size_t at = 0; at < data.size(); at += size)
    pieces.emplace_back(data.data() + at, std::min(size, data.size() - at));
  return pieces;
}

// Runs work(index, worker state) for all indexes on `threads` threads.
template <class MakeState, class Work>
void on_threads(unsigned threads, std::size_t count, MakeState make_state, Work work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> pool;
  for (unsigned i = 0; i < threads; ++i)
    pool.emplace_back([&] {
      auto state = make_state();
      for (std::size_t index; (index = next++) < count;) work(index, state);
    });
}

using Compressor = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

void whole_file(bool encode, int level, unsigned threads, const char* path) {
  Bytes data = load(path);
  auto frames = split(data, kFrame);
  std::vector<Bytes> payloads(frames.size());
  auto compress = [&] {
    on_threads(
        threads, frames.size(),
        [] {
          return std::pair(Compressor(ZSTD_createCCtx(), &ZSTD_freeCCtx), Bytes(ZSTD_compressBound(kFrame)));
        },
        [&](std::size_t i, auto& state) {
          std::size_t size =
              check(ZSTD_compressCCtx(state.first.get(), state.second.data(), state.second.size(),
                                      frames[i].data(), frames[i].size(), level));
          if (!encode)
            payloads[i].assign(state.second.begin(), state.second.begin() + static_cast<long>(size));
        });
  };
  if (encode) {
    measure("floor-encode", compress);
    return;
  }
  compress();
  measure("floor-decode", [&] {
    on_threads(
        threads, payloads.size(),
        [] { return std::pair(Decompressor(ZSTD_createDCtx(), &ZSTD_freeDCtx), Bytes(kFrame)); },
        [&](std::size_t i, auto& state) {
          check(ZSTD_decompressDCtx(state.first.get(), state.second.data(), kFrame, payloads[i].data(),
                                    payloads[i].size()));
        });
  });
}

void sha256(const char* path) {
  Bytes data = load(path);
  measure("floor-sha256", [&] {
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha256(), nullptr) != 1)
      fail("libcrypto cannot hash");
  });
}

// In turns of 100 pieces, so that a change of the processor's speed affects all kinds of work. The first turn
// only warms up.
void small_pieces(std::size_t size, std::size_t count, const char* path) {
  constexpr std::size_t kTurn = 100;
  Bytes data = load(path);
  auto pieces = split(data, size);
  if (pieces.size() > count) pieces.resize(count);
  Bytes out(ZSTD_compressBound(size) + 1024), back(size);
  std::vector<Bytes> payloads(pieces.size()), containers(pieces.size());

  Compressor compressor(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  Decompressor decompressor(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  paxect_encoder* encoder = nullptr;
  paxect_decoder* decoder = nullptr;
  if (paxect_encoder_create(nullptr, &encoder) != PAXECT_OK ||
      paxect_decoder_create(nullptr, &decoder) != PAXECT_OK)
    fail("out of memory");

  struct Work {
    Meter meter;
    std::function<void(std::size_t)> on_piece;
  };
  std::size_t n = 0;
  Work works[] = {
      {Meter("small-floor-encode"),
       [&](std::size_t i) {
         n = check(ZSTD_compressCCtx(compressor.get(), out.data(), out.size(), pieces[i].data(),
                                     pieces[i].size(), 5));
         payloads[i].assign(out.data(), out.data() + n);
       }},
      {Meter("small-floor-decode"),
       [&](std::size_t i) {
         check(ZSTD_decompressDCtx(decompressor.get(), back.data(), back.size(), payloads[i].data(),
                                   payloads[i].size()));
       }},
      {Meter("small-encode"),
       [&](std::size_t i) {
         if (paxect_encoder_encode_buffer(encoder, pieces[i].data(), pieces[i].size(), out.data(), out.size(),
                                          &n) != PAXECT_OK)
           fail(paxect_encoder_error_message(encoder));
         containers[i].assign(out.data(), out.data() + n);
       }},
      {Meter("small-decode"),
       [&](std::size_t i) {
         if (paxect_decoder_decode_buffer(decoder, containers[i].data(), containers[i].size(), back.data(),
                                          back.size(), &n) != PAXECT_OK)
           fail(paxect_decoder_error_message(decoder));
       }},
  };
  auto turn = [&](Work& work, std::size_t from) {
    for (std::size_t i = from; i < std::min(from + kTurn, pieces.size()); ++i) work.on_piece(i);
  };
  for (Work& work : works) turn(work, 0);
  for (std::size_t from = 0; from < pieces.size(); from += kTurn)
    for (Work& work : works) work.meter.add([&] { turn(work, from); });
  for (const Work& work : works) work.meter.print();
  paxect_encoder_free(encoder);
  paxect_decoder_free(decoder);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc == 5 && (what == "encode" || what == "decode")) {
    whole_file(what == "encode", std::atoi(argv[2]), static_cast<unsigned>(std::atoi(argv[3])), argv[4]);
  } else if (argc == 3 && what == "sha256") {
    sha256(argv[2]);
  } else if (argc == 5 && what == "small") {
    small_pieces(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10), argv[4]);
  } else {
    std::fputs("usage: bench_floor encode|decode LEVEL THREADS FILE | sha256 FILE | small BYTES COUNT FILE\n",
               stderr);
    return 64;
  }
  return 0;
}
