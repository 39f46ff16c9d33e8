# Sourced by relay.sh and peers.sh. make_disk creates a directory $work with $work/disk, on which the files are written;
# run_there runs the benchmark; on exit and on a signal the benchmark is ended and everything is removed.
work=
device=
benchmark=
leave() {
  trap '' INT TERM HUP
  [ -z "$benchmark" ] || { kill "$benchmark" && wait "$benchmark"; } 2>/dev/null || true
  [ -z "$device" ] || { umount "$work/disk" || true; losetup --detach "$device" || true; }
  [ -z "$work" ] || rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

# make_disk [DIRECTORY]: below DIRECTORY, which selects the disk. Without it, root gets a new ext4 with a journal on a loop
# device, and other users work below build/. (An ext4 without a journal skips inodes that were freed within the last
# minutes, so that its speed depends on what was removed before.)
make_disk() {
  work=$(mktemp -d "$(realpath "${1:-build}")/bench.XXXXXX")
  mkdir "$work/disk"
  if [ $# -eq 0 ] && [ "$(id -u)" -eq 0 ]; then
    truncate --size=8G "$work/image"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$work/image"
    # Direct, so that what is flushed goes to the disk once and nowhere else.
    device=$(losetup --find --show --direct-io=on "$work/image")
    mount "$device" "$work/disk"
  fi
}

# In the background, because a shell handles a signal only when the command in the foreground has ended.
run_there() {
  "$@" &
  benchmark=$!
  status=0
  wait "$benchmark" || status=$?
  benchmark=
  return "$status"
}
