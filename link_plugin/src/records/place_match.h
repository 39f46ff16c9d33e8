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

PlaceMatch match_place(const KnownPlace& known, const PlaceObservation& observed);

}  // namespace paxect::link
