#include "command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "names.h"

namespace paxect::host {
namespace {

namespace po = boost::program_options;

constexpr unsigned kHelpWidth = 100;
// Abbreviations are refused: a new option could change the meaning of a script that uses one.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

po::options_description common_options() {
  po::options_description options("Options of all commands", kHelpWidth);
  options.add_options()("config,c", po::value<std::string>()->value_name("FILE"),
                        "configuration; default: ./paxect.conf, or one section [link] if it does not exist")(
      "plugin-dir", po::value<std::string>()->value_name("DIR"),
      "absolute path of the plugins; default: PAXECT_PLUGIN_DIR, plugin_dir of [host], lib/paxect/plugins")(
      "help,h", "this text");
  return options;
}

po::options_description instance_options() {
  po::options_description options("Options of run, check and SECTION", kHelpWidth);
  options.add_options()("set",
                        po::value<std::vector<std::string>>()->value_name("SECTION.KEY=VALUE")->composing(),
                        "a setting, which precedes environment and file; may be repeated")(
      "verbose", "show messages of the levels debug and info too");
  return options;
}

po::options_description run_options() {
  po::options_description options("Options of run", kHelpWidth);
  options.add_options()("once", "work until nothing is ready, then exit");
  return options;
}

Status parse_override(const std::string& text, Override* out) {
  std::size_t equals = text.find('=');
  std::size_t dot = text.substr(0, equals).find('.');
  if (equals == std::string::npos || dot == std::string::npos)
    return usage_error("--set " + text.substr(0, equals) + ": use SECTION.KEY=VALUE");
  *out = {text.substr(0, dot), text.substr(dot + 1, equals - dot - 1), text.substr(equals + 1)};
  // No message contains the value, which may be a key.
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
  if (values.count("help") != 0 && out->command == Command::kSection)
    out->words.clear();
  else if (values.count("help") != 0)
    out->command = Command::kHelp;
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
    return usage_error("--plugin-dir " + *out->plugin_directory + ": not absolute: begin it with '/'");
  return {};
}

// Separates the host's options from the plugin's command. They may be on either side of it, but not behind a
// "--"; before it, everything that begins with '-' is the host's.
void split_section_arguments(const std::vector<std::string>& arguments,
                             std::vector<std::string>* host_options, std::vector<std::string>* words) {
  static const std::set<std::string> kWithValue{"-c", "--config", "--plugin-dir", "--set"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") {
      words->insert(words->end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      return;
    }
    bool is_option = word.size() > 1 && word.front() == '-';
    bool has_value = kWithValue.count(word) != 0;
    bool is_known = has_value || word == "--verbose" ||
                    (word.find('=') != std::string::npos && kWithValue.count(word.substr(0, word.find('='))));
    if (!is_known && !(is_option && words->empty())) {
      words->push_back(word);
      continue;
    }
    host_options->push_back(word);
    if (has_value && i + 1 < arguments.size()) host_options->push_back(arguments[++i]);
  }
}

}  // namespace

Status parse_command_line(const std::vector<std::string>& arguments, CommandLine* out) {
  static constexpr std::pair<const char*, Command> kCommands[] = {
      {"run", Command::kRun}, {"check", Command::kCheck}, {"plugins", Command::kPlugins},
      {"-h", Command::kHelp}, {"--help", Command::kHelp}, {"--version", Command::kVersion},
  };
  if (arguments.empty()) return usage_error("no command: use run, check or plugins, or see paxect --help");
  const std::string& first = arguments.front();
  std::vector<std::string> options(arguments.begin() + 1, arguments.end());
  auto known = std::find_if(std::begin(kCommands), std::end(kCommands),
                            [&](const auto& each) { return first == each.first; });
  if (known != std::end(kCommands)) {
    out->command = known->second;
  } else if (is_instance_name(first)) {
    out->command = Command::kSection;
    out->section = first;
    std::vector<std::string> host_options;
    split_section_arguments(options, &host_options, &out->words);
    options = host_options;
  } else {
    return usage_error("unknown command '" + first +
                       "': use run, check, plugins or a section, or see paxect --help");
  }
  if (out->command == Command::kHelp || out->command == Command::kVersion) return {};
  try {
    return parse_options(options, out);
  } catch (const po::error& error) {
    return usage_error(std::string(error.what()) + ": see paxect --help");
  }
}

std::string help_text() {
  std::ostringstream text;
  text << "paxect COMMAND [OPTION]...: runs PAXECT plugins by a configuration file.\n\n"
          "  run       run every section of the configuration; SIGTERM and SIGINT stop it cleanly,\n"
          "            SIGHUP lets it reload\n"
          "  check     read the configuration and let every plugin check its settings; start nothing\n"
          "  plugins   list the plugins found, with version and ABI, or why one is refused\n"
          "  SECTION   list the commands of the plugin that a section uses\n"
          "  SECTION COMMAND [ARGUMENT]...   run one of them\n\n"
       << common_options() << "\n"
       << instance_options() << "\n"
       << run_options()
       << "\n"
          "Other uses:\n"
          "  paxect --help, paxect --version\n\n"
          "A setting comes from the first of: --set SECTION.KEY=VALUE, the environment variable\n"
          "PAXECT_SECTION_KEY (upper case, '-' as '_'; empty: not set), the section of the file.\n\n"
          "Exit status: 0 done or stopped; 1 with --once: something is blocked or pending, of a SECTION's\n"
          "command: not all is as it should be; 64 wrong usage; 70 internal error;\n"
          "75 held by another process; 78 unusable configuration or plugin.\n";
  return text.str();
}

}  // namespace paxect::host
