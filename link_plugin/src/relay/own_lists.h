// The lists that a folder has of this node: those that our key has signed. Anybody may have put others there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/blocks.h"
#include "base/filesystem.h"
#include "proof/key.h"
#include "proof/list.h"
#include "records/sent_stream.h"

namespace paxect::link {

// A key as sent_stream has it: the line of a public key's file that has the key.
std::string line_of(const PublicKey& key);

// A list of ours with its signature, as two files.
struct OwnList {
  std::string name;
  std::string text;
  std::string signature;
};

// Signs the text of a list again; with the key that signed it before the signature has the same bytes.
Status sign_list(const SigningKey& key, const std::string& text, OwnList* out);
// Puts it, or a receipt, into the folder, durable but for its names. A file under one of the names that is
// damaged, or not ours, is replaced: whoever can write to the folder must not be able to end a stream. One
// that reads as another text of the same number gets another name, since it may be what our key signed.
// Another text that the key has signed is evidence of a second one and stays: then `*is_other` is true.
// kEnvironment with the event kTaken when one of the names cannot be had, however often it is tried.
Status put_list(const Directory& folder, const SigningKey& key, const OwnList& list, bool* is_other);

// Whether its mode keeps this process from reading this file: another try reads no more.
bool is_forbidden(const Directory& folder, const std::string& file);

// Whether this file is a list that the key has signed; `*text` and `*list` receive it. A file that cannot be
// read may be one: that is a failure, unless its mode keeps this process from reading it.
Status read_own_list(const Directory& folder, const std::string& name, const PublicKey& key, bool* is_own,
                     std::string* text, List* list);

// An entry of a list that is in a folder.
struct OwnEntry {
  SentStream::EntryNumber number;
  std::int64_t made = 0;
  std::string to;
  std::optional<EarlierEntry> again = {};  // as in the list
};
// By digest and name: a container may be listed several times.
using OwnEntries = std::multimap<std::pair<std::string, std::string>, OwnEntry>;

void add_entries(const List& list, OwnEntries* out);
// Those of the stream's lists in the folder.
Status read_entries(const Directory& folder, const SentStream& stream, const PublicKey& key, OwnEntries* out);

// A list of ours that a folder has and the journal does not know.
struct UnknownList {
  List list;
  std::string digest;
};

// What folders show of our lists that the journal may not know.
struct ShownLists {
  std::string stream = {};
  std::uint64_t number = 0;  // the highest
  std::string digest = {};   // of the list with that number
  std::int64_t made = 0;
  // Those that the journal does not know, by stream and number.
  std::map<std::pair<std::string, std::uint64_t>, UnknownList> unknown = {};
};

// Adds what this folder shows of the stream that the journal has, or of any of the node's where it has none.
// kStopped when `stop` says so.
Status read_shown(const Directory& folder, const std::string& node, const SentStream& stream,
                  const PublicKey& key, const Stop& stop, ShownLists* shown);

}  // namespace paxect::link
