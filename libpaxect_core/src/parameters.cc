#include "parameters.h"

#include <sched.h>

#include <algorithm>
#include <limits>
#include <string>

#include "protect/window.h"

namespace paxect::core {
namespace {

constexpr std::int64_t kAutoChannels = 4;  // constant: the bytes must not depend on the machine

unsigned usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::clamp(CPU_COUNT(&set), 1, 256));
}

}  // namespace

const ParameterBounds* parameter_bounds(paxect_parameter parameter) {
  static constexpr ParameterBounds kLevel{-7, 22, 5};
  static constexpr ParameterBounds kFrameSize{1, std::numeric_limits<std::uint32_t>::max(), 1 << 20};
  static constexpr ParameterBounds kChannels{0, kMaxChannels, 1};
  static constexpr ParameterBounds kMapping{0, kMaxMapping, PAXECT_MAPPING_VIRTUAL};
  static constexpr ParameterBounds kSwitch{0, 1, 0};
  static constexpr ParameterBounds kSwitchOn{0, 1, 1};
  static constexpr ParameterBounds kMaxFrame{1, std::numeric_limits<std::uint32_t>::max(), kDefaultMaxFrame};
  static constexpr ParameterBounds kContainerSize{0, std::numeric_limits<std::int64_t>::max(), 0};
  static constexpr ParameterBounds kProtect{0, kMaxProtect, 0};
  static constexpr ParameterBounds kThreads{0, 256, 0};
  switch (parameter) {
    case PAXECT_PARAM_LEVEL:
      return &kLevel;
    case PAXECT_PARAM_FRAME_SIZE:
      return &kFrameSize;
    case PAXECT_PARAM_CHANNELS:
      return &kChannels;
    case PAXECT_PARAM_MAPPING:
      return &kMapping;
    case PAXECT_PARAM_VERIFY:
    case PAXECT_PARAM_PARANOID:
    case PAXECT_PARAM_SYNC:
    case PAXECT_PARAM_FILL:
      return &kSwitch;
    case PAXECT_PARAM_SPARSE:
    case PAXECT_PARAM_KEEP_ATTRIBUTES:
      return &kSwitchOn;
    case PAXECT_PARAM_MAX_FRAME:
      return &kMaxFrame;
    case PAXECT_PARAM_PROTECT:
      return &kProtect;
    case PAXECT_PARAM_CONTAINER_SIZE:
      return &kContainerSize;
    case PAXECT_PARAM_THREADS:
      return &kThreads;
    default:
      return nullptr;
  }
}

std::int64_t* Parameters::find(paxect_parameter parameter) {
  bool encoder = role_ == Role::kEncoder;
  bool salvager = role_ == Role::kSalvager;
  switch (parameter) {
    case PAXECT_PARAM_LEVEL:
      return encoder ? &level_ : nullptr;
    case PAXECT_PARAM_FRAME_SIZE:
      return encoder ? &frame_size_ : nullptr;
    case PAXECT_PARAM_CHANNELS:
      return encoder ? &channels_ : nullptr;
    case PAXECT_PARAM_MAPPING:
      return encoder ? &mapping_ : nullptr;
    case PAXECT_PARAM_VERIFY:
      return encoder ? &verify_ : nullptr;
    case PAXECT_PARAM_PARANOID:
      return encoder ? &paranoid_ : nullptr;
    case PAXECT_PARAM_PROTECT:
      return encoder ? &protect_ : nullptr;
    case PAXECT_PARAM_SPARSE:
      return encoder ? nullptr : &sparse_;
    case PAXECT_PARAM_MAX_FRAME:
      return encoder ? nullptr : &max_frame_;
    case PAXECT_PARAM_CONTAINER_SIZE:
      return role_ == Role::kDecoder ? &container_size_ : nullptr;
    case PAXECT_PARAM_FILL:
      return salvager ? &fill_ : nullptr;
    case PAXECT_PARAM_THREADS:
      return salvager ? nullptr : &threads_;
    case PAXECT_PARAM_KEEP_ATTRIBUTES:
      return &keep_attributes_;
    case PAXECT_PARAM_SYNC:
      return &sync_;
    default:
      return nullptr;
  }
}

Status Parameters::set(paxect_parameter parameter, std::int64_t value) {
  std::int64_t* place = find(parameter);
  if (place == nullptr)
    return failure(PAXECT_ERROR_PARAMETER, "this handle has no parameter " + std::to_string(parameter));
  const ParameterBounds& bounds = *parameter_bounds(parameter);
  if (value < bounds.minimum || value > bounds.maximum)
    return failure(PAXECT_ERROR_PARAMETER, "parameter " + std::to_string(parameter) +
                                               " is out of bounds: " + std::to_string(value) + " is not in " +
                                               std::to_string(bounds.minimum) + " to " +
                                               std::to_string(bounds.maximum));
  *place = value;
  return {};
}

Header Parameters::header() const {
  Header header;
  header.channels = static_cast<std::uint16_t>(channels_ == PAXECT_CHANNELS_AUTO ? kAutoChannels : channels_);
  header.flags = (verify_ != 0 ? unsigned{PAXECT_FLAG_VERIFY} : 0u) |
                 (header.channels > 1 ? unsigned{PAXECT_FLAG_MULTICHANNEL} : 0u);
  header.mapping = static_cast<std::uint8_t>(mapping_);
  header.level = static_cast<std::int8_t>(level_);
  header.frame_size = static_cast<std::uint32_t>(frame_size_);
  return header;
}

unsigned Parameters::threads() const {
  return threads_ == 0 ? usable_cores() : static_cast<unsigned>(threads_);
}

}  // namespace paxect::core
