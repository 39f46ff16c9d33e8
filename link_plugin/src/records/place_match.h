// Whether what stands under the path of a place is the place that the journal knows there.
#pragma once

#include "base/place.h"
#include "records/journal_format.h"

namespace paxect::link {

enum class PlaceMatch {
  kSame,
  kSameUnmarked,  // somebody took its marker away
  kMissing,       // there is no directory
  kNotMounted,    // it was on a mount, and this is not
  kOther
};

PlaceMatch match_place(const KnownPlace& known, const PlaceLook& look);

}  // namespace paxect::link
