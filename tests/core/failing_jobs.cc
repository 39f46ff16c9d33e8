#include "failing_jobs.h"

#include "support/memory_file.h"

namespace paxect::test {
namespace {

const Parameters kEncoding{{PAXECT_PARAM_FRAME_SIZE, 16384}, {PAXECT_PARAM_LEVEL, 1}};

}  // namespace

const std::string& original() {
  static const std::string kData = text(200'000) + std::string(100'000, '\0') + noise(60'000);
  return kData;
}

const std::string& container() {
  static const std::string kContainer = encode(original(), kEncoding);
  return kContainer;
}

namespace {

// The part common to encoder and decoder jobs: H is paxect_encoder or paxect_decoder.
class EncodeJob : public Job {
 public:
  explicit EncodeJob(std::int64_t threads) : Job(threads), encoder_(make_encoder(kEncoding)) {
    paxect_encoder_set_parameter(encoder(), PAXECT_PARAM_THREADS, threads);
  }
  bool right(const Attempt& attempt) override { return attempt.out.holds(container()); }
  std::string message() const override { return paxect_encoder_error_message(encoder_.get()); }

 protected:
  paxect_encoder* encoder() const { return encoder_.get(); }

 private:
  Encoder encoder_;
};
class DecodeJob : public Job {
 public:
  explicit DecodeJob(std::int64_t threads)
      : Job(threads), decoder_(make_decoder({{PAXECT_PARAM_THREADS, threads}})) {}
  bool right(const Attempt& attempt) override { return attempt.out.holds(original()); }
  std::string message() const override { return paxect_decoder_error_message(decoder_.get()); }

 protected:
  paxect_decoder* decoder() const { return decoder_.get(); }

 private:
  Decoder decoder_;
};

// Pushes `contents`, in memory that the handle may use during each call only.
template <class Handle>
paxect_status push(Handle* handle, const std::string& contents, Attempt& attempt,
                   paxect_status (*write)(Handle*, const void*, std::size_t),
                   paxect_status (*finish)(Handle*)) {
  constexpr std::size_t kPiece = 40'000;
  paxect_status status = PAXECT_OK;
  for (std::size_t at = 0; at < contents.size() && status == PAXECT_OK; at += kPiece) {
    Region piece(std::string_view(contents).substr(at, kPiece));
    status = write(handle, piece.data(), piece.size);
  }
  if (status == PAXECT_OK) return finish(handle);
  Unaffected scope;
  std::size_t so_far = attempt.out.size;
  CHECK(write(handle, "x", 1) == status);  // a failed stream repeats its failure
  CHECK(finish(handle) == status);
  CHECK(attempt.out.size == so_far);
  return status;
}

struct EncodeStream : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    paxect_encoder_set_sink(encoder(), Attempt::sink, &attempt);
    paxect_status status = push(encoder(), original(), attempt, paxect_encoder_write, paxect_encoder_finish);
    return status;
  }
  void recover() override { REQUIRE(paxect_encoder_reset(encoder()) == PAXECT_OK); }
};
struct EncodeRun : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(original());
    paxect_encoder_set_sink(encoder(), Attempt::sink, &attempt);
    return paxect_encoder_run(encoder(), Attempt::source, &attempt);
  }
};
struct EncodeParanoid : EncodeRun {
  explicit EncodeParanoid(std::int64_t threads) : EncodeRun(threads) {
    paxect_encoder_set_parameter(encoder(), PAXECT_PARAM_PARANOID, 1);
  }
};
struct EncodeBuffer : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(original());
    return paxect_encoder_encode_buffer(encoder(), attempt.in.data(), attempt.in.size, attempt.out.data(),
                                        attempt.out.capacity(), &attempt.out.size);
  }
};

struct DecodeStream : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    paxect_decoder_set_sink(decoder(), Attempt::sink, &attempt);
    return push(decoder(), container(), attempt, paxect_decoder_write, paxect_decoder_finish);
  }
  void recover() override { REQUIRE(paxect_decoder_reset(decoder()) == PAXECT_OK); }
};
struct DecodeRun : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(container());
    paxect_decoder_set_sink(decoder(), Attempt::sink, &attempt);
    return paxect_decoder_run(decoder(), Attempt::source, &attempt);
  }
};
struct DecodeBuffer : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt& attempt) override {
    attempt.give(container());
    return paxect_decoder_decode_buffer(decoder(), attempt.in.data(), attempt.in.size, attempt.out.data(),
                                        attempt.out.capacity(), &attempt.out.size);
  }
};

struct EncodePath : EncodeJob {
  using EncodeJob::EncodeJob;
  paxect_status work(Attempt&) override {
    files.prepare();
    return paxect_encoder_encode_path(encoder(), files.data.c_str(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(container()); }
  void recover() override { files.check_unchanged(); }
};
struct DecodePath : DecodeJob {
  using DecodeJob::DecodeJob;
  paxect_status work(Attempt&) override {
    files.prepare();
    return paxect_decoder_decode_path(decoder(), files.freq.c_str(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original()); }
  void recover() override { files.check_unchanged(); }
};

// Frames large enough that the decoder's worker threads write them.
struct DecodeLargeFrames : DecodePath {
  explicit DecodeLargeFrames(std::int64_t threads) : DecodePath(threads) {
    static const std::string kContainer =
        encode(original(), {{PAXECT_PARAM_FRAME_SIZE, 262'144}, {PAXECT_PARAM_LEVEL, 1}});
    write_file(files.freq, kContainer);
  }
};

// Each reader job also opens the container, so that the opening can fail too.
class ReaderJob : public Job {
 public:
  explicit ReaderJob(std::int64_t threads)
      : Job(threads), reader_(make_reader({{PAXECT_PARAM_THREADS, threads}})) {}
  paxect_status work(Attempt& attempt) override {
    files.prepare();
    paxect_status status = paxect_reader_open_path(reader(), files.freq.c_str());
    return status == PAXECT_OK ? work_on_open(attempt) : status;
  }
  bool right(const Attempt&) override { return true; }
  void recover() override { files.check_unchanged(); }
  std::string message() const override { return paxect_reader_error_message(reader_.get()); }

 protected:
  virtual paxect_status work_on_open(Attempt& attempt) = 0;
  paxect_reader* reader() const { return reader_.get(); }

 private:
  Reader reader_;
};
struct ReadFrames : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    auto count = [](void* opaque, const paxect_frame_info*) {
      ++static_cast<Attempt*>(opaque)->read;
      return std::int32_t{0};
    };
    return paxect_reader_frames(reader(), count, &attempt);
  }
  bool right(const Attempt& attempt) override { return attempt.read == (original().size() + 16383) / 16384; }
};
struct ReadRange : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    return paxect_reader_read(reader(), 30'000, 300'000, Attempt::sink, &attempt);
  }
  bool right(const Attempt& attempt) override {
    return attempt.out.holds(original().substr(30'000, 300'000));
  }
};
struct ReadRangeToPath : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt&) override {
    return paxect_reader_read_path(reader(), 30'000, 300'000, files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original().substr(30'000, 300'000)); }
};
struct Compare : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt& attempt) override {
    attempt.give(original());
    return paxect_reader_compare(reader(), Attempt::source, &attempt, nullptr, nullptr);
  }
};
struct ComparePath : ReaderJob {
  using ReaderJob::ReaderJob;
  paxect_status work_on_open(Attempt&) override {
    return paxect_reader_compare_path(reader(), files.data.c_str(), nullptr, nullptr);
  }
};

// Two damaged copies that together have every frame.
class SalvageJob : public Job {
 public:
  explicit SalvageJob(std::int64_t threads)
      : Job(threads), salvager_(make_salvager()), first_(damaged(100)), second_(damaged(9000)) {}
  paxect_status work(Attempt& attempt) override {
    files.prepare();
    paxect_salvager_set_sink(salvager(), Attempt::sink, &attempt);
    paxect_status status = paxect_salvager_add_fd(salvager(), first_.fd(), "first");
    if (status == PAXECT_OK) status = paxect_salvager_add_fd(salvager(), second_.fd(), "second");
    return status == PAXECT_OK ? write(attempt) : status;
  }
  bool right(const Attempt& attempt) override { return attempt.out.holds(original()); }
  void recover() override {
    files.check_unchanged();
    REQUIRE(paxect_salvager_reset(salvager()) == PAXECT_OK);
  }
  std::string message() const override { return paxect_salvager_error_message(salvager_.get()); }

 protected:
  virtual paxect_status write(Attempt&) { return paxect_salvager_run(salvager()); }
  paxect_salvager* salvager() const { return salvager_.get(); }

 private:
  static std::string damaged(std::size_t at) {
    std::string bytes = container();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  }

  Salvager salvager_;
  MemoryFile first_;
  MemoryFile second_;
};
struct SalvagePath : SalvageJob {
  using SalvageJob::SalvageJob;
  paxect_status write(Attempt&) override {
    return paxect_salvager_run_path(salvager(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(original()); }
};

// Two damaged copies of a protected container, of which the repair needs both and the parity.
const std::string& protected_container() {
  static const std::string kContainer = [] {
    Parameters parameters = kEncoding;
    parameters.emplace_back(PAXECT_PARAM_PROTECT, 6);
    return encode(original(), parameters);
  }();
  return kContainer;
}
class RepairJob : public Job {
 public:
  explicit RepairJob(std::int64_t threads)
      : Job(threads),
        repairer_(make_repairer({{PAXECT_PARAM_THREADS, threads}})),
        first_(damaged({100, 5000})),
        second_(damaged({9000, 5000})) {}
  paxect_status work(Attempt& attempt) override {
    files.prepare();
    paxect_repairer_set_sink(repairer(), Attempt::sink, &attempt);
    paxect_status status = paxect_repairer_add_fd(repairer(), first_.fd(), "first");
    if (status == PAXECT_OK) status = paxect_repairer_add_fd(repairer(), second_.fd(), "second");
    return status == PAXECT_OK ? repair(attempt) : status;
  }
  bool right(const Attempt& attempt) override { return attempt.out.holds(protected_container()); }
  void recover() override {
    files.check_unchanged();
    REQUIRE(paxect_repairer_reset(repairer()) == PAXECT_OK);
  }
  std::string message() const override { return paxect_repairer_error_message(repairer_.get()); }

 protected:
  virtual paxect_status repair(Attempt&) { return paxect_repairer_run(repairer()); }
  paxect_repairer* repairer() const { return repairer_.get(); }

 private:
  static std::string damaged(const std::vector<std::size_t>& places) {
    std::string bytes = protected_container();
    for (std::size_t at : places) bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  }

  Repairer repairer_;
  MemoryFile first_;
  MemoryFile second_;
};
struct RepairCheck : RepairJob {
  using RepairJob::RepairJob;
  paxect_status repair(Attempt&) override { return paxect_repairer_check(repairer()); }
  bool right(const Attempt& attempt) override { return attempt.out.size == 0; }
};
struct RepairPath : RepairJob {
  using RepairJob::RepairJob;
  paxect_status repair(Attempt&) override {
    return paxect_repairer_run_path(repairer(), files.output.c_str());
  }
  bool right(const Attempt&) override { return files.output_holds(protected_container()); }
};

template <class J>
Kind kind(const char* name, bool threads) {
  return {name, threads, [](std::int64_t count) { return std::make_unique<J>(count); }};
}
}  // namespace

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{kind<EncodeStream>("encoder write and finish", true),
                                        kind<EncodeRun>("encoder run", true),
                                        kind<EncodeParanoid>("encoder run, paranoid", true),
                                        kind<EncodeBuffer>("encode_buffer", true),
                                        kind<EncodePath>("encode_path", true),
                                        kind<DecodeStream>("decoder write and finish", true),
                                        kind<DecodeRun>("decoder run", true),
                                        kind<DecodeBuffer>("decode_buffer", true),
                                        kind<DecodePath>("decode_path", true),
                                        kind<DecodeLargeFrames>("decode_path, large frames", true),
                                        kind<ReadFrames>("reader frames", false),
                                        kind<ReadRange>("reader read", true),
                                        kind<ReadRangeToPath>("reader read_path", true),
                                        kind<Compare>("reader compare", false),
                                        kind<ComparePath>("reader compare_path", false),
                                        kind<SalvageJob>("salvager run", false),
                                        kind<SalvagePath>("salvager run_path", false),
                                        kind<RepairJob>("repairer run", true),
                                        kind<RepairCheck>("repairer check", true),
                                        kind<RepairPath>("repairer run_path", true)};
  return kKinds;
}

}  // namespace paxect::test
