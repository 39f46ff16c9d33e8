// Several damaged copies, merged frame by frame.

#include <algorithm>
#include <numeric>

#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::test {
namespace {

using namespace twenty_frames;

std::string sample(std::uint32_t seed = 1, int channels = 1) {
  return twenty_frames::sample({{PAXECT_PARAM_CHANNELS, channels}}, seed);
}

// Copy with frames first to last-1 zeroed, their headers included.
std::string without(const std::string& container, std::size_t first, std::size_t last) {
  std::vector<Frame> frames = frames_of(container);
  return zeroed(container, frames[first].start, frames[last - 1].end - frames[first].start);
}

void check_whole(const Salvaged& result, const std::string& data = sample_data()) {
  CHECK(result.status == PAXECT_OK);
  CHECK((result.data == data));
  CHECK(result.lost.empty());
  for (const paxect_salvage_input& input : result.inputs) CHECK(input.used == 1);
}

TEST_CASE("copies that are damaged in different places give the complete data") {
  std::string container = sample();
  check_whole(salvage({without(container, 3, 6), without(container, 10, 14)}));
  check_whole(salvage({without(container, 0, 7), without(container, 6, 13), without(container, 12, 20)}));
  std::vector<std::string> many;
  for (std::size_t i = 0; i < kFrames; ++i)  // each has but one frame
    many.push_back(i == 0 ? without(container, 1, kFrames)
                          : without(i + 1 == kFrames ? container : without(container, i + 1, kFrames), 0, i));
  check_whole(salvage(many));
}

TEST_CASE("only what all copies lack is lost") {
  std::string container = sample();
  Salvaged result = salvage({without(container, 3, 8), without(container, 6, 14)});
  CHECK(result.status == PAXECT_ERROR_PARTIAL);
  CHECK(result.lost == std::vector<Range>{{6 * kFrame, 8 * kFrame, 2, true}});
  CHECK(result.data == zeroed(sample_data(), 6 * kFrame, 2 * kFrame));
}

TEST_CASE("the two halves of a container give the complete data") {
  std::string container = sample();
  std::size_t middle = frames_of(container)[9].start;
  check_whole(salvage({container.substr(0, middle), container.substr(middle)}));
  check_whole(salvage({container.substr(middle), container.substr(0, middle)}));
  std::size_t cut = frames_of(container)[10].payload + 5;
  check_whole(salvage({container.substr(0, cut), container.substr(middle)}));
}

TEST_CASE("a footer of one copy proves the data of another") {
  std::string container = sample();
  std::string no_footer = container.substr(0, container.size() - 44);
  Salvaged result = salvage({no_footer, without(container, 2, 9)});
  check_whole(result);
  CHECK(result.report.footer_input == 1);
  std::string bad_digest = zeroed(container, container.size() - 4, 4);
  check_whole(salvage({bad_digest, without(container, 2, 9)}));
  check_whole(salvage({without(container, 2, 9), bad_digest}));
}

TEST_CASE("a CRC-32 field of one copy confirms the data of another") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  Frame frame = frames[3];
  std::string bad_field = zeroed(without(container, 10, 12), frame.start + 10, 4);
  std::string bad_data = zeroed(without(container, 10, 12), frame.payload, frame.end - frame.payload);
  CHECK(salvage({bad_field}).report.unconfirmed == 1);
  Salvaged result = salvage({bad_field, bad_data});
  CHECK(result.report.unconfirmed == 0);
  CHECK(result.report.lost == 2);
  CHECK(result.report.confirmed == kFrames - 2);
}

TEST_CASE("copies in which bytes were inserted and removed are aligned by their frames") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  std::string shifted = container;
  shifted.erase(frames[4].payload + 30, frames[8].payload - frames[4].payload);  // 4 to 8 are gone
  shifted.insert(frames[2].payload + 20, noise(5000));                           // and 2
  std::string other = without(container, 12, 14);
  other.insert(0, noise(100));
  check_whole(salvage({shifted, other}));
  check_whole(salvage({other, shifted}));
}

TEST_CASE("frames removed without a trace from one copy are located by the other") {
  std::string container = sample();
  std::vector<Frame> frames = frames_of(container);
  std::string vanished = container;
  vanished.erase(frames[7].start, frames[9].start - frames[7].start);
  check_whole(salvage({vanished, without(container, 15, 18)}));
  check_whole(salvage({without(container, 15, 18), vanished}));
}

TEST_CASE("frames with the same contents in many places do not mislead") {
  std::string data = std::string(6 * kFrame, '\0') + text(2 * kFrame) + std::string(5 * kFrame, '\0') +
                     text(kFrame, 2) + std::string(5 * kFrame, '\0') + text(100, 3);
  for (int channels : {1, 4}) {
    std::string container =
        encode(data, {{PAXECT_PARAM_FRAME_SIZE, kFrame}, {PAXECT_PARAM_CHANNELS, channels}});
    std::size_t count = frames_of(container).size();
    for (std::size_t i = 0; i + 3 < count; ++i)
      for (std::size_t j = i + 2; j + 1 < count; ++j) {
        INFO("frames " << i << " and " << j << ", " << channels << " channels");
        check_whole(salvage({without(container, i, i + 2), without(container, j, j + 1)}), data);
      }
  }
}

TEST_CASE("a copy counts as used only when something of it was used") {
  std::string container = sample();
  std::string other = encode(text(50'000), {{PAXECT_PARAM_FRAME_SIZE, 5000}, {PAXECT_PARAM_CHANNELS, 3}});
  auto used = [](const std::vector<std::string>& copies) {
    Salvaged result = salvage(copies);
    std::string flags;
    for (const paxect_salvage_input& input : result.inputs) flags += input.used != 0 ? '1' : '0';
    return flags;
  };
  std::string foreign_header = other.substr(0, 24);
  CHECK(used({container, foreign_header}) == "10");
  CHECK(used({foreign_header, container}) == "01");
  CHECK(used({noise(5000), container, noise(30)}) == "010");
  CHECK(used({noise(5000)}) == "0");
  CHECK(used({foreign_header}) == "0");
  // Its own header and its own footer.
  std::string headless = zeroed(container, 0, 24);
  CHECK(used({headless, container.substr(0, 24)}) == "11");
  std::string footless = container.substr(0, container.size() - 44);
  CHECK(used({footless, container.substr(container.size() - 44)}) == "11");
}

TEST_CASE("a copy of another container is left out and reported as not used") {
  std::string container = sample();
  std::string odd = sample(2);
  for (const std::string& other : {odd, without(odd, 3, 5), odd.substr(0, odd.size() - 50), sample(1, 4)}) {
    bool same_data = other == sample(1, 4);
    Salvaged result = salvage({without(container, 3, 6), other, without(container, 10, 14)});
    CHECK(result.status == PAXECT_OK);
    CHECK(result.data == sample_data());
    if (same_data) continue;  // the same frames in other channels contradict nothing
    CHECK(result.inputs[0].used == 1);
    CHECK(result.inputs[1].used == 0);
    CHECK(result.inputs[2].used == 1);
  }
  Salvaged noise_too = salvage({noise(100'000), container});
  CHECK(noise_too.status == PAXECT_OK);
  CHECK(noise_too.data == sample_data());
}

// In each order of the copies.
void check_contested(std::vector<std::string> copies, bool contested, const std::string& data) {
  std::vector<std::size_t> order(copies.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    std::vector<std::string> ordered;
    std::string numbers;
    for (std::size_t i : order) {
      ordered.push_back(copies[i]);
      numbers += " " + std::to_string(i);
    }
    INFO("order" << numbers);
    Salvaged result = salvage(ordered);
    CHECK(result.status == (contested ? PAXECT_ERROR_PARTIAL : PAXECT_OK));
    CHECK(result.report.contested == (contested ? 1 : 0));
    if (!contested) CHECK((result.data == data));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE(
    "of two complete containers neither is preferred by the order of the copies or by a copy that fits "
    "both") {
  std::string one = sample();
  std::string two = sample(2);
  check_contested({one, two}, true, {});
  std::vector<Frame> frames = frames_of(one);
  check_contested({one, two, one.substr(0, frames[0].payload + 500)}, true, {});
  check_contested({one, two, one.substr(0, 24)}, true, {});
  std::string no_frame = without(one, 0, kFrames);
  std::string no_footer = zeroed(no_frame, no_frame.size() - 44, 44);
  check_contested({one, two, no_footer}, true, {});
  check_contested({one, two, one.substr(0, 24), no_footer}, true, {});
  check_contested({one, encode("")}, true, {});
}

TEST_CASE("of two complete containers the one that more copies agree with is salvaged") {
  std::string one = sample();
  std::string two = sample(2);
  std::vector<Frame> frames = frames_of(one);
  check_contested({one, two, one}, false, sample_data());
  check_contested({one, two, one.substr(0, frames[1].end)}, false, sample_data());  // a frame agrees
  check_contested({one, two, without(one, 0, kFrames)}, false, sample_data());      // the footer does
  check_contested({one, two, without(one, 3, 5), without(two, 5, 9)}, true, {});
}

TEST_CASE("a frame that two containers have in common decides for neither") {
  std::string common = text(kFrame, 7);
  Parameters parameters = {{PAXECT_PARAM_FRAME_SIZE, kFrame}};
  std::string one = encode(common + sample_data(1), parameters);
  std::string two = encode(common + sample_data(2), parameters);
  check_contested({one, two, one.substr(0, frames_of(one)[0].end)}, true, {});
}

TEST_CASE("a header of another container does not hide the frames of this one") {
  std::string headless = sample().substr(700);
  Salvaged alone = salvage({headless});
  REQUIRE(alone.report.confirmed == kFrames - 1);
  std::string other = encode(sample_data(2), {{PAXECT_PARAM_FRAME_SIZE, 4 * kFrame}});
  for (std::size_t size : {std::size_t{24}, std::size_t{1500}}) {
    std::string stub = other.substr(0, size);
    for (const Salvaged& result :
         {salvage({stub, headless}), salvage({headless, stub}), salvage({stub, stub, headless})}) {
      CHECK(result.status == PAXECT_ERROR_PARTIAL);
      CHECK((result.data == alone.data));
      CHECK(result.lost == alone.lost);
    }
  }
}

TEST_CASE("equal frames at the same offset do not mislead where the bytes in front of one were lost") {
  std::string data;
  for (std::uint32_t i = 0; i < 40; ++i) data += noise(4096, i != 5 && (i % 2 == 0 || i % 5 == 0) ? 99 : i);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 4096}});
  std::vector<Frame> frames = frames_of(container);
  std::string one = zeroed(container, frames[5].payload + 20, 200);
  for (std::size_t lost = 1; lost < 8; ++lost) {
    INFO(lost << " frames lost");
    std::string two = container.substr(frames[lost].start - 24);
    Salvaged result = salvage({one, two.substr(0, two.size() - 3044)});
    if (result.status != PAXECT_OK)
      for (const Range& range : result.unconfirmed) CHECK(range.start == frames[5].offset);
  }
}

TEST_CASE("the same copy given twice counts as one") {
  std::string container = sample();
  std::string damaged = without(container, 3, 6);
  Salvaged once = salvage({damaged});
  Salvaged twice = salvage({damaged, damaged});
  CHECK(twice.status == PAXECT_ERROR_PARTIAL);
  CHECK(twice.data == once.data);
  CHECK(twice.lost == once.lost);
  CHECK(salvage({container, container, container}).data == sample_data());
}

TEST_CASE("a report is about the copies of its run, not about those added since") {
  MemoryFile file(sample());
  Salvager owner = make_salvager();
  std::string data;
  REQUIRE(paxect_salvager_set_sink(owner.get(), append, &data) == PAXECT_OK);
  REQUIRE(paxect_salvager_add_fd(owner.get(), file.fd(), "one") == PAXECT_OK);
  REQUIRE(paxect_salvager_run(owner.get()) == PAXECT_OK);
  REQUIRE(paxect_salvager_add_fd(owner.get(), file.fd(), "two") == PAXECT_OK);
  paxect_salvage_report report{};
  report.struct_size = sizeof report;
  REQUIRE(paxect_salvager_report(owner.get(), &report) == PAXECT_OK);
  CHECK(report.inputs == 1);
  paxect_salvage_input input{};
  input.struct_size = sizeof input;
  CHECK(paxect_salvager_input(owner.get(), 0, &input) == PAXECT_OK);
  CHECK(paxect_salvager_input(owner.get(), 1, &input) == PAXECT_ERROR_ARGUMENT);
}

}  // namespace
}  // namespace paxect::test
