#include "file_jobs.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "input_file.h"
#include "ordered_pipeline.h"
#include "output_file.h"

namespace paxect::core {
namespace {

// The callbacks of one job. What the files have to say about a failure is kept here, since callbacks can only
// say that there was one.
class Files {
 public:
  // Whether the bytes of the input count as bytes in, or, being compared with the data of a container, as
  // bytes out.
  enum class Counting { kIn, kOut };

  explicit Files(const Callbacks& callbacks, Counting input = Counting::kIn)
      : callbacks_(callbacks), bytes_read_(input == Counting::kIn ? bytes_in_ : bytes_out_) {
    interrupted_ = [this] { return !callbacks_.report(bytes_in_, bytes_out_).ok(); };
  }

  Status open(const std::string& input, const std::string& output, const Parameters& parameters) {
    Status status = open_input(input);
    if (!status.ok()) return status;
    FileIdentity identity = input_.identity();
    OutputFile::Context context{.inputs = std::span(&identity, 1)};
    if (parameters.keep_attributes())
      if (auto attributes = input_.attributes()) context.attributes_of.push_back(*attributes);
    return output_.open(output, context, interrupted_);
  }
  Status open_input(const std::string& path) { return input_.open(path, interrupted_); }
  Status open_output(const std::string& path, std::span<const NamedDescriptor> inputs,
                     const Parameters& parameters) {
    std::vector<FileIdentity> identities;
    OutputFile::Context context;
    for (const NamedDescriptor& input : inputs) {
      struct stat file {};
      if (fstat(input.fd, &file) != 0)
        return system_failure(PAXECT_ERROR_READ, input.name, "cannot read", errno);
      identities.emplace_back(file, input.fd);
      if (parameters.keep_attributes() && input.gives_attributes && S_ISREG(file.st_mode))
        context.attributes_of.emplace_back(file, input.fd);
    }
    context.inputs = identities;
    return output_.open(path, context, interrupted_);
  }
  void set_sparse(bool sparse) { output_.set_sparse(sparse); }
  // Whether the output is durable after finish.
  void set_sync(bool sync) {
    sync_ = sync;
    if (sync) output_.set_write_back_early();
  }
  OutputFile& output() { return output_; }
  std::uint64_t input_size() const { return input_.size(); }
  Status check_whole_input() const { return input_.check_whole(); }

  Callbacks callbacks() {
    Callbacks mine = callbacks_;
    mine.sink = [](void* self, const void* data, std::size_t size) {
      return static_cast<Files*>(self)->write(data, size);
    };
    mine.sink_opaque = this;
    return mine;
  }
  static std::int32_t read(void* self, void* buffer, std::size_t capacity, std::size_t* size) {
    return static_cast<Files*>(self)->read(buffer, capacity, *size);
  }

  // The job's own status, or what lies behind it.
  Status settle(Status status) {
    if (trouble_.ok()) return status;
    trouble_.frame = status.frame;
    return std::move(trouble_);
  }
  // The same; puts the output in place when the job is done, with a partial result too. The text of a success
  // is a warning.
  Status finish(Status status) {
    status = settle(std::move(status));
    if (!status.ok() && status.code != PAXECT_ERROR_PARTIAL) return status;
    Status committed = output_.commit(sync_);
    if (!committed.ok()) return committed;
    std::string warning = output_.warning();
    if (!warning.empty()) status.message += (status.message.empty() ? "" : "; ") + warning;
    return status;
  }

 private:
  std::int32_t write(const void* data, std::size_t size) {
    trouble_ = output_.write(data, size, interrupted_);
    bytes_out_ += size;
    return trouble_.ok() ? 0 : 1;
  }
  std::int32_t read(void* buffer, std::size_t capacity, std::size_t& size) {
    trouble_ = input_.read(buffer, capacity, size, interrupted_);
    bytes_read_ += size;
    return trouble_.ok() ? 0 : 1;
  }

  Callbacks callbacks_;
  InputFile input_;
  OutputFile output_;
  bool sync_ = false;
  Interrupted interrupted_;
  Status trouble_;
  // For the progress function while it waits; a codec's own numbers may be ahead of these.
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t& bytes_read_;
};

// Reads the input to its end. Whatever happens, the codec, which was begun, lets go of the files.
template <class Codec>
Status run(Codec& codec, Files& files) {
  AbandonAtEnd scope(codec);
  Status status = codec.read_from(&Files::read, &files);
  return status.ok() ? codec.finish() : status;
}

// The decoder's threads write the frames themselves.
Status decode_at_offsets(Decoder& decoder, const Parameters& parameters, Files& files) {
  OutputFile& output = files.output();
  WriteAt write_at = [&](std::uint64_t offset, std::span<const std::uint8_t> data) {
    return output.write_at(offset, data.data(), data.size());
  };
  decoder.begin_at_offsets(parameters, files.callbacks(), write_at);
  Status status = run(decoder, files);
  output.set_size(decoder.bytes_out());
  return status;
}

Status decode_in_order(Decoder& decoder, const Parameters& parameters, Files& files) {
  decoder.begin(parameters, files.callbacks());
  return run(decoder, files);
}

}  // namespace

Status encode_file(Encoder& encoder, const Parameters& parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output) {
  Files files(callbacks);
  Status status = files.open(input, output, parameters);
  if (status.ok()) status = Encoder::check_frame_size(parameters, files.input_size());
  if (!status.ok()) return status;
  files.set_sync(parameters.sync());
  encoder.begin(parameters, files.callbacks());
  status = run(encoder, files);
  // A decoder notices a container that was cut; data has no end that could be missed.
  if (status.ok()) status = files.check_whole_input();
  return files.finish(std::move(status));
}

Status decode_file(Decoder& decoder, Parameters parameters, const Callbacks& callbacks,
                   const std::string& input, const std::string& output) {
  Files files(callbacks);
  Status status = files.open(input, output, parameters);
  if (!status.ok()) return status;
  files.set_sparse(parameters.sparse());
  files.set_sync(parameters.sync());
  if (files.input_size() != 0) {
    status = parameters.set(PAXECT_PARAM_CONTAINER_SIZE, static_cast<std::int64_t>(files.input_size()));
    if (!status.ok()) return status;
  }
  auto decode = files.output().is_new_file() ? decode_at_offsets : decode_in_order;
  return files.finish(decode(decoder, parameters, files));
}

Status read_file(const std::string& path, const Callbacks& callbacks,
                 const std::function<Status(paxect_source source, void* opaque, std::uint64_t size)>& work) {
  Files files(callbacks, Files::Counting::kOut);
  Status status = files.open_input(path);
  return status.ok() ? files.settle(work(&Files::read, &files, files.input_size())) : status;
}

Status write_file(std::span<const NamedDescriptor> inputs, const std::string& output,
                  const Parameters& parameters, const Callbacks& callbacks,
                  const std::function<Status(const Callbacks& callbacks, bool can_withdraw)>& work) {
  Files files(callbacks);
  Status status = files.open_output(output, inputs, parameters);
  files.set_sparse(parameters.sparse());
  files.set_sync(parameters.sync());
  return status.ok() ? files.finish(work(files.callbacks(), files.output().is_new_file())) : status;
}

}  // namespace paxect::core
