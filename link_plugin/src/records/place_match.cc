#include "records/place_match.h"

#include "base/place_marker.h"

namespace paxect::link {

PlaceMatch match_place(const KnownPlace& known, const PlaceObservation& observed) {
  if (!observed.directory) return PlaceMatch::kMissing;
  const bool is_marked = !observed.token.empty();
  const bool has_fingerprint = !observed.fingerprint.empty() && observed.fingerprint == known.fingerprint;
  // A place in which no marker can be made. Another user may have made one since.
  const bool is_derived =
      derived_token(*observed.directory) == known.token && (!is_marked || has_fingerprint);
  const bool is_same = observed.token == known.token || is_derived || (!is_marked && has_fingerprint);
  if (known.mount != "-" && observed.mount == "-") return PlaceMatch::kNotMounted;
  if (!is_same) return PlaceMatch::kOther;
  return is_marked || is_derived ? PlaceMatch::kSame : PlaceMatch::kSameUnmarked;
}

}  // namespace paxect::link
