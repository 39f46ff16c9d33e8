#include "records/place_match.h"

#include "base/place_marker.h"

namespace paxect::link {
namespace {

constexpr const char* kMarker = "marker/";

}  // namespace

std::string evidence_of(const PlaceObservation& observed, const std::string& token) {
  const bool is_marker = observed.fingerprint.empty() && !observed.token.empty() && observed.token != token;
  return is_marker ? kMarker + observed.token : observed.fingerprint;
}

bool has_marker(const KnownPlace& known, const std::string& marker) {
  return !marker.empty() && known.fingerprint == kMarker + marker;
}

PlaceMatch match_place(const KnownPlace& known, const PlaceObservation& observed) {
  if (!observed.directory) return PlaceMatch::kMissing;
  const bool is_marked = !observed.token.empty();
  const bool has_fingerprint = !observed.fingerprint.empty() && observed.fingerprint == known.fingerprint;
  // A place in which no marker can be made. Another user may have made one since, whose token says nothing
  // about a place that was known by no marker: the first one that is read there belongs to it.
  const bool is_first_marker =
      is_marked && known.fingerprint.empty() && observed.fingerprint.empty() && observed.mount == known.mount;
  const bool is_derived =
      derived_token(*observed.directory) == known.token && (!is_marked || has_fingerprint || is_first_marker);
  const bool is_same = observed.token == known.token || has_marker(known, observed.token) || is_derived ||
                       (!is_marked && has_fingerprint);
  if (known.mount != "-" && observed.mount == "-") return PlaceMatch::kNotMounted;
  if (!is_same) return PlaceMatch::kOther;
  return is_marked || is_derived ? PlaceMatch::kSame : PlaceMatch::kSameUnmarked;
}

}  // namespace paxect::link
