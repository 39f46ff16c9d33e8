// The parameters of a handle, with their bounds. A value; no thread rules.
#pragma once

#include <cstdint>

#include "format.h"
#include "status.h"

namespace paxect::core {

struct ParameterBounds {
  std::int64_t minimum;
  std::int64_t maximum;
  std::int64_t default_value;
};

// The default of PAXECT_PARAM_MAX_FRAME. An encoder makes no frame with more data, so that every decoder
// takes what it makes without being asked to.
inline constexpr std::uint32_t kDefaultMaxFrame = std::uint32_t{1} << 30;

// nullptr when there is no such parameter.
const ParameterBounds* parameter_bounds(paxect_parameter parameter);

enum class Role { kEncoder, kDecoder, kReader, kSalvager, kRepairer };

class Parameters {
 public:
  explicit Parameters(Role role) : role_(role) {}

  // Errors: PARAMETER when the role has no such parameter or the value is out of bounds.
  Status set(paxect_parameter parameter, std::int64_t value);

  Header header() const;  // that an encoder writes
  std::uint64_t max_frame() const { return static_cast<std::uint64_t>(max_frame_); }
  std::uint64_t container_size() const { return static_cast<std::uint64_t>(container_size_); }
  std::int64_t fill() const { return fill_; }  // PAXECT_FILL_*
  bool sync() const { return sync_ != 0; }
  bool paranoid() const { return paranoid_ != 0; }
  unsigned protect() const { return static_cast<unsigned>(protect_); }  // percent; 0: none
  bool keep_attributes() const { return keep_attributes_ != 0; }
  bool sparse() const { return sparse_ != 0; }
  unsigned threads() const;  // at least 1

 private:
  std::int64_t* find(paxect_parameter parameter);

  Role role_;
  std::int64_t level_ = 5;
  std::int64_t frame_size_ = 1 << 20;
  std::int64_t channels_ = 1;
  std::int64_t mapping_ = PAXECT_MAPPING_VIRTUAL;
  std::int64_t verify_ = 0;
  std::int64_t paranoid_ = 0;
  std::int64_t protect_ = 0;
  std::int64_t max_frame_ = kDefaultMaxFrame;
  std::int64_t container_size_ = 0;
  std::int64_t fill_ = PAXECT_FILL_ZERO;
  std::int64_t threads_ = 0;
  std::int64_t sync_ = 0;
  std::int64_t sparse_ = 1;
  std::int64_t keep_attributes_ = 1;
};

}  // namespace paxect::core
