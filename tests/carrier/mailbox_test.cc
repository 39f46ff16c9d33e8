#include "mailbox.h"

#include <string>

#include "support/catch.h"

namespace paxect::carrier {
namespace {

// Puts a message into the mailbox as the library does for a subscription.
void arrive(Mailbox* mailbox, std::size_t bytes) {
  natsMsg* message = nullptr;
  const std::string data(bytes, 'x');
  REQUIRE(natsMsg_Create(&message, "subject", nullptr, data.data(), static_cast<int>(data.size())) ==
          NATS_OK);
  Mailbox::on_message(nullptr, nullptr, message, mailbox);
}

std::size_t take_all(Mailbox* mailbox) {
  std::size_t count = 0;
  while (mailbox->next() != nullptr) ++count;
  return count;
}

TEST_CASE("Errors that come before they are taken are all kept, up to a limit") {
  Mailbox mailbox;
  REQUIRE(mailbox.open().ok());
  CHECK(mailbox.take_error().empty());
  for (const natsStatus error : {NATS_TIMEOUT, NATS_NOT_FOUND})
    Mailbox::on_error(nullptr, nullptr, error, &mailbox);
  CHECK(mailbox.take_error() == natsStatus_GetText(NATS_TIMEOUT));
  CHECK(mailbox.take_error() == natsStatus_GetText(NATS_NOT_FOUND));
  CHECK(mailbox.take_error().empty());
  for (std::size_t i = 0; i < 2 * Mailbox::kMaxErrors; ++i)
    Mailbox::on_error(nullptr, nullptr, NATS_TIMEOUT, &mailbox);
  std::size_t kept = 0;
  while (!mailbox.take_error().empty()) ++kept;
  CHECK(kept == Mailbox::kMaxErrors);
}

TEST_CASE("A mailbox that nobody empties drops what is beyond its bytes") {
  constexpr std::size_t kSize = 1024 * 1024;
  Mailbox mailbox;
  REQUIRE(mailbox.open().ok());
  for (int i = 0; i < 100; ++i) arrive(&mailbox, kSize);
  const std::uint64_t dropped = mailbox.take_dropped();
  const std::size_t kept = take_all(&mailbox);
  CHECK(kept + dropped == 100);
  CHECK(kept >= 16);
  CHECK(kept <= 32);
  CHECK(mailbox.take_dropped() == 0);
  arrive(&mailbox, kSize);  // there is room again
  CHECK(take_all(&mailbox) == 1);
  CHECK(mailbox.take_dropped() == 0);
}

TEST_CASE("A mailbox that nobody empties drops what is beyond its number of messages") {
  constexpr std::size_t kMany = 150'000;
  Mailbox mailbox;
  REQUIRE(mailbox.open().ok());
  for (std::size_t i = 0; i < kMany; ++i) arrive(&mailbox, 0);
  const std::uint64_t dropped = mailbox.take_dropped();
  const std::size_t kept = take_all(&mailbox);
  CHECK(kept + dropped == kMany);
  CHECK(kept <= 100'000);
  CHECK(kept >= 50'000);
}

TEST_CASE("A cleared mailbox has all its room") {
  Mailbox mailbox;
  REQUIRE(mailbox.open().ok());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 16; ++i) arrive(&mailbox, 1024 * 1024);
    mailbox.clear();
  }
  CHECK(mailbox.take_dropped() == 0);
  CHECK(take_all(&mailbox) == 0);
}

}  // namespace
}  // namespace paxect::carrier
