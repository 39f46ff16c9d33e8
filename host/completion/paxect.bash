# bash completion for paxect

# The word behind -c or --config on the line; nothing without one.
_paxect_named_config() {
  local i
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      -c | --config)
        echo "${words[i + 1]}"
        return
        ;;
      --config=*)
        echo "${words[i]#*=}"
        return
        ;;
    esac
  done
}

_paxect_sections() {
  local file
  file=$(_paxect_named_config)
  file=${file:-paxect.conf}
  if [[ -f $file && -r $file ]]; then
    sed -n 's/^[[:blank:]]*\[\([a-z][a-z0-9_-]*\)\].*/\1/p' "$file" | grep -vx host
  else
    echo link
  fi
}

# What the plugin of a section offers: only it knows.
_paxect_section_commands() {
  local file
  file=$(_paxect_named_config)
  # paxect decides itself whether to read a ./paxect.conf that nobody named.
  [[ -f $file && -r $file ]] && set -- "$1" -c "$file"
  "${words[0]}" "$@" -h 2>/dev/null | awk '/^  [a-z]/ { print $1 }'
}

_paxect() {
  local cur prev words cword
  _init_completion -n = || return

  local options='--config --plugin-dir --help'
  case ${words[1]} in
    run) options+=' --set --verbose --once' ;;
    plugins) ;;
    *) options+=' --set --verbose' ;;
  esac
  case $prev in
    -c | --config)
      _filedir
      return
      ;;
    --plugin-dir)
      _filedir -d
      return
      ;;
    --set)
      mapfile -t COMPREPLY < <(compgen -S . -W "$(_paxect_sections)" -- "$cur")
      compopt -o nospace
      return
      ;;
  esac
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "run check plugins $(_paxect_sections) --help --version" -- "$cur")
    return
  fi
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  case ${words[1]} in
    run | check | plugins | -*) ;;
    *)
      mapfile -t COMPREPLY < <(compgen -W "$(_paxect_section_commands "${words[1]}")" -- "$cur")
      [[ $prev == "${words[1]}" ]] || _filedir
      ;;
  esac
} && complete -F _paxect paxect
