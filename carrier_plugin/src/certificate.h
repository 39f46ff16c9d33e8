// The certificate of the client, and what to do when a connection with TLS fails: the library reports a
// refused one as a protocol error.
#pragma once

#include <cstdint>
#include <string>

#include "settings.h"
#include "status.h"

namespace paxect::carrier {

struct Certificate {
  std::string subject;
  std::string issuer;
  std::int64_t not_before = 0;  // seconds since 1970
  std::int64_t not_after = 0;

  // Why it is not valid at this time, with the remedy; "" when it is.
  std::string problem(const std::string& path, std::int64_t now) const;
};

// The first certificate of a PEM file.
Status read_certificate(const std::string& path, Certificate* out);

// A failure to connect, in the words of the library, with what is wrong and the remedy as far as TLS is the
// reason.
std::string explain_failure(const Settings& settings, const std::string& words, std::int64_t now);

// "2026-11-27"
std::string date_of(std::int64_t seconds);

}  // namespace paxect::carrier
