#include "protecting.h"

#include "encoder.h"
#include "support/catch.h"

namespace paxect::test {

using namespace paxect::core;

std::string protected_container(const std::string& data, std::int64_t percent) {
  auto append = [](void* out, const void* bytes, std::size_t size) -> std::int32_t {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
    return 0;
  };
  Parameters parameters(Role::kEncoder);
  REQUIRE(parameters.set(PAXECT_PARAM_PROTECT, percent).ok());
  REQUIRE(parameters.set(PAXECT_PARAM_LEVEL, 1).ok());
  REQUIRE(parameters.set(PAXECT_PARAM_THREADS, 1).ok());
  std::string container;
  Callbacks to_container;
  to_container.sink = append;
  to_container.sink_opaque = &container;
  Encoder encoder{Allocator()};
  encoder.begin(parameters, to_container);
  REQUIRE(encoder.write({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()}).ok());
  REQUIRE(encoder.finish().ok());
  return container;
}

}  // namespace paxect::test
