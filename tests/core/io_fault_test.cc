// The C API when system calls fail. This program defines system calls of its own, which the library finds
// before those of libc. Of all calls that a job makes, one fails: the first, the second and so on. The job
// then ends with a status and leaves no file, and the handle does the same job right afterwards.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <functional>

#include "codec.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace {

// Counts the calls made while `armed`, and which of them fails. Atomic, because worker threads make calls
// too.
struct Faults {
  std::atomic<bool> armed{false};
  std::atomic<long> calls{0};
  std::atomic<long> fail_at{0};  // number of the call that fails, from 1; 0: none
  std::atomic<int> error{EIO};
  std::atomic<const char*> failed{nullptr};  // the name of the call that failed
  std::atomic<std::size_t> piece{0};         // bytes that a read or write takes at most; 0: all
};
Faults faults;

// Called after each call that changes the permissions of a file, and before each that gives it a name.
std::function<void(int fd)> after_change;
std::function<void(const std::string& name)> before_naming;
std::atomic<bool> no_tmpfile{false};  // as on a file system without O_TMPFILE

bool fails(const char* name) {
  if (!faults.armed || ++faults.calls != faults.fail_at) return false;
  faults.failed = name;
  errno = faults.error;
  return true;
}

std::size_t cut(std::size_t size) {
  std::size_t piece = faults.piece;
  return faults.armed && piece != 0 && size > piece ? piece : size;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define INTERPOSED extern "C" __attribute__((visibility("default")))
// A system call that only counts and fails.
#define FAILING(result, name, parameters, arguments)                    \
  INTERPOSED result name parameters {                                   \
    static auto* function = real<result parameters>(#name);             \
    return fails(#name) ? static_cast<result>(-1) : function arguments; \
  }

FAILING(ssize_t, read, (int fd, void* data, size_t size), (fd, data, cut(size)))
FAILING(ssize_t, pread64, (int fd, void* data, size_t size, off64_t at), (fd, data, cut(size), at))
FAILING(ssize_t, write, (int fd, const void* data, size_t size), (fd, data, cut(size)))
FAILING(ssize_t, pwrite64, (int fd, const void* data, size_t size, off64_t at), (fd, data, cut(size), at))
FAILING(int, fsync, (int fd), (fd))
FAILING(int, fdatasync, (int fd), (fd))
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size))
FAILING(off64_t, lseek64, (int fd, off64_t at, int whence), (fd, at, whence))
FAILING(int, fallocate64, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size))
FAILING(int, fstat64, (int fd, struct stat64* out), (fd, out))
FAILING(int, stat64, (const char* path, struct stat64* out), (path, out))
FAILING(int, lstat64, (const char* path, struct stat64* out), (path, out))
FAILING(int, futimens, (int fd, const struct timespec* times), (fd, times))
FAILING(int, rename, (const char* from, const char* to), (from, to))
FAILING(int, access, (const char* path, int mode), (path, mode))

// The same, followed by after_change.
#define CHANGING(name, parameters, arguments)            \
  INTERPOSED int name parameters {                       \
    static auto* function = real<int parameters>(#name); \
    int result = fails(#name) ? -1 : function arguments; \
    if (after_change) after_change(fd);                  \
    return result;                                       \
  }
CHANGING(fchmod, (int fd, mode_t mode), (fd, mode))
CHANGING(fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
CHANGING(fsetxattr, (int fd, const char* name, const void* value, size_t size, int flags),
         (fd, name, value, size, flags))
CHANGING(fremovexattr, (int fd, const char* name), (fd, name))

// The same, preceded by before_naming.
#define NAMING(name, parameters, arguments)              \
  INTERPOSED int name parameters {                       \
    static auto* function = real<int parameters>(#name); \
    if (before_naming) before_naming(to);                \
    return fails(#name) ? -1 : function arguments;       \
  }
NAMING(linkat, (int from_fd, const char* from, int to_fd, const char* to, int flags),
       (from_fd, from, to_fd, to, flags))
NAMING(renameat2, (int from_fd, const char* from, int to_fd, const char* to, unsigned flags),
       (from_fd, from, to_fd, to, flags))

// The optional argument of open.
mode_t mode_argument(int flags, va_list rest) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}
INTERPOSED int open64(const char* path, int flags, ...) {
  static auto* function = real<int(const char*, int, ...)>("open64");
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_argument(flags, rest);
  va_end(rest);
  return fails("open64") ? -1 : function(path, flags, mode);
}
INTERPOSED int openat64(int directory, const char* path, int flags, ...) {
  static auto* function = real<int(int, const char*, int, ...)>("openat64");
  va_list rest;
  va_start(rest, flags);
  mode_t mode = mode_argument(flags, rest);
  va_end(rest);
  if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return fails("openat64") ? -1 : function(directory, path, flags, mode);
}
// Linux closes the descriptor even when close() fails.
INTERPOSED int close(int fd) {
  static auto* function = real<int(int)>("close");
  int result = function(fd);
  return fails("close") ? -1 : result;
}

// The failure of a job when no provider has the algorithm.
std::atomic<bool> no_digest{false};
INTERPOSED void* EVP_MD_fetch(void* context, const char* algorithm, const char* properties) {
  static auto* function = real<void*(void*, const char*, const char*)>("EVP_MD_fetch");
  return function(context, no_digest ? "no such algorithm" : algorithm, properties);
}

namespace paxect::test {
namespace {

constexpr const char* kOld = "an older output";

// One function of the C API on a handle of its own, in a directory with input, container and older output.
struct Job {
  const char* name;
  std::function<paxect_status()> run;
  bool writes_file = false;
  std::string result = {};      // what `run` leaves in `out`, or in the file, when it succeeds
  bool may_read_again = false;  // a read that fails once is no failure
};

class IoFault {
 public:
  IoFault() : parameters_({{PAXECT_PARAM_THREADS, 3}, {PAXECT_PARAM_SYNC, 1}}) {
    // Enough zeros for a hole in the middle and one at the end.
    data_ = text(20'000) + std::string(200'000, '\0') + text(9000) + std::string(110'000, '\0');
    container_ = encode(data_, {{PAXECT_PARAM_FRAME_SIZE, 16'384}});
    write_file(dir_ / "data", data_);
    write_file(dir_ / "container", container_);
    protected_ = encode(data_, {{PAXECT_PARAM_FRAME_SIZE, 16'384}, {PAXECT_PARAM_PROTECT, 6}});
    damaged_ = protected_;
    damaged_[100] = static_cast<char>(damaged_[100] ^ 1);
    write_file(dir_ / "damaged", damaged_);
    make_handles();
  }

  void make_handles() {
    Parameters encoding = parameters_;
    encoding.emplace_back(PAXECT_PARAM_FRAME_SIZE, 16'384);
    encoder_ = make_encoder(encoding);
    decoder_ = make_decoder(parameters_);
    reader_ = make_reader(parameters_);
    salvager_ = make_salvager({{PAXECT_PARAM_SYNC, 1}});
    repairer_ = make_repairer(parameters_);
  }

  std::vector<Job> jobs() {
    auto path = [this](const char* name) { return dir_ / name; };
    return {
        {"encode_path",
         [=, this] {
           return paxect_encoder_encode_path(encoder_.get(), path("data").c_str(), path("output").c_str());
         },
         true, container_},
        {"decode_path",
         [=, this] {
           return paxect_decoder_decode_path(decoder_.get(), path("container").c_str(),
                                             path("output").c_str());
         },
         true, data_},
        {"reader info, frames and read",
         [=, this] {
           paxect_status status = open_reader();
           paxect_container_info info{};
           info.struct_size = sizeof info;
           if (status == PAXECT_OK) status = paxect_reader_info(reader_.get(), &info);
           auto ignore = [](void*, const paxect_frame_info*) { return 0; };
           if (status == PAXECT_OK) status = paxect_reader_frames(reader_.get(), ignore, nullptr);
           if (status != PAXECT_OK) return status;
           return paxect_reader_read(reader_.get(), 1000, 300'000, append, &out_);
         },
         false, data_.substr(1000, 300'000)},
        {"read_path",
         [=, this] {
           paxect_status status = open_reader();
           if (status != PAXECT_OK) return status;
           return paxect_reader_read_path(reader_.get(), 0, UINT64_MAX, path("output").c_str());
         },
         true, data_},
        {"compare_path",
         [=, this] {
           paxect_status status = open_reader();
           if (status != PAXECT_OK) return status;
           return paxect_reader_compare_path(reader_.get(), path("data").c_str(), nullptr, nullptr);
         }},
        {"read_info_fd", [=] { return read_info(path("container")); }},
        {"salvager run",
         [=, this] {
           return salvage(path("container"), [this] {
             paxect_salvager_set_sink(salvager_.get(), append, &out_);
             return paxect_salvager_run(salvager_.get());
           });
         },
         false, data_, true},
        {"salvager run_path",
         [=, this] {
           return salvage(path("container"),
                          [&] { return paxect_salvager_run_path(salvager_.get(), path("output").c_str()); });
         },
         true, data_, true},
        {"repairer check",
         [=, this] {
           return repair(path("damaged"), [this] { return paxect_repairer_check(repairer_.get()); });
         },
         false, "", true},
        {"repairer run",
         [=, this] {
           return repair(path("damaged"), [this] {
             paxect_repairer_set_sink(repairer_.get(), append, &out_);
             return paxect_repairer_run(repairer_.get());
           });
         },
         false, protected_, true},
        {"repairer run_path",
         [=, this] {
           return repair(path("damaged"),
                         [&] { return paxect_repairer_run_path(repairer_.get(), path("output").c_str()); });
         },
         true, protected_, true}};
  }

  struct Outcome {
    paxect_status status;
    long calls;          // that were made
    const char* failed;  // the call that failed; nullptr: none
  };
  // Runs the job while the call of this number fails, and checks what holds for every failure.
  Outcome run(const Job& job, long fail_at) {
    out_.clear();
    write_file(dir_ / "output", kOld);
    faults.calls = 0;
    faults.failed = nullptr;
    faults.fail_at = fail_at;
    faults.armed = true;
    paxect_status status = job.run();
    faults.armed = false;
    Outcome outcome{status, faults.calls, faults.failed};
    INFO(job.name << ": call " << fail_at << " of " << outcome.calls << ", "
                  << (outcome.failed == nullptr ? "none" : outcome.failed)
                  << ", fails: " << paxect_status_name(status));
    CHECK(list(dir_.path()) == std::vector<std::string>{"container", "damaged", "data", "output"});
    CHECK(read_file(dir_ / "damaged") == damaged_);
    std::string output = read_file(dir_ / "output");
    bool partial = status == PAXECT_ERROR_PARTIAL;  // salvage writes what there is
    if (status == PAXECT_OK) CHECK((job.writes_file ? output : out_) == job.result);
    if (!job.writes_file) CHECK(output == kOld);
    if (job.writes_file && status != PAXECT_OK && !partial) CHECK((output == kOld || output == job.result));
    CHECK(faults.calls == outcome.calls);  // nothing goes on
    return outcome;
  }

 private:
  paxect_status open_reader() { return paxect_reader_open_path(reader_.get(), (dir_ / "container").c_str()); }

  static paxect_status read_info(const std::string& path) {
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return PAXECT_ERROR_OPEN;
    paxect_container_info info{};
    info.struct_size = sizeof info;
    paxect_status status = paxect_read_info_fd(fd, &info, nullptr, 0);
    close(fd);
    return status;
  }

  paxect_status salvage(const std::string& path, const std::function<paxect_status()>& work) {
    paxect_status status = paxect_salvager_reset(salvager_.get());
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return PAXECT_ERROR_OPEN;
    if (status == PAXECT_OK) status = paxect_salvager_add_fd(salvager_.get(), fd, "container");
    if (status == PAXECT_OK) status = work();
    close(fd);
    return status;
  }

  paxect_status repair(const std::string& path, const std::function<paxect_status()>& work) {
    paxect_status status = paxect_repairer_reset(repairer_.get());
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return PAXECT_ERROR_OPEN;
    if (status == PAXECT_OK) status = paxect_repairer_add_fd(repairer_.get(), fd, "damaged");
    if (status == PAXECT_OK) status = work();
    close(fd);
    return status;
  }

  TempDir dir_;
  Parameters parameters_;
  std::string data_;
  std::string container_;
  std::string protected_;
  std::string damaged_;
  std::string out_;  // what a sink received
  Encoder encoder_;
  Decoder decoder_;
  Reader reader_;
  Salvager salvager_;
  Repairer repairer_;
};

bool is_transfer(const std::string& call) {
  return call == "read" || call == "pread64" || call == "write" || call == "pwrite64";
}

TEST_CASE(
    "any one system call that fails ends a job with its status, and the next job of the handle succeeds") {
  IoFault fixture;
  for (const Job& job : fixture.jobs()) {
    IoFault::Outcome good = fixture.run(job, 0);
    INFO(job.name << ": " << good.calls << " calls");
    REQUIRE(good.status == PAXECT_OK);
    REQUIRE(good.calls > 2);
    for (int error : {EIO, ENOSPC}) {
      faults.error = error;
      for (long n = 1;; ++n) {
        IoFault::Outcome outcome = fixture.run(job, n);
        if (outcome.failed == nullptr) break;
        INFO("call " << n << ", " << outcome.failed);
        bool data = is_transfer(outcome.failed) || outcome.failed == std::string("fsync");
        if (data && !job.may_read_again) CHECK(outcome.status != PAXECT_OK);
        CHECK(paxect_status_exit_code(outcome.status) != 70);
        CHECK(fixture.run(job, 0).status == PAXECT_OK);
      }
    }
  }
}

TEST_CASE("a read or write that a signal interrupts is repeated, at any place") {
  IoFault fixture;
  faults.error = EINTR;
  for (const Job& job : fixture.jobs()) {
    for (long n = 1;; ++n) {
      IoFault::Outcome outcome = fixture.run(job, n);
      if (outcome.failed == nullptr) break;
      INFO(job.name << ": call " << n << ", " << outcome.failed);
      if (is_transfer(outcome.failed)) CHECK(outcome.status == PAXECT_OK);
    }
  }
}

TEST_CASE("short reads and writes give the same result") {
  IoFault fixture;
  faults.piece = 777;
  for (const Job& job : fixture.jobs()) CHECK(fixture.run(job, 0).status == PAXECT_OK);
  faults.piece = 0;
}

TEST_CASE("a libcrypto without SHA-256 gives CRYPTO and no digest") {
  IoFault fixture;
  no_digest = true;
  fixture.make_handles();
  int affected = 0;
  for (const Job& job : fixture.jobs()) {
    paxect_status status = fixture.run(job, 0).status;
    INFO(job.name << ": " << paxect_status_name(status));
    bool needs_none = status == PAXECT_OK;  // a part of the data, header and footer
    CHECK((needs_none || status == PAXECT_ERROR_CRYPTO));
    affected += needs_none ? 0 : 1;
  }
  CHECK(affected == 9);
  CHECK(paxect_status_exit_code(PAXECT_ERROR_CRYPTO) == 3);
  no_digest = false;
  for (const Job& job : fixture.jobs()) CHECK(fixture.run(job, 0).status == PAXECT_OK);
}

TEST_CASE("an output never has more permissions than at the end of its completion") {
  TempDir dir;
  // A named user and the group may read and write.
  const std::string acl(
      "\2\0\0\0\1\0\6\0\377\377\377\377\2\0\6\0\322\4\0\0\4\0\6\0\377\377\377\377"
      "\20\0\6\0\377\377\377\377\40\0\6\0\377\377\377\377",
      44);
  for (mode_t mode : {0600u, 0640u, 0644u, 0666u}) {
    write_file(dir / "in", "data");
    write_file(dir / "out", "old");
    REQUIRE(chmod((dir / "in").c_str(), mode) == 0);
    if (setxattr((dir / "out").c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0) != 0) {
      WARN("skipped: no access control lists here");
      return;
    }
    std::vector<mode_t> seen;
    after_change = [&](int fd) {
      struct stat file {};
      if (fstat(fd, &file) == 0) seen.push_back(file.st_mode & 0777);
    };
    auto encoder = make_encoder();
    paxect_status status =
        paxect_encoder_encode_path(encoder.get(), (dir / "in").c_str(), (dir / "out").c_str());
    after_change = nullptr;
    CHECK(status == PAXECT_OK);
    struct stat file {};
    REQUIRE(stat((dir / "out").c_str(), &file) == 0);
    CHECK(!seen.empty());
    for (mode_t step : seen) CHECK((step & ~file.st_mode) == 0);
  }
}

TEST_CASE("a file created under the output's name at the last moment is checked before it is replaced") {
  TempDir dir;
  write_file(dir / "in", "data");
  auto encoder = make_encoder();
  auto encode_while = [&](const std::function<void()>& create) {
    unlink((dir / "out").c_str());
    bool created = false;
    before_naming = [&](const std::string& name) {
      if (!created && name == "out") create();
      created = created || name == "out";
    };
    paxect_status status =
        paxect_encoder_encode_path(encoder.get(), (dir / "in").c_str(), (dir / "out").c_str());
    before_naming = nullptr;
    CHECK(created);
    return status;
  };
  for (bool hidden : {false, true}) {
    no_tmpfile = hidden;
    struct stat file {};
    CHECK(encode_while([&] { REQUIRE(mkfifo((dir / "out").c_str(), 0600) == 0); }) == PAXECT_ERROR_WRITE);
    REQUIRE(stat((dir / "out").c_str(), &file) == 0);
    CHECK(S_ISFIFO(file.st_mode));
    CHECK(encode_while([&] {
            write_file(dir / "out", "private");
            REQUIRE(chmod((dir / "out").c_str(), 0600) == 0);
          }) == PAXECT_OK);
    CHECK(read_file(dir / "out") == encode("data"));
    REQUIRE(stat((dir / "out").c_str(), &file) == 0);
    CHECK((file.st_mode & 0777) == 0600);
  }
  no_tmpfile = false;
  CHECK(list(dir.path()) == std::vector<std::string>{"in", "out"});
}

}  // namespace
}  // namespace paxect::test
