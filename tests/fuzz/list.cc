// Reads any bytes as a list, and as a list that its sender has signed under the name that it says.
#include "proof/list.h"
#include "one_form.h"
#include "proof/list_check.h"
#include "proof/signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::List list;
  const link::Status status = link::parse_list(text, &list);
  paxect::fuzz::check_one_form(status, text, status.ok() ? link::list_text(list) : "");
  FUZZ_REQUIRE(list.entries.size() <= link::kMaxListEntries);
  for (const link::ListEntry& entry : list.entries) FUZZ_REQUIRE(link::is_entry_name(entry.name));
  if (!status.ok()) return 0;
  static const link::SigningKey kKey = link::SigningKey::generate();
  const link::StatementName name{link::StatementKind::kList, list.head.from, list.head.stream,
                                 list.head.number, false};
  const std::string signature = link::sign_file(kKey, text, link::statement_file(name));
  link::List checked;
  link::PublicKey by;
  const auto check = [&](const link::StatementName& as, bool revoked) {
    return link::check_list(as, text, signature, {{list.head.from, kKey.public_key(), revoked}}, "south",
                            &checked, &by);
  };
  if (check(name, false).ok()) FUZZ_REQUIRE(checked == list && by == kKey.public_key());
  FUZZ_REQUIRE(!check(name, true).ok());
  link::StatementName other = name;
  other.number = name.number == 1 ? 2 : 1;
  FUZZ_REQUIRE(!check(other, false).ok());
  return 0;
}
