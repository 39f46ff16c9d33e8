// What lists and receipts have in common: how their text is read, line by line, and the head of each.
//
// PROOF.md specifies the text. A statement has one valid form: a reader writes what it read again and
// compares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace paxect::link {

// The largest statement that is read.
inline constexpr std::size_t kMaxStatementSize = std::size_t{4} << 20;
// Of everything that is counted: what fits an integer of JSON and of a file's size.
inline constexpr std::uint64_t kMaxNumber = INT64_MAX;

// Standard base64 with padding, and hexadecimal digits of a fixed number in lower case.
std::string base64_text(std::string_view bytes);
bool is_hex(std::string_view text, std::size_t digits);
inline bool is_stream(std::string_view text) { return is_hex(text, 16); }
inline bool is_digest(std::string_view text) { return is_hex(text, 64); }
// A new random stream.
std::string make_stream();

// The name of a node where it is part of a file name: 1 to 128 letters, digits, '.', '-' and '_' of ASCII, a
// letter or a digit first, and no number after the last dot, since NAME.1.pub is the second key of NAME.
bool is_node_name(std::string_view text);

// Reads lines that end with LF. Failures name the line.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text), rest_(text) {}

  Status line(std::string_view* out);
  // A line of base64 that contains this many bytes.
  Status base64(std::size_t size, std::string* out);
  // "# NAME VALUE", of a head.
  Status field(std::string_view name, std::string_view* value);
  Status field(std::string_view name, std::uint64_t min, std::uint64_t max, std::uint64_t* value);
  // Whether the next line is the field of this name.
  bool has_field(std::string_view name) const;
  // Success when nothing is left.
  Status end() const;
  // "line N: MESSAGE", of the line that was read last.
  Status fail(const std::string& message) const;

 private:
  std::string_view text_;
  std::string_view rest_;
  std::uint64_t number_ = 0;
};

// The decimal digits of a number from `min` to `max`, without leading zeros.
bool parse_number(std::string_view text, std::uint64_t min, std::uint64_t max, std::uint64_t* out);

// A statement of a stream that was given up, which this stream continues.
struct Continued {
  std::string stream;
  std::uint64_t number = 0;

  bool operator==(const Continued&) const = default;
};

// The audit log of who made the statement, at that time.
struct LogHead {
  std::uint64_t lines = 0;  // that are part of the chain
  std::string chain;        // of the last one; "" with 0 lines

  bool operator==(const LogHead&) const = default;
};

// "NUMBER SHA256", as a line of the log and a statement have it; "0 -" before the first line.
std::string log_head_value(const LogHead& head);
bool parse_log_head_value(std::string_view text, LogHead* out);

struct StatementHead {
  std::string from;
  std::vector<std::string> to;  // empty: whoever has it
  std::string stream;
  std::optional<Continued> continues = {};
  std::uint64_t number = 0;  // in the stream, from 1
  std::string previous;      // the SHA-256 of the statement before this one; "" for the first
  std::int64_t made = 0;     // seconds since 1970
  LogHead log;

  bool operator==(const StatementHead&) const = default;
};

// From "# paxect KIND 1" to "# previous", then "# made", and "# log". What is between is of the kind alone.
Status read_head(LineReader* reader, std::string_view kind, StatementHead* out);
Status read_made(LineReader* reader, StatementHead* out);
Status read_log_head(LineReader* reader, StatementHead* out);
std::string head_text(std::string_view kind, const StatementHead& head);
std::string made_text(const StatementHead& head);
std::string log_head_text(const StatementHead& head);
std::string field_text(std::string_view name, std::string_view value);

}  // namespace paxect::link
