#include "proof/statement_name.h"

#include "base/relay_paths.h"
#include "proof/statement.h"

namespace paxect::link {
namespace {

// Cuts the part after the last dot off.
std::string_view cut_last(std::string_view* name) {
  const std::size_t dot = name->rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view part = name->substr(dot + 1);
  *name = name->substr(0, dot);
  return part;
}

}  // namespace

bool parse_statement_name(std::string_view name, StatementName* out) {
  *out = {};
  const std::string_view whole = name;
  std::string_view kind = cut_last(&name);
  out->is_signature = kind == "minisig";
  if (out->is_signature) kind = cut_last(&name);
  if (kind != "list" && kind != "receipt") return false;
  out->kind = kind == "list" ? StatementKind::kList : StatementKind::kReceipt;
  if (!parse_number(cut_last(&name), 1, kMaxNumber, &out->number)) return false;
  out->stream = cut_last(&name);
  out->node = name;
  return is_stream(out->stream) && is_node_name(out->node) && statement_file(*out) == whole;
}

std::string statement_file(const StatementName& name) {
  const std::string file = name.kind == StatementKind::kList
                               ? list_of(name.node, name.stream, name.number)
                               : receipt_of(name.node, name.stream, name.number);
  return name.is_signature ? signature_of(file) : file;
}

}  // namespace paxect::link
