#include "nkey.h"

#include <sodium.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kSeedSize = 2 + 32 + 2;  // prefixes, seed, checksum
constexpr std::size_t kSeedText = 58;
constexpr unsigned char kUserPrefix = 20U << 3U;  // 'U'
constexpr unsigned char kSeedPrefix = 18U << 3U;  // 'S'

// CRC-16/XMODEM, as nkeys has it.
std::uint16_t checksum_of(const unsigned char* data, std::size_t size) {
  std::uint16_t crc = 0;
  for (std::size_t i = 0; i < size; ++i) {
    crc = static_cast<std::uint16_t>(crc ^ (data[i] << 8U));
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<std::uint16_t>((std::uint32_t{crc} << 1U) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U));
  }
  return crc;
}

bool decode(std::string_view text, std::string* out) {
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = bits << 5U | static_cast<std::uint32_t>(value);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    out->push_back(static_cast<char>(bits >> static_cast<unsigned>(count)));
  }
  return (bits & ((1U << static_cast<unsigned>(count)) - 1U)) == 0;  // what is left over must be zero
}

std::string encode(const unsigned char* data, std::size_t size) {
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits = bits << 8U | data[i];
    for (count += 8; count >= 5; count -= 5)
      text += kAlphabet[bits >> static_cast<unsigned>(count - 5) & 31U];
  }
  if (count > 0) text += kAlphabet[bits << static_cast<unsigned>(5 - count) & 31U];
  return text;
}

}  // namespace

bool public_nkey_of(const std::string& seed, std::string* out) {
  std::string bytes;
  if (seed.size() != kSeedText || !decode(seed, &bytes) || bytes.size() != kSeedSize) return false;
  const auto* raw = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto crc = static_cast<std::uint16_t>(raw[34] | raw[35] << 8U);
  const bool is_user =
      (raw[0] & 0xf8U) == kSeedPrefix && (((raw[0] & 7U) << 5U) | ((raw[1] & 0xf8U) >> 3U)) == kUserPrefix;
  if (!is_user || crc != checksum_of(raw, kSeedSize - 2)) return false;
  std::array<unsigned char, 1 + 32 + 2> key{kUserPrefix};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  crypto_sign_seed_keypair(key.data() + 1, secret.data(), raw + 2);
  sodium_memzero(secret.data(), secret.size());
  sodium_memzero(bytes.data(), bytes.size());
  const std::uint16_t own = checksum_of(key.data(), 33);
  key[33] = static_cast<unsigned char>(own & 255U);
  key[34] = static_cast<unsigned char>(own >> 8U);
  *out = encode(key.data(), key.size());
  return true;
}

Status read_public_nkey(const std::string& path, std::string* out) {
  std::string text;
  bool missing = false;
  if (Status status = read_file(path, 64 * 1024, &text, &missing); !status.ok()) return status;
  bool is_found = false;
  bool is_alone = false;
  for (std::size_t at = text.find("SU"); at != std::string::npos && !is_alone; at = text.find("SU", at + 1)) {
    if (!public_nkey_of(text.substr(at, kSeedText), out)) continue;
    is_found = true;
    const std::size_t end = at + kSeedText;
    is_alone = (at == 0 || text[at - 1] == '\n') && (end == text.size() || text[end] == '\n');
  }
  sodium_memzero(text.data(), text.size());
  if (is_alone) return Status::success();
  // The library would report it at each connection, without the file.
  return Status::failure(
      path + (is_found ? " has other characters in the line of its seed (SU...), such as a byte order "
                         "mark or a carriage return: remove them"
                       : " has no seed of a user's nkey (SU...)"));
}

}  // namespace paxect::carrier
