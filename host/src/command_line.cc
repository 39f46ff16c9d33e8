#include "command_line.h"

#include <boost/program_options.hpp>
#include <sstream>
#include <utility>

#include "names.h"

namespace paxect::host {
namespace {

namespace po = boost::program_options;

constexpr unsigned kLineLength = 100;
// Abbreviations are refused: a script that uses one would change its meaning with every new option.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

po::options_description common_options() {
  po::options_description options("Options of run, check and plugins", kLineLength);
  options.add_options()("config,c", po::value<std::string>()->value_name("FILE"),
                        "configuration; default: paxect.conf here, or one section [link] if there is none")(
      "plugin-dir", po::value<std::string>()->value_name("DIR"),
      "where plugins are, absolute; default: PAXECT_PLUGIN_DIR, plugin_dir of [host], lib/paxect/plugins")(
      "help,h", "this text");
  return options;
}

po::options_description instance_options() {
  po::options_description options("Options of run and check", kLineLength);
  options.add_options()("set",
                        po::value<std::vector<std::string>>()->value_name("SECTION.KEY=VALUE")->composing(),
                        "a setting, before environment and file; may be repeated")(
      "verbose", "show messages of the levels debug and info too");
  return options;
}

po::options_description run_options() {
  po::options_description options("Options of run", kLineLength);
  options.add_options()("once", "work until nothing is ready, then leave");
  return options;
}

Status parse_override(const std::string& text, Override* out) {
  std::size_t equals = text.find('=');
  std::size_t dot = text.substr(0, equals).find('.');
  if (equals == std::string::npos || dot == std::string::npos)
    return usage_error("--set " + text.substr(0, equals) + ": use SECTION.KEY=VALUE");
  *out = {text.substr(0, dot), text.substr(dot + 1, equals - dot - 1), text.substr(equals + 1)};
  // The value stays out of all messages: it may be a key.
  if (!is_instance_name(out->section))
    return usage_error("--set: '" + out->section + "' is no section name: [a-z][a-z0-9_-]{0,63}");
  if (!is_key(out->key)) return usage_error("--set: '" + out->key + "' is no key: [a-z][a-z0-9_]{0,63}");
  return {};
}

Status parse_options(const std::vector<std::string>& arguments, CommandLine* out) {
  po::options_description options = common_options();
  if (out->command != Command::kPlugins) options.add(instance_options());
  if (out->command == Command::kRun) options.add(run_options());
  po::variables_map values;
  // The empty positional description makes a stray argument an error.
  po::store(po::command_line_parser(arguments)
                .options(options)
                .positional(po::positional_options_description())
                .style(kStyle)
                .run(),
            values);
  if (values.count("help") != 0) out->command = Command::kHelp;
  if (values.count("config") != 0) out->config_path = values["config"].as<std::string>();
  if (values.count("plugin-dir") != 0) out->plugin_directory = values["plugin-dir"].as<std::string>();
  out->once = values.count("once") != 0;
  out->verbose = values.count("verbose") != 0;
  if (values.count("set") != 0) {
    for (const std::string& text : values["set"].as<std::vector<std::string>>()) {
      Status status = parse_override(text, &out->overrides.emplace_back());
      if (!status.ok()) return status;
    }
  }
  if (out->plugin_directory && (out->plugin_directory->empty() || out->plugin_directory->front() != '/'))
    return usage_error("--plugin-dir " + *out->plugin_directory + ": not absolute");
  return {};
}

}  // namespace

Status parse_command_line(const std::vector<std::string>& arguments, CommandLine* out) {
  static constexpr std::pair<const char*, Command> kCommands[] = {
      {"run", Command::kRun}, {"check", Command::kCheck}, {"plugins", Command::kPlugins},
      {"-h", Command::kHelp}, {"--help", Command::kHelp}, {"--version", Command::kVersion},
  };
  if (arguments.empty()) return usage_error("no command: use run, check or plugins, or see paxect --help");
  for (const auto& [word, command] : kCommands) {
    if (arguments.front() != word) continue;
    out->command = command;
    if (command == Command::kHelp || command == Command::kVersion) return {};
    try {
      return parse_options({arguments.begin() + 1, arguments.end()}, out);
    } catch (const po::error& error) {
      return usage_error(std::string(error.what()) + ": see paxect --help");
    }
  }
  return usage_error("unknown command '" + arguments.front() +
                     "': use run, check or plugins, or see paxect --help");
}

std::string help_text() {
  std::ostringstream text;
  text << "paxect COMMAND [OPTION]...: runs PAXECT plugins by a configuration file.\n\n"
          "  run       run every section of the configuration; SIGTERM and SIGINT stop it cleanly\n"
          "  check     read the configuration and let every plugin check its settings; start nothing\n"
          "  plugins   list the plugins found, with version and ABI, or why one is refused\n\n"
       << common_options() << "\n"
       << instance_options() << "\n"
       << run_options()
       << "\n"
          "Other uses:\n"
          "  paxect --help, paxect --version\n\n"
          "A setting comes from the first of: --set SECTION.KEY=VALUE, the environment variable\n"
          "PAXECT_SECTION_KEY (upper case, '-' as '_'; empty: not set), the section of the file.\n\n"
          "Exit status: 0 done or stopped; 1 with --once: something is blocked or pending; 64 wrong usage;\n"
          "70 internal error; 75 held by another process; 78 unusable configuration or plugin.\n";
  return text.str();
}

}  // namespace paxect::host
