#include "relay/core_probe.h"

#include <fcntl.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdlib>

#include "base/filesystem.h"
#include "base/unique_fd.h"
#include "stages/codec.h"
#include "stages/external_core.h"

namespace paxect::link {
namespace {

constexpr std::string_view kSample = "a sample\n";
constexpr std::size_t kLimit = 4096;  // more than its container has

// A directory that is gone at the end, whatever happened.
class Workshop {
 public:
  ~Workshop() {
    boost::system::error_code ignored;
    if (!path_.empty()) boost::filesystem::remove_all(path_, ignored);
  }
  Status open() {
    boost::system::error_code failed;
    std::string pattern = (boost::filesystem::temp_directory_path(failed) / "paxect_core.XXXXXX").string();
    if (failed || mkdtemp(pattern.data()) == nullptr)
      return io_failure("create a directory", pattern, failed ? failed.value() : errno);
    path_ = pattern;
    return Status::success();
  }
  std::string path(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Status write_file(const std::string& path, std::string_view contents) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return io_failure("create", path, errno);
  return write_all(fd.get(), contents.data(), contents.size(), path);
}

// By the built-in core: one way or the other.
Status convert(Codec* codec, bool encode, const std::string& path, std::string* out) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return io_failure("open", path, errno);
  Codec::Write append = [&](const void* data, std::size_t size) {
    out->append(static_cast<const char*>(data), size);
    return Status::success();
  };
  Codec::Result result;
  std::uint64_t size = stat_fd(fd.get()).identity.size;
  return encode ? codec->encode(fd.get(), path, size, append, &result)
                : codec->decode(fd.get(), path, size, kLimit, append, &result);
}

}  // namespace

Status probe_core(const ExternalCore& core, const std::string& verb, const std::string& event,
                  const std::function<bool()>& stop) {
  bool encode = verb == "encode";
  Workshop workshop;
  Codec codec(stop);
  Status status = workshop.open();
  const std::string sample = workshop.path("sample.txt");
  const std::string container = workshop.path("sample.freq");
  const std::string output = workshop.path("output");
  std::string bytes;
  if (status.ok()) status = write_file(sample, kSample);
  if (status.ok() && !encode) status = convert(&codec, true, sample, &bytes);
  if (status.ok() && !encode) status = write_file(container, bytes);
  if (status.ok())
    status = run_external_core({.core = core,
                                .verb = verb,
                                .input = encode ? sample : container,
                                .output = output,
                                .event = event,
                                .stop = stop});
  if (!status.ok()) return status;
  bytes.clear();
  status = encode ? convert(&codec, false, output, &bytes) : read_file(output, kLimit, &bytes);
  if (status.fault == Fault::kEnvironment || status.fault == Fault::kStopped) return status;
  if (status.ok() && bytes == kSample) return status;
  return Status::refused(
      event, core.name() + " (" + verb + ") spoils a sample: it does not do what paxect-core does");
}

}  // namespace paxect::link
