// The places of a relay, inbox, outbox and quarantine: whether what their paths lead to is what they are, and
// which directory may take the place of another. (table of cases: DESIGN.md)
//
// The only one who makes the directory of a place, and who notes places in the journal. Not for two threads
// at a time.
#pragma once

#include <memory>
#include <string>

#include "base/blocks.h"
#include "base/place.h"
#include "base/tree.h"
#include "records/journal.h"
#include "records/relay_lock.h"
#include "relay/reporter.h"
#include "settings/link_config.h"

namespace paxect::link {

// The roles of the two places that a relay cannot go on without. Their problems are reported under these
// names.
inline constexpr const char* kInboxRole = "inbox";
inline constexpr const char* kOutboxRole = "outbox";

class Places {
 public:
  // What a relay has, and Places uses. The journal has to be open before check() is called.
  struct Parts {
    const LinkConfig& config;
    Journal& journal;
    Reporter& reporter;
    RelayLock& lock;
    Tree& inbox;
    Tree& outbox;
    Stop stop;  // ends waiting for another relay
  };

  explicit Places(const Parts& parts);

  // The descriptors of a place lead to another directory, or to the same one mounted again.
  struct Change {
    bool inbox = false;
    bool outbox = false;

    bool any() const { return inbox || outbox; }
  };

  // Success when inbox and outbox are there. What is missing is reported, once.
  Status check(Change* change);
  // The same when nothing seems to have changed: whether the markers are still there.
  void keep_markers();
  // The quarantine, made when there was none before. kWait for the inbox: the default is below it.
  Status open_quarantine(std::shared_ptr<const Directory>* out);

 private:
  // One place, with what it is called in the settings.
  struct Side {
    const char* role;
    const std::string& path;
    bool must_be_mount;
    Tree* tree;
    bool is_away = false;
  };

  Status settle(Side* side, bool* changed);
  Status find(const Side& side, PlaceObservation* observed, std::string* token);
  Status judge(const Side& side, const KnownPlace& known, const PlaceObservation& observed,
               std::string* token);
  Status make(const Side& side, PlaceObservation* observed);
  Status mark(const Side& side, const PlaceObservation& observed, std::string* token);
  Status note(const Side& side, const PlaceObservation& observed, const std::string& token);
  bool is_adopted(const Side& side, const PlaceObservation& observed, std::string* token) const;
  bool is_known(const Side& side, const std::string& token) const;
  Status elsewhere(const Side& side, const std::string& what) const;
  void report(Side* side, const Status& status);

  Parts parts_;
  PlaceFinder finder_;
  Side inbox_;
  Side outbox_;
  Tree quarantine_tree_;
  Side quarantine_;
};

}  // namespace paxect::link
