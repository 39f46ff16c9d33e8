// Reads any bytes as a receipt. Its outcomes cover the entries from 1 on, each once.
#include "proof/receipt.h"
#include "one_form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::Receipt receipt;
  const link::Status status = link::parse_receipt(text, &receipt);
  paxect::fuzz::check_one_form(status, text, status.ok() ? link::receipt_text(receipt) : "");
  std::uint64_t next = 1;
  for (const link::OutcomeRange& range : receipt.outcomes) {
    FUZZ_REQUIRE(range.first == next && range.last >= range.first);
    next = range.last + 1;
  }
  return 0;
}
