#!/bin/sh
# Runs a Windows program under the Wine of the cache: wine.sh PREFIX PROGRAM ARGUMENT…
#
# Wine lies in a root of its own, because it must be newer than that of most systems. The folders both sides
# need are mounted there in a mount namespace that ends with the program, so no mount is left behind. PROGRAM is
# a path of this system or of Windows, or wineserver. KEYSTOW_WINE_ROOT names the root, KEYSTOW_WINE_MOUNTS more folders, one a line.
set -eu
root=${KEYSTOW_WINE_ROOT:?names the folder with Wine}

if [ "${1:-}" != --inside ]; then
    map=
    [ "$(id -u)" = 0 ] || map=--map-root-user
    exec unshare --mount --propagation private $map "$0" --inside "$PWD" "$@"
fi

here=$2 prefix=$3
shift 3
IFS='
'
project=$(dirname "$(dirname "$(realpath "$0")")")
for folder in /proc /dev /tmp "$project" $KEYSTOW_WINE_MOUNTS "$prefix"; do
    # Only root may make a folder there; `cargo xtask wine` has made those that are always mounted.
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
unset IFS
program=$1
shift
case $program in
    wineserver) set -- /usr/lib/wine/wineserver64 "$@" ;;
    /*) set -- /usr/lib/wine/wine64 "Z:$program" "$@" ;;
    *) set -- /usr/lib/wine/wine64 "$program" "$@" ;;
esac
# XDG_RUNTIME_DIR keeps Wine quiet; a display is not there and not needed.
exec chroot "$root" env -C "$here" WINEPREFIX="$prefix" WINEDEBUG="${WINEDEBUG:--all}" XDG_RUNTIME_DIR=/tmp HOME=/tmp "$@"
