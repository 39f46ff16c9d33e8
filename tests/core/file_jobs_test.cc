#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

paxect_status encode_path(const std::string& input, const std::string& output,
                          const Parameters& parameters = {}) {
  return paxect_encoder_encode_path(make_encoder(parameters).get(), input.c_str(), output.c_str());
}
paxect_status decode_path(const std::string& input, const std::string& output,
                          const Parameters& parameters = {}) {
  return paxect_decoder_decode_path(make_decoder(parameters).get(), input.c_str(), output.c_str());
}

TEST_CASE("a decoded file is equal to the file that was encoded") {
  TempDir dir;
  std::string data = text(3'500'000);
  write_file(dir / "in", data);
  REQUIRE(encode_path(dir / "in", dir / "out.freq", {{PAXECT_PARAM_SYNC, 1}}) == PAXECT_OK);
  CHECK(read_file(dir / "out.freq") == encode(data));
  REQUIRE(decode_path(dir / "out.freq", dir / "back", {{PAXECT_PARAM_SYNC, 1}}) == PAXECT_OK);
  CHECK(read_file(dir / "back") == data);
  CHECK(list(dir.path()) == std::vector<std::string>{"back", "in", "out.freq"});
}

TEST_CASE("a failure leaves an existing output unchanged, and no other file") {
  TempDir dir;
  std::string container = encode(text(100'000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  container[container.size() - 1] = static_cast<char>(container[container.size() - 1] ^ 1);
  write_file(dir / "bad.freq", container);
  write_file(dir / "out", "precious");
  CHECK(decode_path(dir / "bad.freq", dir / "out") == PAXECT_ERROR_DIGEST);
  CHECK(read_file(dir / "out") == "precious");
  CHECK(decode_path(dir / "bad.freq", dir / "new") == PAXECT_ERROR_DIGEST);
  CHECK(list(dir.path()) == std::vector<std::string>{"bad.freq", "out"});
}

TEST_CASE("a job that waits for a pipe asks the progress callback without a signal, and can be cancelled") {
  TempDir dir;
  write_file(dir / "in", text(1000));
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  auto encoder = make_encoder();
  auto third = [](void* calls, std::uint64_t, std::uint64_t) {
    return ++*static_cast<int*>(calls) < 3 ? 0 : 1;
  };
  for (bool reading : {true, false}) {
    int calls = 0;
    paxect_encoder_set_progress(encoder.get(), third, &calls);
    CHECK(paxect_encoder_encode_path(encoder.get(), (dir / (reading ? "fifo" : "in")).c_str(),
                                     (dir / (reading ? "out" : "fifo")).c_str()) == PAXECT_ERROR_CANCELLED);
    CHECK(calls == 3);
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"fifo", "in"});
}

TEST_CASE("an input that becomes shorter while it is encoded is a failure, and leaves no container") {
  TempDir dir;
  const std::string input = dir / "in";
  write_file(input, text(4'000'000));
  auto encoder = make_encoder({{PAXECT_PARAM_FRAME_SIZE, 65536}, {PAXECT_PARAM_THREADS, 1}});
  auto truncate_input = [](void* path, std::uint64_t, std::uint64_t) {
    return truncate(static_cast<const std::string*>(path)->c_str(), 1000);
  };
  paxect_encoder_set_progress(encoder.get(), truncate_input, const_cast<std::string*>(&input));
  CHECK(paxect_encoder_encode_path(encoder.get(), input.c_str(), (dir / "out").c_str()) == PAXECT_ERROR_READ);
  CHECK(std::string(paxect_encoder_error_message(encoder.get())).find("became shorter") != std::string::npos);
  CHECK(list(dir.path()) == std::vector<std::string>{"in"});
}

TEST_CASE("an output is replaced in one step and keeps its permissions") {
  TempDir dir;
  write_file(dir / "in", "new");
  write_file(dir / "out",
             "something much longer than the container of three bytes will ever be, so that a rest of "
             "it would be seen at the end if the file had been written in place");
  chmod((dir / "out").c_str(), 0640);
  REQUIRE(encode_path(dir / "in", dir / "out") == PAXECT_OK);
  CHECK(read_file(dir / "out") == encode("new"));
  struct stat after {};
  REQUIRE(stat((dir / "out").c_str(), &after) == 0);
  CHECK((after.st_mode & 07777) == 0640);
}

TEST_CASE("input and output being one file is refused, through any name") {
  TempDir dir;
  write_file(dir / "in", "data");
  std::filesystem::create_hard_link(dir / "in", dir / "hard");
  std::filesystem::create_symlink(dir / "in", dir / "soft");
  for (const char* name : {"in", "hard", "soft"})
    CHECK(encode_path(dir / "in", dir / name) == PAXECT_ERROR_SAME_FILE);
  CHECK(read_file(dir / "in") == "data");
}

TEST_CASE("an output that is a symbolic link is written to the file it points to") {
  TempDir dir;
  write_file(dir / "in", "data");
  write_file(dir / "real", "old");
  std::filesystem::create_symlink("real", dir / "link");
  REQUIRE(encode_path(dir / "in", dir / "link") == PAXECT_OK);
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(read_file(dir / "real") == encode("data"));
}

TEST_CASE("a file that cannot be opened or written is reported with its name and the reason") {
  TempDir dir;
  write_file(dir / "in", text(100'000));
  Encoder encoder = make_encoder();
  auto message_of = [&](const std::string& input, const std::string& output, paxect_status expected) {
    CHECK(paxect_encoder_encode_path(encoder.get(), input.c_str(), output.c_str()) == expected);
    return std::string(paxect_encoder_error_message(encoder.get()));
  };
  CHECK(message_of(dir / "none", dir / "out", PAXECT_ERROR_OPEN) ==
        (dir / "none") + ": cannot open: No such file or directory");
  CHECK(message_of(dir.path(), dir / "out", PAXECT_ERROR_OPEN) == dir.path() + ": is a directory");
  CHECK(message_of(dir / "in", dir.path(), PAXECT_ERROR_OPEN) == dir.path() + ": is a directory");
  CHECK(message_of(dir / "in", dir / "no/out", PAXECT_ERROR_OPEN) ==
        (dir / "no/out") + ": cannot create: No such file or directory");
  CHECK(message_of(dir / "in", "/dev/full", PAXECT_ERROR_WRITE) ==
        "/dev/full: cannot write: No space left on device");
  CHECK(list(dir.path()) == std::vector<std::string>{"in"});
}

TEST_CASE("read_info reads header and footer alone and does not move the descriptor") {
  TempDir dir;
  std::string container = encode(text(12'345), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  write_file(dir / "a.freq", container);
  int fd = open((dir / "a.freq").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  char message[200];
  REQUIRE(paxect_read_info_fd(fd, &info, message, sizeof message) == PAXECT_OK);
  CHECK(std::string(message).empty());
  CHECK(info.total_size == 12'345);
  CHECK(info.total_frames == 13);
  CHECK(info.container_size == container.size());
  CHECK(lseek(fd, 0, SEEK_CUR) == 0);
  close(fd);

  write_file(dir / "short", container.substr(0, 50));
  fd = open((dir / "short").c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(paxect_read_info_fd(fd, &info, message, 5) == PAXECT_ERROR_TRUNCATED);
  CHECK(std::string(message) == "ends");
  close(fd);
}

}  // namespace
}  // namespace paxect::test
