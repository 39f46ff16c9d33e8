# bash completion for paxect-core
_paxect_core() {
  local cur prev words cword
  _init_completion || return

  local talk='--json --quiet --progress --no-progress --help'
  local options
  case ${words[1]} in
    encode) options="--input --output --level --channels --frame --mapping --verify --paranoid --protect --threads --no-attributes --sync $talk" ;;
    decode) options="--input --output --verify --range --max-frame --no-sparse --threads --no-attributes --sync $talk" ;;
    test) options="--max-frame --threads $talk" ;;
    info) options='--frames --json --help' ;;
    check) options="$talk" ;;
    repair) options="--output --check --max-frame --threads --no-attributes --sync $talk" ;;
    salvage) options="--output --report --fill --max-frame --no-attributes --sync $talk" ;;
  esac
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'encode decode test info check repair salvage --help --version' -- "$cur")
    return
  fi
  case $prev in
    -i | --input | -o | --output | --report)
      _filedir
      return
      ;;
    --channels)
      mapfile -t COMPREPLY < <(compgen -W '1 2 3 4 5 6 7 8 auto' -- "$cur")
      return
      ;;
    --mapping)
      mapfile -t COMPREPLY < <(compgen -W 'virtual u16' -- "$cur")
      return
      ;;
    --fill)
      mapfile -t COMPREPLY < <(compgen -W 'zero skip' -- "$cur")
      return
      ;;
    --level | --frame | --protect | --range | --max-frame | --threads)
      return
      ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  case ${words[1]} in
    test | info | check | repair | salvage) _filedir ;;
  esac
} && complete -F _paxect_core paxect-core
