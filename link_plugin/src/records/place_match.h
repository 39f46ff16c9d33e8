// Whether the directory under the path of a place is the place that the journal knows under that path.
#pragma once

#include "base/place.h"
#include "records/journal_format.h"

namespace paxect::link {

enum class PlaceMatch {
  kSame,
  kSameUnmarked,  // somebody removed its marker
  kMissing,       // there is no directory
  kNotMounted,    // the known place is on a mount, and this directory is not
  kOther
};

// What identifies a place besides its token, for KnownPlace::fingerprint. A place in which no marker could be
// made has a token that was made from what is known of its directory. Where that is no fingerprint, a marker
// that somebody else made there since identifies it from then on.
std::string evidence_of(const PlaceObservation& observed, const std::string& token);
// Whether the place has this marker, under a token of its own.
bool has_marker(const KnownPlace& known, const std::string& marker);

PlaceMatch match_place(const KnownPlace& known, const PlaceObservation& observed);

}  // namespace paxect::link
