// Structures between a caller and a library that know different versions of them.
#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

// Calls `fill` with a caller's structure of every size, from nothing to one that has 24 bytes more than the
// library's, and compares what it finds with the whole.
template <class Structure>
void check_every_size(const char* name, const std::function<paxect_status(Structure*)>& fill) {
  INFO(name);
  constexpr std::size_t kRoom = sizeof(Structure) + 64;
  constexpr unsigned char kUntouched = 0xa5;
  Structure full{};
  full.struct_size = sizeof full;
  REQUIRE(fill(&full) == PAXECT_OK);
  const auto* expected = reinterpret_cast<const unsigned char*>(&full);
  for (std::size_t size = 0; size <= sizeof full + 24; ++size) {
    INFO("struct_size " << size << " of " << sizeof full);
    alignas(Structure) unsigned char memory[kRoom];
    std::fill_n(memory, kRoom, kUntouched);
    std::memcpy(memory, &size, sizeof size);
    paxect_status status = fill(reinterpret_cast<Structure*>(memory));
    REQUIRE(status == (size < sizeof size ? PAXECT_ERROR_ARGUMENT : PAXECT_OK));
    std::size_t filled = status == PAXECT_OK ? size : sizeof size;
    std::size_t known = std::min(filled, sizeof full);
    CHECK(std::equal(memory + sizeof size, memory + known, expected + sizeof size));
    CHECK(std::all_of(memory + known, memory + filled, [](unsigned char byte) { return byte == 0; }));
    CHECK(
        std::all_of(memory + filled, memory + kRoom, [](unsigned char byte) { return byte == kUntouched; }));
    CHECK(std::memcmp(memory, &size, sizeof size) == 0);
  }
  CHECK(fill(nullptr) == PAXECT_ERROR_ARGUMENT);
}

TEST_CASE("the library fills the fields that both know and sets those that only the caller knows to 0") {
  std::string data = text(5000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}, {PAXECT_PARAM_CHANNELS, 3}});
  MemoryFile file(container);

  Encoder encoder = make_encoder();
  std::string sunk;
  paxect_encoder_set_sink(encoder.get(), append, &sunk);
  REQUIRE(paxect_encoder_finish(encoder.get()) == PAXECT_OK);
  check_every_size<paxect_container_info>(
      "encoder", [&](paxect_container_info* info) { return paxect_encoder_info(encoder.get(), info); });
  Decoder decoder = make_decoder();
  REQUIRE(decode_with(decoder.get(), container).status == PAXECT_OK);
  check_every_size<paxect_container_info>(
      "decoder", [&](paxect_container_info* info) { return paxect_decoder_info(decoder.get(), info); });
  Reader reader = make_reader();
  REQUIRE(paxect_reader_open_fd(reader.get(), file.fd()) == PAXECT_OK);
  check_every_size<paxect_container_info>(
      "reader", [&](paxect_container_info* info) { return paxect_reader_info(reader.get(), info); });
  check_every_size<paxect_container_info>("no handle", [&](paxect_container_info* info) {
    return paxect_read_info_fd(file.fd(), info, nullptr, 0);
  });

  Salvager salvager = make_salvager();
  paxect_salvager_set_sink(salvager.get(), append, &sunk);
  REQUIRE(paxect_salvager_add_fd(salvager.get(), file.fd(), "copy") == PAXECT_OK);
  REQUIRE(paxect_salvager_run(salvager.get()) == PAXECT_OK);
  check_every_size<paxect_salvage_report>("report", [&](paxect_salvage_report* report) {
    return paxect_salvager_report(salvager.get(), report);
  });
  check_every_size<paxect_salvage_input>(
      "input", [&](paxect_salvage_input* input) { return paxect_salvager_input(salvager.get(), 0, input); });
}

TEST_CASE("a structure that is too small is refused before any work, and changes nothing") {
  MemoryFile file(encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  Reader reader = make_reader();
  REQUIRE(paxect_reader_open_fd(reader.get(), file.fd()) == PAXECT_OK);
  int reports = 0;
  auto count = [](void* opaque, std::uint64_t, std::uint64_t) {
    ++*static_cast<int*>(opaque);
    return std::int32_t{0};
  };
  REQUIRE(paxect_reader_set_progress(reader.get(), count, &reports) == PAXECT_OK);
  paxect_container_info info{};
  info.struct_size = sizeof info.struct_size - 1;
  CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_error_message(reader.get()) ==
        std::string("struct_size is smaller than the structure's first field"));
  CHECK(reports == 0);
  info.struct_size = sizeof info;
  CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_OK);
  CHECK(reports > 0);
  // Without a descriptor that can be read, the structure is still what is refused.
  info.struct_size = sizeof info.struct_size - 1;
  CHECK(paxect_read_info_fd(-1, &info, nullptr, 0) == PAXECT_ERROR_ARGUMENT);
}

TEST_CASE("structures given to callbacks carry the library's size") {
  std::string container = encode(text(3000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  std::string damaged = container;
  damaged[60] = static_cast<char>(damaged[60] ^ 1);
  MemoryFile file(container);
  MemoryFile bad(damaged);
  std::size_t size = 0;
  Reader reader = make_reader();
  REQUIRE(paxect_reader_open_fd(reader.get(), file.fd()) == PAXECT_OK);
  auto frame = [](void* opaque, const paxect_frame_info* info) {
    *static_cast<std::size_t*>(opaque) = info->struct_size;
    return std::int32_t{0};
  };
  REQUIRE(paxect_reader_frames(reader.get(), frame, &size) == PAXECT_OK);
  CHECK(size == sizeof(paxect_frame_info));
  auto difference = [](void* opaque, const paxect_difference* info) {
    *static_cast<std::size_t*>(opaque) = info->struct_size;
    return std::int32_t{0};
  };
  Source source{"other data"};
  REQUIRE(paxect_reader_compare(reader.get(), Source::read, &source, difference, &size) ==
          PAXECT_ERROR_DIFFERENT);
  CHECK(size == sizeof(paxect_difference));

  Salvager salvager = make_salvager();
  std::string data;
  paxect_salvager_set_sink(salvager.get(), append, &data);
  REQUIRE(paxect_salvager_add_fd(salvager.get(), bad.fd(), "copy") == PAXECT_OK);
  REQUIRE(paxect_salvager_run(salvager.get()) == PAXECT_ERROR_PARTIAL);
  auto range = [](void* opaque, const paxect_salvage_range* info) {
    *static_cast<std::size_t*>(opaque) = info->struct_size;
    return std::int32_t{0};
  };
  REQUIRE(paxect_salvager_each_range(salvager.get(), range, &size) == PAXECT_OK);
  CHECK(size == sizeof(paxect_salvage_range));
}

// An allocator of a later version of core.h.
struct LargerAllocator {
  paxect_allocator known;
  void* later[2];
};

void* allocate(void*, std::size_t size) { return std::malloc(size); }
void release(void*, void* memory) { std::free(memory); }

template <class Handle>
void check_allocator(paxect_status (*create)(const paxect_allocator*, Handle**), void (*destroy)(Handle*)) {
  auto created = [&](const paxect_allocator& functions) {
    Handle* handle = nullptr;
    paxect_status status = create(&functions, &handle);
    CHECK((status == PAXECT_OK) == (handle != nullptr));
    destroy(handle);
    return status;
  };
  LargerAllocator larger{{sizeof(paxect_allocator), nullptr, allocate, release}, {}};
  CHECK(created(larger.known) == PAXECT_OK);
  for (std::size_t size = 0; size < sizeof(paxect_allocator); ++size) {
    larger.known.struct_size = size;
    CHECK(created(larger.known) == PAXECT_ERROR_ARGUMENT);
  }
  larger.known.struct_size = sizeof larger;
  CHECK(created(larger.known) == PAXECT_OK);
  larger.later[1] = &larger;  // a field that this library cannot honour
  CHECK(created(larger.known) == PAXECT_ERROR_ARGUMENT);

  paxect_allocator incomplete{sizeof(paxect_allocator), nullptr, nullptr, release};
  CHECK(created(incomplete) == PAXECT_ERROR_ARGUMENT);
  incomplete = {sizeof(paxect_allocator), nullptr, allocate, nullptr};
  CHECK(created(incomplete) == PAXECT_ERROR_ARGUMENT);
}

TEST_CASE("an allocator is refused when a mandatory field is missing or an unknown one is used") {
  check_allocator<paxect_encoder>(paxect_encoder_create, paxect_encoder_free);
  check_allocator<paxect_decoder>(paxect_decoder_create, paxect_decoder_free);
  check_allocator<paxect_reader>(paxect_reader_create, paxect_reader_free);
  check_allocator<paxect_salvager>(paxect_salvager_create, paxect_salvager_free);
}

}  // namespace
}  // namespace paxect::test
