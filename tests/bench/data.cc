// Writes reproducible data to standard output: bench_data KIND BYTES
//   mixed  sensor tables, event logs, prose and binary records, in turns of 256 KiB; compresses about 3:1
//   logs   event logs alone
//   noise  bytes that do not compress
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016.
class Random {
 public:
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D;
  }
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }
  // Small numbers far more often than large ones: the distribution of words and machines in real data.
  std::uint32_t skewed(std::uint32_t limit) { return below(1 + below(1 + below(limit))); }

 private:
  std::uint64_t state_ = 88172645463325252;
};

class Mixed {
 public:
  Mixed() {
    for (std::string& word : words_) {
      std::uint32_t length = 2 + random_.below(9);
      for (std::uint32_t i = 0; i < length; ++i) word += "etaoinshrdlucmfwypvbgkqjxz"[random_.skewed(26)];
    }
  }

  static constexpr std::uint32_t kKinds = 4;
  static constexpr std::uint32_t kLogs = 1;

  void fill(std::string& out, std::size_t size, std::uint32_t kind) {
    out.clear();
    while (out.size() < size) {
      if (kind == 0) table_row(out);
      if (kind == kLogs) log_line(out);
      if (kind == 2) sentence(out);
      if (kind == 3) record(out);
    }
    out.resize(size);
  }

 private:
  void table_row(std::string& out) {
    time_ += random_.below(3);
    std::array<char, 128> line;
    level_ += static_cast<int>(random_.below(21)) - 10;
    out.append(line.data(),
               static_cast<std::size_t>(std::snprintf(
                   line.data(), line.size(), "%llu;PLC-%02u;%d.%02u;%u.%u;%s\n",
                   static_cast<unsigned long long>(time_), random_.skewed(40), level_, random_.below(100),
                   20 + random_.below(8), random_.below(10), random_.below(50) == 0 ? "ALARM" : "ok")));
  }
  void log_line(std::string& out) {
    time_ += random_.below(2);
    std::array<char, 192> line;
    out.append(line.data(),
               static_cast<std::size_t>(std::snprintf(
                   line.data(), line.size(),
                   "{\"ts\":%llu,\"level\":\"%s\",\"node\":\"node%u\",\"event\":\"%s\",\"bytes\":%u,\"id\":"
                   "\"%08x\"}\n",
                   static_cast<unsigned long long>(time_), random_.below(20) == 0 ? "warn" : "info",
                   random_.skewed(30), words_[random_.skewed(60)].c_str(), random_.below(1 << 20),
                   static_cast<unsigned>(random_.next() >> 32))));
  }
  void sentence(std::string& out) {
    std::uint32_t length = 4 + random_.below(18);
    for (std::uint32_t i = 0; i < length; ++i) {
      out += words_[random_.skewed(static_cast<std::uint32_t>(words_.size()))];
      out += i + 1 < length ? ' ' : '.';
    }
    out += random_.below(6) == 0 ? "\n\n" : " ";
  }
  void record(std::string& out) {
    struct {
      std::uint32_t sequence, kind, value, flags;
      float reading[4];
    } record{sequence_++, random_.skewed(8), random_.below(4096), random_.below(64) == 0 ? 0x80u : 0u, {}};
    for (float& reading : record.reading) reading = static_cast<float>(random_.below(2000)) / 16.0F;
    out.append(reinterpret_cast<const char*>(&record), sizeof record);
  }

  Random random_;
  std::array<std::string, 8000> words_;
  std::uint64_t time_ = 1'700'000'000;
  std::uint32_t sequence_ = 0;
  int level_ = 500;
};

bool put(const char* data, std::size_t size) { return std::fwrite(data, 1, size, stdout) == size; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_data mixed|logs|noise BYTES\n", stderr);
    return 64;
  }
  std::uint64_t left = std::strtoull(argv[2], nullptr, 10);
  bool noise = std::strcmp(argv[1], "noise") == 0;
  bool logs = std::strcmp(argv[1], "logs") == 0;
  std::uint32_t turn = 0;
  Mixed mixed;
  Random random;
  std::string block(std::size_t{256} << 10, '\0');
  while (left != 0) {
    if (noise) {
      for (std::size_t i = 0; i < block.size(); i += 8) {
        std::uint64_t value = random.next();
        std::memcpy(&block[i], &value, sizeof value);
      }
    } else {
      mixed.fill(block, block.size(), logs ? Mixed::kLogs : turn++ % Mixed::kKinds);
    }
    std::size_t size = left < block.size() ? left : block.size();
    if (!put(block.data(), size)) return 3;
    left -= size;
  }
  return std::fflush(stdout) == 0 ? 0 : 3;
}
